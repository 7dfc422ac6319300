"""The operations by which reductions combine elements."""

from __future__ import annotations

from graphc.ir.dtypes import DType

Number = bool | int | float


def identity(combiner: str, dtype: DType) -> Number:
    """The number that changes nothing when it is combined.

    For a floating-point sum that is -0.0, since 0.0 + -0.0 is 0.0 and -0.0 + -0.0 is -0.0.
    """
    match combiner:
        case "sum":
            return -0.0 if dtype.is_float else 0
        case "prod":
            return 1
        case "max":
            return dtype.lowest
        case "min":
            return dtype.highest
        case "any":
            return False
        case "all":
            return True
        case "dot":
            return 0
    raise KeyError(combiner)
