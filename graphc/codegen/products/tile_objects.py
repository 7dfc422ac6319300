"""The object code of tiles: one for each shape and layout, shared by all products."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from llvmlite import ir

from graphc.codegen.caching.compiled_code import object_of_part
from graphc.codegen.products.plan import plan
from graphc.codegen.products.tile import TileShape, emit_tile, tile_name
from graphc.codegen.target import Target
from graphc.codegen.translation import object_codes
from graphc.codegen.values import register_type
from graphc.ir.dtypes import DType
from graphc.schedule.kernel import Kernel
from graphc.schedule.statements import Product


def tile_objects(kernels: Iterable[Kernel], target: Target) -> tuple[bytes, ...]:
    """Objects of all the tiles that kernels call."""
    needed: dict[tuple[DType, TileShape, int], None] = {}
    for kernel in kernels:
        for statement in kernel.statements():
            if isinstance(statement, Product):
                made = plan(statement, target)
                for tile in made.tiles:
                    needed[statement.dtype, tile, made.left_row] = None
    return tuple(_object(*key, target) for key in needed)


@cache
def _object(dtype: DType, shape: TileShape, left_row: int, target: Target) -> bytes:
    element = register_type(dtype)
    name = tile_name(element, shape, left_row)

    def make() -> bytes:
        module = ir.Module(name=name)
        module.triple = target.triple
        emit_tile(module, element, shape, left_row)
        return object_codes({name: module}, target)[name]

    return object_of_part(name, target, make)
