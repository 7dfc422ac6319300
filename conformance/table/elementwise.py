"""Functions of elements."""

from __future__ import annotations

import math
from typing import Any

import graphc as gc
from conformance.table.entries import plain, promoted


def _divided(input: Any, other: Any, *, rounding_mode: str | None = None) -> Any:
    quotient = gc.divide(input, other)
    if rounding_mode == "trunc":
        return gc.trunc(quotient)
    return quotient if rounding_mode is None else gc.floor_divide(input, other)


def _rounded(input: Any, *, decimals: int = 0) -> Any:
    if decimals == 0:
        return gc.round(input)
    scale = 10.0 ** abs(decimals)
    return gc.round(input * scale) / scale if decimals > 0 else gc.round(input / scale) * scale


def _clamped(input: Any, min: Any = None, max: Any = None) -> Any:
    return gc.clip(*promoted(input, min, max))


TABLE = plain({
    "abs": gc.abs,
    "acos": gc.acos,
    "acosh": gc.acosh,
    "add": lambda input, other, alpha=1: gc.add(input, gc.multiply(other, alpha)),
    "asin": gc.asin,
    "asinh": gc.asinh,
    "atan": gc.atan,
    "atan2": gc.atan2,
    "atanh": gc.atanh,
    "ceil": gc.ceil,
    "clamp": _clamped,
    "clamp_max": lambda input, max: gc.clip(input, None, max),
    "clamp_min": lambda input, min: gc.clip(input, min),
    "cos": gc.cos,
    "cosh": gc.cosh,
    "deg2rad": lambda input: input * (math.pi / 180),
    "digamma": gc.digamma,
    "div.no_rounding_mode div.trunc_rounding div.floor_rounding true_divide": _divided,
    "erf": gc.erf,
    "erfc": gc.erfc,
    "exp": gc.exp,
    "exp2": gc.exp2,
    "expm1": gc.expm1,
    "floor": gc.floor,
    "fmod": lambda input, other: input - gc.trunc(gc.divide(input, other)) * other,
    "hypot": gc.hypot,
    "lgamma": gc.lgamma,
    "log": gc.log,
    "log10": gc.log10,
    "log1p": gc.log1p,
    "log2": gc.log2,
    "logaddexp": gc.logaddexp,
    "maximum max.binary": gc.maximum,
    "minimum min.binary": gc.minimum,
    "mul __rmul__": gc.multiply,
    "neg": gc.negative,
    "positive": gc.positive,
    "pow float_power": gc.pow,
    "rad2deg": lambda input: input * (180 / math.pi),
    "reciprocal": gc.reciprocal,
    "remainder": gc.remainder,
    "round round.decimals_0 round.decimals_3 round.decimals_neg_3": _rounded,
    "rsqrt": gc.rsqrt,
    "sigmoid": gc.sigmoid,
    "sign sgn": gc.sign,
    "sin": gc.sin,
    "sinh": gc.sinh,
    "sqrt": gc.sqrt,
    "square": gc.square,
    "sub": lambda input, other, alpha=1: gc.subtract(input, gc.multiply(other, alpha)),
    "tan": gc.tan,
    "tanh": gc.tanh,
    "trunc": gc.trunc,
    "where": lambda input, condition, other: gc.where(condition, input, other),
    "__radd__": gc.add,
    "__rdiv__": lambda input, other: gc.divide(other, input),
    "__rmod__": lambda input, other: gc.remainder(other, input),
    "__rpow__": lambda input, other: gc.pow(other, input),
    "__rsub__": lambda input, other: gc.subtract(other, input),
    "rsub": lambda input, other, alpha=1: gc.subtract(other, gc.multiply(input, alpha)),
})  # fmt: skip
