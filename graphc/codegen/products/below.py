"""Blocks of a product that lie below one another, taken as one by a thread that has several.

A block packs all that it reads. Two that have the same columns pack the right operand twice; as one
block of more rows they do it once. Which of them a thread has is known when it runs, and no bit
depends on it, so a loop over blocks is emitted as one over runs of such blocks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from llvmlite import ir

from graphc.codegen.expressions.elements import Elements
from graphc.codegen.products.blocking import cut
from graphc.codegen.products.choice import chosen
from graphc.codegen.products.plan import Plan
from graphc.codegen.products.results import waiting_place
from graphc.codegen.target import Target
from graphc.codegen.values import I64, larger, smaller
from graphc.ir import dims, scalar
from graphc.ir.dims import Dim, Remainder, Size
from graphc.schedule.collapse import substituted
from graphc.schedule.statements import Axis, Loop, Product

#: From how many blocks on it matters how many of them a thread takes.
SOME = 4


@dataclass(frozen=True, slots=True)
class Below:
    """Blocks in a loop: `count` that follow one another have rows below one another.

    All but the last of them have `rows` each; `last` says how many a block at `place` has. The
    product is that of several blocks, whose rows are counted in `extent`.
    """

    axis: Axis
    count: int
    rows: int
    last: Size
    place: str
    extent: str
    product: Product
    plan: Plan


def below(loop: Loop, target: Target) -> Below | None:
    """The blocks of a loop that lie below one another and are packed; None if there are none."""
    match loop.body:
        case (Product() as product,) if product.rows == (product.row,) and product.onto is None:
            plan = chosen(product, target)
        case _:
            return None
    if not isinstance(plan, Plan) or plan.direct is not None:
        return None
    if waiting_place(product, frozenset()) is None and plan.rows_kept(product):
        return None
    count, rows = _count(loop.axis, product), _first(loop.axis, product.row.extent)
    if count is None or rows is None or count < 2:
        return None
    axis, place, extent = loop.axis, f"{loop.axis.name}.last", f"{loop.axis.name}.rows"
    row = Axis(product.row.name, dims.symbol(extent, count * rows))
    last = dims.substitute(product.row.extent, {axis.name: dims.symbol(place)})
    whole = replace(product, row=row, rows=(row,))
    if not _continue(whole, axis, count, rows):
        return None
    (made,) = substituted((whole,), {row.name: row.position})
    assert isinstance(made, Product)
    plan = replace(plan, rows=cut((row,), plan.blocks.rows, plan.tile.rows))
    return Below(axis, count, rows, last, place, extent, made, plan)


def goes_together(loop: Loop, target: Target) -> bool:
    """Whether a loop is over some blocks of which several are taken together.

    To ask whether it may be is quick; most products are told apart by that.
    """
    extent = loop.axis.extent
    match loop.body:
        case (Product() as product,) if isinstance(extent, int) and extent >= SOME:
            count = _count(loop.axis, product)
            return count is not None and count > 1 and below(loop, target) is not None
        case _:
            return False


def _count(axis: Axis, product: Product) -> int | None:
    """After how many blocks other columns come, going by what rows read; None if that varies."""
    loads = [expr for expr in scalar.walk((product.left,)) if expr.name == "load"]
    found: set[Size] = set()
    for load in loads:
        if not isinstance(load.offset, Dim) or axis.name not in dims.symbols(load.offset):
            return None
        counts = {
            atom.denominator
            for atom in load.offset.atoms()
            if isinstance(atom, Remainder) and atom.numerator == axis.position
        }
        found |= counts or {axis.extent}
    (count, *others) = found or {1}
    return count if isinstance(count, int) and not others else None


def _first(axis: Axis, rows: Size) -> int | None:
    """The rows of the first block."""
    first = dims.substitute(rows, {axis.name: 0})
    return first if isinstance(first, int) else None


def _continue(product: Product, axis: Axis, count: int, rows: int) -> bool:
    """Whether the rows of a block are those that follow on the rows of the block before it."""
    number = dims.symbol(f"{axis.name}.number", count - 1)
    group = count * dims.symbol(f"{axis.name}.group")
    row = product.row.position
    own = {axis.name: group + number, product.row.name: row}
    moved = {axis.name: group, product.row.name: row + rows * number}
    bare = replace(product, row=Axis(product.row.name, 1), rows=())
    one, other = (substituted((bare,), values) for values in (own, moved))
    return one == other


def emit_below(
    elements: Elements, found: Below, bounds: tuple[ir.Value, ir.Value],
    emit: Callable[[Product, Plan], None],
) -> None:  # fmt: skip
    """The loop between two bounds, of which there is a position."""
    scopes, count = elements.scopes, I64(found.count)
    begin, end = bounds
    builder = scopes.builder
    first = builder.sdiv(begin, count)
    until = builder.sdiv(builder.add(end, I64(found.count - 1)), count)
    with scopes.loop(f"{found.axis.name}.group", first, until) as group:
        builder = scopes.builder
        start = builder.mul(group, count)
        here = larger(builder, start, begin)
        last = builder.sub(smaller(builder, builder.add(start, count), end), I64(1))
        scopes.bind(found.axis.name, here)
        scopes.bind(found.place, last)
        before = builder.mul(builder.sub(last, here), I64(found.rows))
        scopes.bind(found.extent, builder.add(before, elements.size(found.last)))
        emit(found.product, found.plan)
