"""Sums of products over a long depth and few results, in parts that can run at once.

A gradient with respect to weights sums over a whole batch and has few results: fewer than would
keep several threads busy, and in each dim fewer than the sum has steps. Such a sum is cut into
PARTS along its first axis of depth, or where that is of unknown length into fewer as long as they
would be short, and a second step adds the parts up. Whether it is, and into how many, follows from
the shapes alone, and so do the bits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial

from graphc.ir import dims
from graphc.ir.dims import Size
from graphc.ir.lowering import Piece, Read, Reduce
from graphc.ir.node import Node
from graphc.ir.opdef import Array, NoDerivative, OpDef
from graphc.ir.scalar import Expr, Index
from graphc.ir.types import TensorType
from graphc.ops import ops

#: Into how many parts a sum is cut, and how many steps one has where the length is not known: parts
#: of fewer would take longer to write and to add up than they save.
PARTS, STEPS = 8, 512

#: Results of a sum that is cut at most, and the multiply-adds that it takes at least: for each
#: position of an axis of unknown length, and in all where that is known.
MOST_RESULTS, FEWEST_EACH, FEWEST = 1 << 16, 1 << 14, 1 << 22

#: More results than so many are enough for several threads, unless each takes so many steps.
FEW_RESULTS, LONG = 1 << 12, 1 << 10


def in_parts(node: Node) -> Node | None:
    """The sum of a node's parts; None if it is not worth cutting."""
    rule = node.op.lowering
    if not isinstance(rule, Reduce) or rule.combiner != "dot" or not node.dtype.is_float:
        return None
    results, extents = node.tensor.size, rule.extents(node)
    if not isinstance(results, int) or results > MOST_RESULTS or not _is_long(results, extents):
        return None
    steps = dims.product(extents)
    if isinstance(steps, int) and any(isinstance(n, int) and n >= steps for n in node.shape):
        return None
    rest = dims.product(extents[1:])
    return cut(node, PARTS, -(-STEPS // max(1, rest)) if isinstance(rest, int) else 1)


def cut(node: Node, most: int, fewest: int, axis: int = 0) -> Node:
    """The sum of the parts of a node's sum: `most` of them; the node if that is one.

    Where the axis of depth that is cut is of unknown length, each has `fewest` positions at least.
    """
    if most == 1:
        return node
    rule = node.op.lowering
    assert isinstance(rule, Reduce)
    first = rule.extents(node)[axis]
    run = _run(first, most, fewest)
    count = most if isinstance(first, int) else dims.floordiv(first + run - 1, run)
    op, type_ = _parts_of(node.op, most, fewest, axis), TensorType(node.dtype, (count, *node.shape))
    return ops.sum(Node(op, node.inputs, node.attrs, type_, None, node.location), axes=(0,))


def _run(first: Size, most: int, fewest: int) -> Size:
    """Positions of the axis in a part."""
    run = dims.floordiv(first + most - 1, most)
    return run if isinstance(first, int) else dims.maximum(run, fewest)


def _is_long(results: int, extents: tuple[Size, ...]) -> bool:
    first, rest = extents[0], dims.product(extents[1:])
    if isinstance(first, int) and first < PARTS:
        return False
    if not isinstance(rest, int):
        return True
    if not isinstance(first, int):
        return results * rest >= FEWEST_EACH
    if results > FEW_RESULTS and rest * first < LONG:
        return False
    return results * rest * first >= FEWEST


@cache
def _parts_of(op: OpDef, most: int, fewest: int, axis: int) -> OpDef:
    """The op that leaves the sums of an op's parts side by side."""
    rule = op.lowering
    assert isinstance(rule, Reduce)
    cuts = _Cuts(op, axis, partial(_run, most=most, fewest=fewest))
    return replace(
        op, name=f"{op.name}_parts", reference=never, vjp=LATE, jvp=LATE,
        lowering=replace(
            rule, extents=cuts.extents, operands=cuts.operands, extents_at=cuts.extents_at,
            pieces=rule.pieces and cuts.pieces,
        ),
    )  # fmt: skip


@dataclass(frozen=True)
class _Cuts:
    """How the parts of an op's sums read, which go along one of its axes of depth in runs."""

    op: OpDef
    axis: int
    run: Callable[[Size], Size]

    def _whole(self, node: Node) -> tuple[Node, Reduce]:
        """The node that has been cut, and its rule."""
        assert isinstance(self.op.lowering, Reduce)
        whole = TensorType(node.dtype, node.shape[1:])
        return Node(self.op, node.inputs, node.attrs, whole), self.op.lowering

    def _at_axis(self, values: Sequence[Size], value: Size) -> tuple[Size, ...]:
        return (*values[: self.axis], value, *values[self.axis + 1 :])

    def extents(self, node: Node) -> tuple[Size, ...]:
        whole, rule = self._whole(node)
        extents = rule.extents(whole)
        return self._at_axis(extents, self.run(extents[self.axis]))

    def extents_at(self, node: Node, index: Index) -> tuple[Size, ...]:
        whole, rule = self._whole(node)
        return self._short(rule.loops(whole, index[1:]), node.shape[0], index)

    def _short(self, extents: tuple[Size, ...], count: Size, index: Index) -> tuple[Size, ...]:
        """Loops of one of so many parts; of the last ones some may be short or empty."""
        all_of, run = extents[self.axis], self.run(extents[self.axis])
        if run * count == all_of:
            return self._at_axis(extents, run)
        left = all_of - run * index[0]
        left = dims.maximum(left, 0) if isinstance(all_of, int) else left
        return self._at_axis(extents, dims.minimum(run, left))

    def operands(self, node: Node, index: Index, inner: Index, read: Read) -> tuple[Expr, ...]:
        whole, rule = self._whole(node)
        return rule.operands(
            whole, index[1:], self._placed(rule.extents(whole), index, inner), read
        )

    def _placed(self, extents: tuple[Size, ...], index: Index, inner: Index) -> Index:
        """Where in the whole depth a position in that of a part is."""
        place = self.run(extents[self.axis]) * index[0] + inner[self.axis]
        return self._at_axis(inner, place)

    def pieces(self, node: Node) -> tuple[Piece, ...]:
        """The parts of each piece, which has all of the axis that is cut."""
        whole, rule = self._whole(node)
        assert rule.pieces is not None
        return tuple(self._in_parts(piece, node.shape[0]) for piece in rule.pieces(whole))

    def _in_parts(self, piece: Piece, count: Size) -> Piece:
        def operands(turn: Index, index: Index, inner: Index, read: Read) -> tuple[Expr, ...]:
            placed = self._placed(piece.extents(index[1:]), index, inner)
            return piece.operands(turn, index[1:], placed, read)

        return Piece(
            piece.turns,
            (count, *piece.shape),
            lambda turn, index: (index[0], *piece.at(turn, index[1:])),
            lambda index: self._short(piece.extents(index[1:]), count, index),
            operands,
        )


def never(attrs: object, *arrays: object) -> Array:
    """The reference of what is made by the scheduler."""
    raise AssertionError("made by the scheduler, never interpreted")


LATE = NoDerivative("is made after gradients are", zero=False)
