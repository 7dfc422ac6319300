"""`x[...]` with NumPy's meaning.

Integers, slices with steps, `None`, an ellipsis and integer arrays. Slices are views; arrays, and
integers into dims that are known when fed, read at computed positions.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from graphc.api.blame import fail_attribute, fail_shape
from graphc.api.broadcasting import broadcast_nodes
from graphc.api.gathering import check_known, index_node
from graphc.api.manipulation import reshaped
from graphc.api.shapes import size_node
from graphc.api.slices import Span, span_of
from graphc.api.value import Value
from graphc.errors import OutOfRangeError
from graphc.ir.dims import Dim, Size, is_within
from graphc.ir.location import capture
from graphc.ir.node import Node
from graphc.ir.types import Shape
from graphc.ops import ops

if TYPE_CHECKING:
    from graphc.api.tensor import Tensor

_OP = "index"


@dataclass(frozen=True, slots=True)
class Entry:
    """One part of an index: what it takes from an axis of the source, and what it leaves.

    `span` is what is sliced from the axis (None for parts that take no axis), `picks` the
    positions read from it afterwards. A `number` leaves no dim, `new` is a dim of size 1.
    """

    span: Span | None = None
    picks: Node | None = None
    number: bool = False
    new: bool = False

    @property
    def advanced(self) -> bool:
        """Whether NumPy treats it as an integer array where there is one."""
        return self.number or self.picks is not None


def index(x: Value, key: object) -> Tensor:
    """The elements of x that the key selects."""
    node = x.node
    entries = _entries(node, _expanded(key, len(node.shape)))
    taken = [entry for entry in entries if entry.span is not None]
    arrays = [entry.picks for entry in taken if entry.picks is not None]
    picks = broadcast_nodes(_OP, arrays) if arrays else []
    result = _sliced(node, taken)
    if picks:
        axes = tuple(k for k, entry in enumerate(taken) if entry.picks is not None)
        position = axes[0] if _stay_in_place(entries) else 0
        result = ops.gather(result, *picks, axes=axes, position=position)
    return x.graph.tensor(reshaped(result, _shape_after(entries, picks)))


def _expanded(key: object, rank: int) -> list[object]:
    """The parts of a key, with enough whole slices in place of the ellipsis.

    The ellipsis stays as a mark behind them, since it separates integer arrays.
    """
    parts = list(key) if isinstance(key, tuple) else [key]
    marks = [k for k, part in enumerate(parts) if part is Ellipsis]
    if len(marks) > 1:
        fail_shape(_OP, "there can be only one ellipsis")
    used = sum(part is not None and part is not Ellipsis for part in parts)
    if used > rank:
        fail_shape(_OP, f"{used} indices are too many for {rank} dims")
    place = marks[0] if marks else len(parts)
    return parts[:place] + [slice(None)] * (rank - used) + parts[place:]


def _entries(node: Node, parts: list[object]) -> list[Entry]:
    found: list[Entry] = []
    axis = 0
    for part in parts:
        if part is None:
            found.append(Entry(new=True))
        elif part is Ellipsis:
            found.append(Entry())
        else:
            found.append(_entry(node, axis, part))
            axis += 1
    return found


def _entry(node: Node, axis: int, part: object) -> Entry:
    size = node.shape[axis]
    if isinstance(part, slice):
        return Entry(span_of(_OP, part, size))
    if isinstance(part, int | np.integer | Dim) and not isinstance(part, bool):
        return _number(node, axis, part if isinstance(part, Dim) else int(part))
    if not isinstance(part, Value | np.ndarray | np.generic | bool | list | tuple):
        fail_attribute(_OP, f"{part!r} is no index")
    positions = index_node(_OP, part)
    check_known(positions, node, axis, _OP)
    return Entry(Span(0, 1, size), positions)


def _number(node: Node, axis: int, position: Size) -> Entry:
    """An integer: a slice if it is certain to lie inside, else a position checked at run time."""
    size = node.shape[axis]
    start = size + position if isinstance(position, int) and position < 0 else position
    if is_within(start, size):
        return Entry(Span(start, 1, 1), number=True)
    if isinstance(position, int) and isinstance(size, int):
        raise OutOfRangeError(
            f"index {position} is out of range for axis {axis} of {node.type}",
            op=_OP,
            location=capture(),
        )
    return Entry(Span(0, 1, size), size_node(position), number=True)


def _sliced(node: Node, taken: list[Entry]) -> Node:
    spans = [entry.span for entry in taken if entry.span is not None]
    if all(span.covers(size) for span, size in zip(spans, node.shape, strict=True)):
        return node
    return ops.slice(
        node,
        start=tuple(span.start for span in spans),
        step=tuple(span.step for span in spans),
        shape=tuple(span.count for span in spans),
    )


def _stay_in_place(entries: list[Entry]) -> bool:
    """Whether the dims of index arrays stand where the arrays stood, and not in front.

    NumPy's rule: they do if no slice, `None` or ellipsis separates the arrays; integers count as
    arrays.
    """
    places = [k for k, entry in enumerate(entries) if entry.advanced]
    return all(after == before + 1 for before, after in pairwise(places))


def _shape_after(entries: list[Entry], picks: list[Node]) -> Shape:
    block = picks[0].shape if picks else ()
    front = not _stay_in_place(entries)
    shape: list[Size] = list(block) if front else []
    placed = front
    for entry in entries:
        if entry.advanced:
            shape.extend([] if placed else block)
            placed = True
        elif entry.new:
            shape.append(1)
        elif entry.span is not None:
            shape.append(entry.span.count)
    return tuple(shape)
