"""How kernels under construction read values: through what is recomputed, to what is in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import zip_longest

from graphc.ir import scalar
from graphc.ir.dims import Size
from graphc.ir.dtypes import DType
from graphc.ir.indexing import linearize
from graphc.ir.lowering import BlockReduce, Pointwise, Read, Reduce
from graphc.ir.node import Node
from graphc.ir.scalar import Expr, Index, Site
from graphc.ir.types import Shape
from graphc.schedule.groups import Fusion
from graphc.schedule.keeping import is_buffer, is_literal
from graphc.schedule.kernel import Argument, Kernel, Scratch, Workspace
from graphc.schedule.statements import Axis, Statement

Buffer = Node | Workspace


class OutOfReach(Exception):
    """A kernel would read a value elsewhere than where it has it, and it is in no memory.

    The values of a group are known to be aligned; that a position computed on the way is the same
    one must be proven, and cannot always be. The value is then to be left out of the group.
    """

    def __init__(self, value: Node) -> None:
        super().__init__(f"{value} is read elsewhere than it is at hand, and in no memory")
        self.value = value


@dataclass(frozen=True, slots=True)
class Held:
    """Scratch that holds a value's elements at the current position in its first `rank` dims.

    In the dims after those it may have only elements from `starts` on. `step`: elements from one
    position in the first of them to the next, where that is not the size of what is inside.
    """

    name: str
    rank: int
    starts: Index = ()
    step: Size | None = None
    base: Size = 0

    def offset(self, node: Node, index: Index) -> Size:
        """Where the element at an index is."""
        starts = (*self.starts, *[0] * len(index))
        inner = tuple(at - start for at, start in zip(index[self.rank :], starts, strict=False))
        shape = node.shape[self.rank :]
        if self.step is None or not inner:
            return self.base + linearize(inner, shape)
        return self.base + inner[0] * self.step + linearize((0, *inner[1:]), shape)


@dataclass
class Builder:
    """A kernel under construction: its arguments, axes, and the expressions made so far.

    `computed` holds values that are at hand in the kernel, with the index at which they are; `held`
    those in scratch.
    """

    fusion: Fusion
    arguments: dict[Buffer, tuple[str, bool]] = field(default_factory=dict)
    scratch: list[Scratch] = field(default_factory=list)
    computed: dict[Node, tuple[Index, Expr]] = field(default_factory=dict)
    held: dict[Node, Held] = field(default_factory=dict)
    memo: dict[tuple[Node, Index, Expr | None], Expr] = field(default_factory=dict)
    axes: int = 0
    results: int = 0

    def axis(self, extent: Size) -> Axis:
        """A new loop axis."""
        self.axes += 1
        return Axis(f"${self.axes - 1}", extent)

    def result(self) -> str:
        """A name for the result of a reduction."""
        self.results += 1
        return f"%r{self.results - 1}"  # no dim can have this name

    def argument(self, buffer: Buffer, *, written: bool = False) -> str:
        """The kernel's name for a buffer."""
        name, was_written = self.arguments.get(buffer, (f"a{len(self.arguments)}", False))
        self.arguments[buffer] = (name, was_written or written)
        return name

    def reader(self, node: Node, outer: Expr | None = None) -> Read:
        """Reads elements of a node's inputs; `outer` is the condition under which it is read.

        Reductions count on zero where a condition is false. Views choose themselves what to put
        there, so what a formula makes of zeros does not matter to them.
        """
        needs_zero = isinstance(node.op.lowering, Reduce)

        def read(k: int, index: Index, where: Expr | None = None) -> Expr:
            both = where if outer is None else outer
            if where is not None and outer is not None:
                both = scalar.logical_and(outer, where)
            found = self.value(node.inputs[k], index, both)
            return _where(where, found) if needs_zero and found.name != "load" else found

        return read

    def value(self, node: Node, index: Index, where: Expr | None = None) -> Expr:
        """A node's element at an index."""
        if is_literal(node):
            return scalar.const(node.attrs["value"].reshape(())[()].item(), node.dtype)
        at_hand = self.computed.get(node)
        if at_hand is not None and isinstance(node.op.lowering, BlockReduce):
            return at_hand[1]  # what a row reads of its block is the block's
        if at_hand is not None and 0 in node.shape:
            return scalar.const(False, node.dtype)  # never read
        if at_hand is not None and _is_same_element(at_hand[0], index, node.shape):
            return at_hand[1] if at_hand[0] == index else _where(where, at_hand[1])
        if node in self.held:
            held = self.held[node]
            return scalar.load(held.name, held.offset(node, index), node.dtype, where)
        if is_buffer(node) or node in self.fusion.reasons:
            if at_hand is not None and not self.arguments.get(node, ("", False))[1]:
                raise OutOfReach(node)
            return scalar.load(self.argument(node), linearize(index, node.shape), node.dtype, where)
        return self.element(node, index, where)

    def element(self, node: Node, index: Index, where: Expr | None = None) -> Expr:
        """The formula of a pointwise node at an index, whether or not it is kept elsewhere."""
        key = (node, index, where)
        if key not in self.memo:
            rule = node.op.lowering
            assert isinstance(rule, Pointwise), node
            self.memo[key] = rule.element(node, index, self.reader(node, where))
        return self.memo[key]

    def kernel(
        self, body: tuple[Statement, ...], parallel: bool
    ) -> tuple[Kernel, tuple[Buffer, ...]]:
        """The finished kernel, and the buffers that stand behind its arguments."""
        arguments = tuple(
            Argument(name, _dtype(buffer), _size(buffer), written)
            for buffer, (name, written) in self.arguments.items()
        )
        made = Kernel(body, arguments, tuple(self.scratch), parallel)
        sites: dict[Site, None] = {}
        for expr in made.expressions():
            if expr.name == "checked":
                sites.setdefault(expr.data[1])
        return Kernel(body, arguments, made.scratch, parallel, tuple(sites)), tuple(self.arguments)


def _is_same_element(known: Index, index: Index, shape: Shape) -> bool:
    """Whether two indices name one element: along dims of size 1 all positions are 0."""
    pairs = zip_longest(known, index, shape, fillvalue=1)
    return all(one == other or size == 1 for one, other, size in pairs)


def _where(condition: Expr | None, value: Expr) -> Expr:
    """The value where the condition holds, as if it were loaded there."""
    if condition is None:
        return value
    return scalar.select(condition, value, scalar.const(False, value.dtype))


def _dtype(buffer: Buffer) -> DType:
    return buffer.dtype


def _size(buffer: Buffer) -> Size:
    return buffer.size if isinstance(buffer, Workspace) else buffer.tensor.size
