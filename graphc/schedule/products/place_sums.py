"""Kernels of depthwise derivatives by weights: a sum for each place of a window, all at once.

A channel has one number for each place of its window, summed over a whole batch: too few for the
tile of a product. The places of some lines of the window are summed together, so that cotangents
are read once for all of them. Along a line a cache line's worth of partial sums is kept, each a
chain of multiply-adds in the order of the other loops; so the sums of some twenty places are in
registers for all of a picture.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from graphc.ir import dims, scalar
from graphc.ir.dims import Size
from graphc.ir.indexing import delinearize, linearize
from graphc.ir.lowering import Reduce
from graphc.ir.scalar import Expr, Index
from graphc.schedule.groups import Fusion, Group
from graphc.schedule.kernel import Kernel
from graphc.schedule.points import nest
from graphc.schedule.reading import Buffer, Builder
from graphc.schedule.statements import Axis, Combine, Fold, Loop, Reduction, Statement, Store

#: Bytes of the partial sums along a line, and places that are summed together at most.
LINE, MOST = 64, 21


def place_sums_kernel(group: Group, fusion: Fusion, rank: int) -> tuple[Kernel, tuple[Buffer, ...]]:
    """The kernel of sums for the places of windows of so many dims, and what is fused to it."""
    return _Sums(group, fusion, rank).build()


class _Sums:
    """Such a kernel under construction."""

    def __init__(self, group: Group, fusion: Fusion, rank: int) -> None:
        self.group, self.fusion = group, fusion
        self.node, self.builder = group.nodes[0], Builder(fusion)
        self.lead, self.window = self.node.shape[:-rank], self.node.shape[-rank:]
        rule = self.node.op.lowering
        assert isinstance(rule, Reduce)
        self.rule = rule

    def build(self) -> tuple[Kernel, tuple[Buffer, ...]]:
        """A loop over all but the dims of windows, and in it a fold for some lines of places."""
        block = self.builder.axis(dims.product(self.lead))
        own = delinearize(block.position, self.lead)
        body = [statement for some in self._together() for statement in self._sums(own, some)]
        return self.builder.kernel((Loop(block, tuple(body)),), parallel=True)

    def _together(self) -> list[list[Index]]:
        """The places that are summed together: of whole lines, about as many each time."""
        *outer, last = map(int, self.window)
        lines = [[(*line, k) for k in range(last)] for line in product(*(range(n) for n in outer))]
        turns = -(-len(lines) // max(1, MOST // last))
        run = -(-len(lines) // turns)
        return [
            [place for line in lines[k : k + run] for place in line]
            for k in range(0, len(lines), run)
        ]

    def _sums(self, own: Index, places: list[Index]) -> Iterator[Statement]:
        """The sums for some places, and what is stored of them."""
        builder, dtype = self.builder, self.node.dtype
        names = {place: builder.result() for place in places}
        *outer, last = self.rule.loops(self.node, (*own, *places[0]))
        axes = tuple(map(builder.axis, outer))
        start = tuple(axis.position for axis in axes)
        body = nest(axes, tuple(self._line(own, start, last, names)), vector=False)
        yield Fold(
            tuple(Reduction(name, "dot", dtype, dtype, True) for name in names.values()), body
        )
        for place, name in names.items():
            yield from self._stores((*own, *place), scalar.local(name, dtype))

    def _line(
        self, own: Index, start: Index, last: Size, names: dict[Index, str]
    ) -> Iterator[Statement]:
        """The terms of a line, in pieces of as many as there are partial sums."""
        lanes = LINE // self.node.dtype.itemsize
        if not isinstance(last, int):
            yield from self._terms(own, start, (), self.builder.axis(last), 0, names)
            return
        whole, rest = divmod(last, lanes)
        for first, count in ((0, min(whole, 1)), (1, whole - 2), (max(whole - 1, 1), whole > 1)):
            if count > 0:
                turn = self.builder.axis(count)
                place = lanes * (first + turn.position)
                along = self.builder.axis(lanes)
                yield from self._terms(own, start, (turn,), along, place, names)
        if rest:
            yield from self._terms(own, start, (), self.builder.axis(rest), lanes * whole, names)

    def _terms(
        self, own: Index, start: Index, turns: tuple[Axis, ...], along: Axis, first: Size,
        names: dict[Index, str],
    ) -> tuple[Statement, ...]:  # fmt: skip
        """Neighbouring terms of a line, for every place."""
        inner, read = (*start, first + along.position), self.builder.reader(self.node)
        body = tuple(
            Combine(name, self.rule.operands(self.node, (*own, *place), inner, read))
            for place, name in names.items()
        )
        around = tuple(turn for turn in turns if turn.extent != 1)
        return nest(around, (Loop(along, body, vector=True),), vector=False)

    def _stores(self, index: Index, value: Expr) -> Iterator[Store]:
        for node in self.group.nodes:
            short = index[: self.group.rank]
            short += (0,) * (len(node.shape) - len(short))
            found = value if node is self.node else self.builder.element(node, short)
            self.builder.computed[node] = (short, found)
            if node in self.fusion.kept:
                target = self.builder.argument(node, written=True)
                yield Store(target, linearize(short, node.shape), found)
