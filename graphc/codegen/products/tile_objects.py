"""Which tiles products call: objects, one for each shape and layout, that all products share."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from graphc.codegen.products.choice import chosen
from graphc.codegen.products.tile import emit_tile, tile_name
from graphc.codegen.products.window_plan import WindowPlan
from graphc.codegen.products.window_tile import emit_window_tile
from graphc.codegen.shared_objects import Emit
from graphc.codegen.target import Target
from graphc.codegen.values import register_type
from graphc.schedule.kernel import Kernel
from graphc.schedule.statements import Product


def tiles_called(kernels: Iterable[Kernel], target: Target) -> dict[str, Emit]:
    """All the tiles that kernels call: names, and what emits them."""
    needed: dict[str, Emit] = {}
    for kernel in kernels:
        for statement in kernel.statements():
            if isinstance(statement, Product):
                needed |= _tiles(statement, target)
    return needed


def _tiles(product: Product, target: Target) -> dict[str, Emit]:
    """The tiles that a product calls."""
    element, made = register_type(product.dtype), chosen(product, target)
    if isinstance(made, WindowPlan):
        return {
            tile.name(element): partial(emit_window_tile, element=element, tile=tile)
            for tile in made.tiles
        }
    row = made.left_row
    return {
        tile_name(element, tile, row): partial(emit_tile, element=element, shape=tile, left_row=row)
        for tile in made.tiles
    }
