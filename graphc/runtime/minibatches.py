"""What each of several runs is fed: rows of arrays, elements of arrays, or the same every time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphc.codegen.executable import Input
from graphc.errors import AttributeValueError, FeedError
from graphc.ir.dims import Size
from graphc.runtime.feeds import as_input

Array = np.ndarray[Any, Any]
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Feed:
    """How one placeholder is fed.

    `rows` is how many rows of the array a run gets, None if it gets an element (`each`) or all.
    """

    array: Array
    rows: int | None = None
    each: bool = False

    @property
    def shape(self) -> Shape:
        """The shape of what a run is fed."""
        if self.rows is not None:
            return (self.rows, *self._row)
        return self._row if self.each else self.array.shape

    @property
    def _row(self) -> Shape:
        return tuple(self.array.shape[1:])

    @property
    def row_bytes(self) -> int:
        """Bytes of a row."""
        return math.prod(self._row) * self.array.itemsize

    @property
    def stride(self) -> int:
        """Bytes from what one run is fed to what the next one is, if rows are not permuted."""
        if self.rows is not None:
            return self.rows * self.row_bytes
        return int(self.array.strides[0]) if self.each else 0

    def at(self, step: int, permutation: Array | None) -> Array:
        """What a run is fed."""
        if self.rows is None:
            return self.array[step, ...] if self.each else self.array
        begin, end = step * self.rows, (step + 1) * self.rows
        return self.array[begin:end] if permutation is None else self.array[permutation[begin:end]]


@dataclass(frozen=True)
class Minibatches:
    """What all placeholders are fed in a number of runs."""

    feeds: list[Feed]
    steps: int
    permutation: Array | None

    @property
    def shapes(self) -> list[Shape]:
        """The shapes of what each run is fed."""
        return [feed.shape for feed in self.feeds]

    def __iter__(self) -> Iterator[list[Array]]:
        for step in range(self.steps):
            yield [feed.at(step, self.permutation) for feed in self.feeds]


def cut(
    inputs: Sequence[Input],
    values: Sequence[Any],
    steps: int,
    batch: int | None = None,
    permutation: Any = None,
) -> Minibatches:
    """Cut what is fed into minibatches, by the rules that `Session.run_steps` tells.

    FeedError for what does not fit or does not suffice, AttributeValueError for other arguments.
    """
    _check_count("steps", steps)
    if batch is not None:
        _check_count("batch", batch)
    feeds = [_feed(declared, value, steps) for declared, value in zip(inputs, values, strict=True)]
    cut_up = [k for k, feed in enumerate(feeds) if feed.rows is not None]
    if not cut_up and (batch is not None or permutation is not None):
        raise AttributeValueError("no placeholder is fed rows, so there is nothing to cut")
    order = None if permutation is None else _order(permutation)
    sized = [k for k in cut_up if not isinstance(inputs[k].shape[0], int)]
    share = batch or (_share(inputs, feeds, sized, steps, order) if sized else 0)
    for k in cut_up:
        leading = inputs[k].shape[0]
        rows = leading if isinstance(leading, int) else share
        if batch not in (None, rows):
            raise FeedError(
                f"{inputs[k].name} is declared with {rows} rows, but batch={batch}",
                location=inputs[k].location,
            )
        _check_rows(inputs[k], len(feeds[k].array), steps, rows, order)
        feeds[k] = Feed(feeds[k].array, int(rows))
    return Minibatches(feeds, int(steps), order)


def _check_count(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise AttributeValueError(f"{name} is a positive number, not {value!r}")


def _feed(declared: Input, value: Any, steps: int) -> Feed:
    """How a placeholder is fed, with 0 rows if they are yet to be counted."""
    array = value if _is_repeated(declared, value) else as_input(declared, value)
    if all(isinstance(size, int) for size in declared.shape) and array.shape == declared.shape:
        return Feed(array)
    rank = len(declared.shape)
    if array.ndim == rank + 1:
        if len(array) < steps:
            raise FeedError(
                f"{steps} steps need as many elements, but {declared.name} is fed {len(array)}",
                location=declared.location,
            )
        return Feed(array, each=True)
    if rank and array.ndim == rank:
        return Feed(array, rows=0)
    raise FeedError(
        f"{declared.name} is declared with {rank} dims, [{_text(declared.shape)}]; feed the rows "
        f"of all steps, or one array for each step, not an array of shape {list(array.shape)}",
        location=declared.location,
    )


def _is_repeated(declared: Input, value: Any) -> bool:
    """Whether it is an array for each step of which a part can be taken as it is.

    In particular one that `np.broadcast_to` has made, which takes no memory.
    """
    return (
        type(value) is np.ndarray
        and value.ndim == len(declared.shape) + 1
        and value.dtype == declared.dtype.numpy
        and len(value) > 0
        and value[0, ...].flags.c_contiguous
        and value[0, ...].flags.aligned
        and value.flags.aligned
    )


def _order(permutation: Any) -> Array:
    numbers = np.asarray(permutation)
    if numbers.ndim != 1 or numbers.dtype.kind not in "iu":
        raise AttributeValueError("permutation is an array of row numbers, with one dim")
    return np.ascontiguousarray(numbers, np.int64)


def _share(
    inputs: Sequence[Input], feeds: Sequence[Feed], sized: Sequence[int], steps: int,
    order: Array | None,
) -> int:  # fmt: skip
    """How many rows a step gets, if nothing says so: an equal share."""
    counts = {k: len(feeds[k].array) for k in sized}
    first = sized[0]
    for k, count in counts.items():
        if order is None and count != counts[first]:
            raise FeedError(
                f"{inputs[first].name} is fed {counts[first]} rows, but {inputs[k].name} {count}; "
                "say how many a step gets with batch=",
                location=inputs[k].location,
            )
    total = counts[first] if order is None else len(order)
    return max(total // steps, 1)


def _check_rows(declared: Input, count: int, steps: int, rows: int, order: Array | None) -> None:
    """Whether what is fed suffices."""
    what, have = ("rows", count) if order is None else ("row numbers", len(order))
    if have < steps * rows:
        source = f"{declared.name} is fed" if order is None else "permutation has"
        raise FeedError(
            f"{steps} steps of {rows} rows need {steps * rows} {what}, but {source} {have}",
            location=declared.location,
        )
    if order is not None:
        _check_order(order[: steps * rows], declared, count)


def _check_order(order: Array, declared: Input, rows: int) -> None:
    wrong = order[(order < 0) | (order >= rows)]
    if wrong.size:
        raise FeedError(
            f"permutation has the row number {wrong[0]}, but {declared.name} is fed {rows} rows",
            location=declared.location,
        )


def _text(shape: tuple[Size, ...]) -> str:
    return ", ".join(map(str, shape))
