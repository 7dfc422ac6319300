"""Short forms for the tables of translations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import graphc as gc
from conformance.case import Refusal, Translation

Apply = Callable[..., Any]


def plain(entries: Mapping[str, Apply]) -> dict[str, Translation]:
    """Entries by the operator's name; names with a space between them share one."""
    return {name: Translation(apply) for names, apply in entries.items() for name in names.split()}


def refuse(condition: Any, reason: str) -> None:
    """Refusal if the condition holds."""
    if condition:
        raise Refusal(reason)


def as_tensor(value: Any, like: gc.Tensor) -> gc.Tensor:
    """A number as a tensor of another's dtype; a tensor as it is."""
    return value if isinstance(value, gc.Tensor) else gc.constant(value, dtype=like.dtype)


def cast(x: Any, dtype: Any) -> Any:
    """The tensor in a dtype, if one is asked for."""
    return x if dtype is None else gc.astype(x, dtype)


def floats(x: Any) -> Any:
    """The tensor as floating point, float32 if it is none, as PyTorch has it."""
    return x if x.dtype.is_float else gc.astype(x, gc.float32)


def axes_of(dim: Any, x: Any) -> Any:
    """PyTorch's dims as axes: none and an empty list are all of them, and a scalar has dim 0."""
    if dim is None or x.ndim == 0 or (isinstance(dim, list | tuple) and len(dim) == 0):
        return None
    return dim


def by_rows(function: Apply) -> Apply:
    """A function along an axis, for which a scalar counts as a vector of one element."""

    def apply(input: Any, dim: int = -1, *args: Any, **kwargs: Any) -> Any:
        if input.ndim:
            return function(input, dim, *args, **kwargs)
        found = function(gc.expand_dims(input, 0), dim, *args, **kwargs)
        return [gc.reshape(part, ()) for part in as_list(found)]

    return apply


def as_list(value: Any) -> list[Any]:
    """The members of a list or tuple, or the value alone."""
    return list(value) if isinstance(value, list | tuple) else [value]


def promoted(*operands: Any) -> list[Any]:
    """Tensors of mixed kinds brought to one dtype: a float among them decides, as in PyTorch."""
    tensors = [x for x in operands if isinstance(x, gc.Tensor)]
    kinds = [x.dtype for x in tensors if x.dtype.is_float]
    if not kinds:
        return list(operands)
    return [
        gc.astype(x, kinds[0]) if isinstance(x, gc.Tensor) and not x.dtype.is_float else x
        for x in operands
    ]


def pairs(value: Any) -> Any:
    """A list as the tuple that graphc takes for several dims; anything else as it is."""
    return tuple(value) if isinstance(value, list | tuple) else value
