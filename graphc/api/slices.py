"""Python's slices over dims that may be known only when fed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

from graphc.api.blame import fail_attribute, fail_shape
from graphc.api.shapes import as_int
from graphc.api.value import Value
from graphc.ir.dims import Dim, Size, floordiv, is_nonnegative, maximum, minimum


@dataclass(frozen=True, slots=True)
class Span:
    """The positions start, start + step, ... along an axis, `count` of them."""

    start: Size
    step: int
    count: Size

    def covers(self, size: Size) -> bool:
        """Whether it is the whole axis as it stands."""
        return self.start == 0 and self.step == 1 and self.count == size


def span_of(op: str, key: slice, size: Size) -> Span:
    """The span that a slice selects of an axis, by Python's rules for negative and missing bounds.

    A bound that is a `Dim` counts from the start.
    """
    step = 1 if key.step is None else _bound(op, key.step)
    if not isinstance(step, int) or step == 0:
        fail_attribute(op, f"the step of a slice must be an integer other than 0, not {step}")
    start = None if key.start is None else _position(_bound(op, key.start), size)
    stop = None if key.stop is None else _position(_bound(op, key.stop), size)
    return _upwards(start, stop, step, size) if step > 0 else _downwards(start, stop, step, size)


def _upwards(start: Size | None, stop: Size | None, step: int, size: Size) -> Span:
    lows: list[Size] = [0] if start is None else [start, 0]
    highs: list[Size] = [size] if stop is None else [stop, size]
    distance = _least_gap(highs, lows)
    # Past the end there is no need to clip the start: nothing is read.
    return Span(reduce(maximum, lows), step, _rounded_up(distance, step))


def _downwards(start: Size | None, stop: Size | None, step: int, size: Size) -> Span:
    highs: list[Size] = [size - 1] if start is None else [start, size - 1]
    lows: list[Size] = [-1] if stop is None else [stop, -1]
    distance = _least_gap(highs, lows)
    return Span(reduce(minimum, highs), step, _rounded_up(distance, -step))


def _position(bound: Size, size: Size) -> Size:
    return size + bound if isinstance(bound, int) and bound < 0 else bound


def _least_gap(highs: list[Size], lows: list[Size]) -> Size:
    """max(0, min(highs) - max(lows)), in the simplest terms that are known."""
    gaps = [high - low for high in highs for low in lows]
    least = reduce(minimum, gaps)
    return least if all(is_nonnegative(gap) for gap in gaps) else maximum(least, 0)


def _rounded_up(distance: Size, step: int) -> Size:
    return distance if step == 1 else floordiv(distance + step - 1, step)


def _bound(op: str, bound: object) -> Size:
    if isinstance(bound, Value):
        fail_shape(op, "a slice bounded by a tensor has a shape that depends on the data")
    if isinstance(bound, Dim):
        return bound
    return as_int(op, bound, "a bound of a slice")
