"""Which of the ways to emit a product is taken on a target."""

from __future__ import annotations

from graphc.codegen.products.plan import Plan, plan
from graphc.codegen.products.window_plan import (
    PACKED,
    TYPICAL,
    WindowPlan,
    exchanged,
    window_plan,
)
from graphc.codegen.target import Target
from graphc.ir import dims
from graphc.ir.dims import Size
from graphc.schedule.statements import Product


def chosen(product: Product, target: Target) -> Plan | WindowPlan:
    """The plan by which a product is emitted.

    Where operands are packed, windows may slide: then both ways say how long a row of a step of
    depth takes, in half cycles.
    """
    plain = plan(product, target)
    if plain.direct is not None:
        return plain
    for rows_slide, one in ((True, product), (False, exchanged(product))):
        found = window_plan(one, target)
        if found is not None and found.cost <= _cost(product, plain, rows_slide):
            return found
    return plain


def _cost(product: Product, plain: Plan, rows_slide: bool) -> float:
    """What takes the plain way, for a row or a column of a step of depth: of what slides."""
    tile, high, wide = plain.tile, _count(product.row.extent), _count(product.column.extent)
    own = max(tile.rows * tile.vectors, tile.rows + 2 * tile.vectors, 8) + 1
    total = -(-high // tile.rows) * -(-wide // tile.columns) * own * 1.0
    if plain.image is not None:
        for slide in plain.image.slides[1:] or plain.image.slides:
            extent = _count(slide.axis.extent)
            total *= slide.long(extent) / extent
        steps = dims.product(axis.extent for axis in product.depth)
        size = plain.image.size(plain.columns, plain.depth)
        reads = plain.columns.run * plain.columns.size * min(_count(steps), plain.blocks.depth)
        return total / wide + PACKED * plain.image.slides[-1].phases * size / reads
    packed = (PACKED, high) if rows_slide else (high, PACKED)
    return (total + high * packed[0] + wide * packed[1]) / (high if rows_slide else wide)


def _count(size: Size) -> int:
    return size if isinstance(size, int) and size else TYPICAL
