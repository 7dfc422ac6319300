"""The object code of tiles: one for each shape and layout, shared by all products."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from llvmlite import ir

from graphc.codegen.caching.compiled_code import object_of_part
from graphc.codegen.products.choice import chosen
from graphc.codegen.products.tile import emit_tile, tile_name
from graphc.codegen.products.window_plan import WindowPlan
from graphc.codegen.products.window_tile import emit_window_tile
from graphc.codegen.target import Target
from graphc.codegen.translation import object_codes
from graphc.codegen.values import register_type
from graphc.schedule.kernel import Kernel
from graphc.schedule.statements import Product

Emit = Callable[[ir.Module], object]
_made: dict[tuple[str, Target], bytes] = {}


def tile_objects(kernels: Iterable[Kernel], target: Target) -> tuple[bytes, ...]:
    """Objects of all the tiles that kernels call."""
    needed: dict[str, Emit] = {}
    for kernel in kernels:
        for statement in kernel.statements():
            if isinstance(statement, Product):
                needed |= _tiles(statement, target)
    return tuple(_object(name, emit, target) for name, emit in needed.items())


def _tiles(product: Product, target: Target) -> dict[str, Emit]:
    """The tiles that a product calls: names, and what emits them."""
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


def _object(name: str, emit: Emit, target: Target) -> bytes:
    def make() -> bytes:
        module = ir.Module(name=name)
        module.triple = target.triple
        emit(module)
        return object_codes({name: module}, target)[name]

    if (name, target) not in _made:
        _made[name, target] = object_of_part(name, target, make)
    return _made[name, target]
