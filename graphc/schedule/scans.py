"""Kernels of running sums and products, whose elements must be taken in order.

Every line along the scanned axis stands for itself. Where lines lie side by side, neighbours are
taken together. Where each lies in one piece, they are turned, a block of lines by a part of their
length, so that the same goes for them too; else every step would touch a line of the cache for
each of them.
"""

from __future__ import annotations

from graphc.ir import dims, lowering, scalar
from graphc.ir.combiners import identity
from graphc.ir.dims import Size
from graphc.ir.indexing import delinearize, linearize
from graphc.ir.node import Node
from graphc.schedule.groups import Fusion, Group
from graphc.schedule.kernel import Scratch
from graphc.schedule.ordered import Made, around
from graphc.schedule.points import nest
from graphc.schedule.products.blocks import count, extent
from graphc.schedule.reading import Builder
from graphc.schedule.statements import Combine, Fold, Loop, Reduction, Statement, Store, Update

#: Elements of a block of lines, by a part of their length, that lie in the first-level cache.
ELEMENTS = 1 << 13

#: Lines of a block, and of how many lines there need to be less for there to be more blocks.
LINES, MANY_LINES = 64, 256

#: The fewest lines, and steps, for which turning pays.
FEWEST_LINES, FEWEST_STEPS = 8, 32


def scan_kernel(group: Group, fusion: Fusion) -> Made:
    """Every line along the scanned axis on its own; the running value is stored at each step."""
    (node,) = group.nodes
    rule = node.op.lowering
    assert isinstance(rule, lowering.Scan)
    if _are_turned(node, rule.axis(node)):
        return _Turned(node, rule, fusion).build()
    builder = Builder(fusion)
    axes, along, index = around(builder, node, rule.axis(node))
    operand = builder.reader(node)(0, index)
    name = builder.result()
    target = builder.argument(node, written=True)
    store = Store(target, linearize(index, node.shape), scalar.local(name, node.dtype))
    line = Loop(along, (Combine(name, (operand,)), store))
    fold = Fold((Reduction(name, rule.combiner, node.dtype, operand.dtype, False),), (line,))
    return builder.kernel(nest(axes, (fold,)), parallel=bool(axes))


def _are_turned(node: Node, axis: int) -> bool:
    """Whether every line lies in one piece, and there may be enough lines and steps."""
    lines, steps = dims.product(node.shape[:axis]), node.shape[axis]
    are_many = not isinstance(lines, int) or lines >= FEWEST_LINES
    are_long = not isinstance(steps, int) or steps >= FEWEST_STEPS
    in_one_piece = all(size == 1 for size in node.shape[axis + 1 :])
    return are_many and are_long and in_one_piece and node.dtype == node.inputs[0].dtype


class _Turned:
    """The kernel of lines that are turned, under construction."""

    def __init__(self, node: Node, rule: lowering.Scan, fusion: Fusion) -> None:
        self.node, self.rule = node, rule
        self.builder = Builder(fusion)
        self.lead = node.shape[: rule.axis(node)]
        self.lines, self.steps = dims.product(self.lead), node.shape[rule.axis(node)]
        is_short = isinstance(self.lines, int) and self.lines < MANY_LINES
        self.most = LINES // 2 if is_short else LINES
        self.square, self.carried = self._scratch(ELEMENTS), self._scratch(self.most)

    def _scratch(self, size: int) -> str:
        name = f"s{len(self.builder.scratch)}"
        self.builder.scratch.append(Scratch(name, self.node.dtype, size))
        return name

    def build(self) -> Made:
        """Blocks of lines; in each, part after part of their length."""
        builder = self.builder
        length = ELEMENTS // self.most
        block = builder.axis(count(self.lines, self.most))
        part = builder.axis(count(self.steps, length))
        self.height = extent(self.lines, self.most, block.position)
        self.width = extent(self.steps, length, part.position)
        self.first, self.begin = self.most * block.position, length * part.position
        body = (*self._read(), *self._scan(), *self._write())
        return builder.kernel((Loop(block, (*self._start(), Loop(part, body))),), parallel=True)

    def _start(self) -> tuple[Statement, ...]:
        """Nothing is carried into the first part."""
        line = self.builder.axis(self.height)
        nothing = scalar.const(identity(self.rule.combiner, self.node.dtype), self.node.dtype)
        return nest((line,), (Store(self.carried, line.position, nothing),))

    def _read(self) -> tuple[Statement, ...]:
        """The operand, turned: the lines' elements of a step stand side by side."""
        step, line = self.builder.axis(self.width), self.builder.axis(self.height)
        operand = self.builder.reader(self.node)(0, self._index(line.position, step.position))
        place = self.most * step.position + line.position
        return nest((step, line), (Store(self.square, place, operand),))

    def _scan(self) -> tuple[Statement, ...]:
        step, line = self.builder.axis(self.width), self.builder.axis(self.height)
        dtype, place = self.node.dtype, self.most * step.position + line.position
        taken = scalar.load(self.square, place, dtype)
        running = scalar.load(self.carried, line.position, dtype)
        grown = Update(self.carried, line.position, self.rule.combiner, taken)
        return nest((step, line), (grown, Store(self.square, place, running)))

    def _write(self) -> tuple[Statement, ...]:
        line, step = self.builder.axis(self.height), self.builder.axis(self.width)
        value = scalar.load(self.square, self.most * step.position + line.position, self.node.dtype)
        target = self.builder.argument(self.node, written=True)
        index = self._index(line.position, step.position)
        return nest((line, step), (Store(target, linearize(index, self.node.shape), value),))

    def _index(self, line: Size, step: Size) -> tuple[Size, ...]:
        ones = (0,) * (len(self.node.shape) - len(self.lead) - 1)
        return (*delinearize(self.first + line, self.lead), self.begin + step, *ones)
