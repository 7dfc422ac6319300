"""What a launch computes, and how much: nodes, bytes of arguments, operations of products."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from graphc.ir import dims
from graphc.ir.dims import Dim, Maximum, Size
from graphc.ir.graph import PLACEHOLDER
from graphc.ir.lowering import Reduce
from graphc.ir.node import Node
from graphc.schedule.calls import Call
from graphc.schedule.kernel import Kernel, Launch
from graphc.schedule.statements import (
    Axis,
    Combine,
    Either,
    Fold,
    Loop,
    Product,
    Statement,
    Turns,
    Update,
    inner_of,
)


def written(launch: Launch, buffers: Mapping[Node, Node] | None = None) -> list[Node]:
    """The nodes whose values the launch leaves in memory.

    `buffers` are the schedule's, if it has loops or branches; so for `computed`.
    """
    given, places = set(launch.operands), buffers or {}
    return [node for node in launch.nodes if places.get(node, node) in given]


def computed(launch: Launch, buffers: Mapping[Node, Node] | None = None) -> set[Node]:
    """Every node whose value the launch computes, down to what it reads from memory."""
    own, given, places = set(launch.nodes), set(launch.operands), buffers or {}
    found: set[Node] = set()
    pending = list(launch.nodes)
    while pending:
        node = pending.pop()
        is_read = node.op.name == PLACEHOLDER or places.get(node, node) in given
        if node not in found and (node in own or not is_read):
            found.add(node)
            pending.extend(node.inputs)
    return found


def is_contraction(node: Node) -> bool:
    """Whether a node is a sum of products: of matrices, or along windows."""
    rule = node.op.lowering
    return isinstance(rule, Reduce) and rule.combiner == "dot"


def flops(kernel: Kernel, sizes: Mapping[str, Size] | None = None) -> Size | None:
    """Multiplications and additions of all sums of products, `dot` folds too; see `product_flops`.

    Of floating-point numbers alone; whatever else kernels compute does not count. Of branches in a
    kernel both count.
    """
    total: Size = 0
    for product, around in products(kernel):
        count = product_flops(product, around, sizes)
        if count is None:
            return None
        total += count
    for axes in _dots(kernel.body, (), frozenset()):
        points = _points(_sized(axes, sizes))
        if points is None:
            return None
        total += 2 * points
    return total


def _dots(
    body: tuple[Statement, ...], around: tuple[Axis, ...], sums: frozenset[str]
) -> Iterator[tuple[Axis, ...]]:
    """The axes around everything that is combined into a sum of products outside of `Product`."""
    for statement in body:
        match statement:
            case Loop(axis=axis):
                yield from _dots(statement.body, (*around, axis), sums)
            case Fold(reductions=reductions):
                own = {r.result for r in reductions if r.combiner == "dot" and r.dtype.is_float}
                yield from _dots(statement.body, around, sums | own)
            case Product():
                yield from _dots(statement.body, (*around, *statement.places), sums)
            case Turns(axis=axis):
                yield from _dots(inner_of(statement), (*around, axis), sums)
            case Either():
                yield from _dots(inner_of(statement), around, sums)
            case Combine(result=result) if result in sums:
                yield around


def products(kernel: Kernel) -> list[tuple[Product, tuple[Axis, ...]]]:
    """The kernel's products, each with the axes of the loops around it, outer ones first."""
    return list(_products(kernel.body, ()))


def _products(
    body: tuple[Statement, ...], around: tuple[Axis, ...]
) -> Iterator[tuple[Product, tuple[Axis, ...]]]:
    for statement in body:
        match statement:
            case Loop(axis=axis):
                yield from _products(statement.body, (*around, axis))
            case Fold():
                yield from _products(statement.body, around)
            case Product():
                yield statement, around
                yield from _products(statement.body, (*around, *statement.places))


def product_flops(
    product: Product, around: tuple[Axis, ...], sizes: Mapping[str, Size] | None = None
) -> Size | None:
    """Multiplications and additions of a product within loops; None if no expression says it.

    Two for each row, column and step of depth of each block, those that exist: the last block
    is often short. `sizes` are put for dims; with all of them it is a number.
    """
    axes = (*around, *product.places, *product.depth)
    count = _points(_sized(axes, sizes))
    return None if count is None else 2 * count


def _sized(axes: tuple[Axis, ...], sizes: Mapping[str, Size] | None) -> tuple[Axis, ...]:
    if not sizes:
        return axes
    return tuple(Axis(axis.name, dims.substitute(axis.extent, sizes)) for axis in axes)


def _points(axes: tuple[Axis, ...]) -> Size | None:
    """How many positions nested loops go through, of which inner ones may depend on outer ones."""
    factors: list[Size] = []
    for axis in reversed(axes):
        inner = [size for size in factors if axis.name in dims.symbols(size)]
        others = [size for size in factors if axis.name not in dims.symbols(size)]
        counted = _in_blocks(axis, inner)
        if counted is None:
            counted = _one_by_one(axis, inner)
        if counted is None:
            return None
        factors = [*others, *counted]
    return dims.product(factors)


def _in_blocks(axis: Axis, inner: list[Size]) -> list[Size] | None:
    """Factors of an axis and the extents inside it, which are blocks of something whole."""
    extent, wholes = axis.extent, []
    for size in inner:
        block = _block(size, axis)
        if block is None:
            return None
        whole, most = block
        extent, rest = dims.divide(extent, dims.floordiv(whole + most - 1, most))
        if rest != 0:
            return None
        wholes.append(whole)
    return [*wholes, extent]


def _block(size: Size, axis: Axis) -> tuple[Size, Size] | None:
    """(n, s) if the size is min(s, n - s*k) for a number k of the block, which begins at 0."""
    if isinstance(size, int) or len(size.terms) != 1:
        return None
    ((atoms, factor),) = size.terms.items()
    if factor != -1 or len(atoms) != 1 or not isinstance(atoms[0], Maximum):
        return None
    for most, rest in ((atoms[0].left, atoms[0].right), (atoms[0].right, atoms[0].left)):
        if dims.is_nonnegative(-most - 1):
            whole = -dims.substitute(rest, {axis.name: 0})
            number, left = dims.divide(rest + whole, -most)
            if left == 0 and axis.name in dims.symbols(number) and _is_digit(number):
                return whole, -most
    return None


def _is_digit(number: Size) -> bool:
    """Whether it is one atom: of an axis that runs through several dims, the position in one."""
    return isinstance(number, Dim) and tuple(map(len, number.terms)) == (1,)


def _one_by_one(axis: Axis, inner: list[Size]) -> list[Size] | None:
    if not isinstance(axis.extent, int):
        return None
    total: Size = 0
    for k in range(axis.extent):
        total += dims.product(dims.substitute(size, {axis.name: k}) for size in inner)
    return [total]


def bytes_moved(kernel: Kernel) -> Size:
    """Bytes of the kernel's arguments: each once if it is read, and once if it is written.

    Whole arguments, however little of them is read, and however often.
    """
    total: Size = 0
    for size in bytes_by_argument(kernel):
        total += size
    return total


def bytes_by_argument(kernel: Kernel) -> list[Size]:
    """The same for each argument by itself."""
    read = {str(expr.source) for expr in kernel.expressions() if expr.name == "load"}
    for statement in kernel.statements():
        match statement:
            case Update(target=target):
                read.add(target)
            case Call():
                read.update(pointer.buffer for pointer in statement.pointers())
    return [
        ((argument.name in read) + argument.written) * argument.size * argument.dtype.itemsize
        for argument in kernel.arguments
    ]
