"""Strides, dilations and paddings of sliding windows as users write them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from graphc.api.blame import fail_attribute, fail_shape
from graphc.api.shapes import as_int, as_list, is_several
from graphc.ir.dims import Size, floordiv, is_nonnegative, maximum
from graphc.ir.types import Shape
from graphc.ops.windows import Windows

#: One number for all spatial dims, or one for each.
Steps: TypeAlias = int | Sequence[int]
#: One number for all sides, one for each spatial dim, a pair (before, after) for each, or a name.
Padding: TypeAlias = int | Sequence[int] | Sequence[tuple[int, int]] | str

_Pairs = list[tuple[Size, Size]]


def as_steps(op: str, value: object, what: str, rank: int, least: int = 1) -> tuple[int, ...]:
    """A number for each spatial dim; AttributeValueError if they are too few or too small."""
    parts = as_list(value) if is_several(value) else [value] * rank
    if len(parts) != rank:
        fail_attribute(op, f"{what} {value!r} must be one number, or one for each of {rank} dims")
    found = tuple(as_int(op, part, what) for part in parts)
    if any(part < least for part in found):
        fail_attribute(op, f"{what} must be at least {least}, not {value!r}")
    return found


def as_pairs(op: str, value: object, rank: int) -> _Pairs:
    """Padding (before, after) each spatial dim, from numbers; not from a name."""
    parts = as_list(value) if is_several(value) else [value] * rank
    pairs = [part if is_several(part) else (part, part) for part in parts]
    if isinstance(value, str) or len(pairs) != rank or any(len(pair) != 2 for pair in pairs):
        fail_attribute(
            op,
            f"padding {value!r} must be one number, one for each of {rank} dims, "
            "or a pair (before, after) for each",
        )
    found = [(as_int(op, a, "padding"), as_int(op, b, "padding")) for a, b in pairs]
    if any(side < 0 for pair in found for side in pair):
        fail_attribute(op, f"padding must not be negative, but is {value!r}; slice instead")
    return [*found]


def windows_of(
    op: str, sizes: Shape, kernel: Shape, stride: Steps, padding: Padding, dilation: Steps
) -> Windows:
    """The windows over dims of these sizes; ShapeError where none fits."""
    rank = len(sizes)
    strides = as_steps(op, stride, "stride", rank)
    dilations = as_steps(op, dilation, "dilation", rank)
    reach = [d * (k - 1) for d, k in zip(dilations, kernel, strict=True)]
    if padding == "same":
        pairs = [_same(*parts) for parts in zip(sizes, strides, reach, strict=True)]
    elif padding == "valid":
        pairs = [(0, 0)] * rank
    elif isinstance(padding, str):
        fail_attribute(op, f"padding must be numbers, 'same' or 'valid', not {padding!r}")
    else:
        pairs = as_pairs(op, padding, rank)
    low, high = tuple(pair[0] for pair in pairs), tuple(pair[1] for pair in pairs)
    made = Windows(strides, low, high, dilations)
    _check_fit(op, made, sizes, kernel)
    return made


def _same(size: Size, stride: int, reach: Size) -> tuple[Size, Size]:
    """Padding for as many windows as there are strides, the odd element after.

    Of sizes known when fed, what is added after may be more than is needed, but never enough for
    another window: so their number has a simple form.
    """
    needed = maximum(floordiv(size - 1, stride) * stride + reach + 1 - size, 0)
    low = floordiv(needed, 2)
    return low, (needed if isinstance(needed, int) else reach) - low


def _check_fit(op: str, windows: Windows, sizes: Shape, kernel: Shape) -> None:
    for k, room in enumerate(windows.rooms(sizes, kernel)):
        if is_nonnegative(-room - 1):
            padded = sizes[k] + windows.low[k] + windows.high[k]
            fail_shape(
                op,
                f"a window over {padded - room} elements is larger than spatial dim {k}, which has "
                f"{padded} with padding",
            )
