"""Which tiles products call: objects, one for each shape and layout, that all products share."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from functools import partial

from llvmlite import ir

from graphc.codegen.products.choice import chosen
from graphc.codegen.products.direct_tile import SHARED, DirectTile, declare, emit
from graphc.codegen.products.tile import TileShape, emit_tile, tile_name
from graphc.codegen.products.window_plan import WindowPlan
from graphc.codegen.products.window_tile import emit_window_tile
from graphc.codegen.shared_objects import Emit
from graphc.codegen.target import Target
from graphc.codegen.values import register_type, size_of
from graphc.ir.dtypes import float32, float64
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


_SHARED = re.compile(
    SHARED.encode() + rb"tile\.([0-9x.]+?)((?:\.begun)?)((?:\.cut)?)((?:\.open)?)\.(float|double)"
)


def direct_tiles_called(
    modules: Collection[ir.Module], images: Collection[bytes], target: Target
) -> dict[str, Emit]:
    """The shared tiles that modules, or objects of others, refer to: names, and what emits them."""
    named = [name.encode() for module in modules for name in module.globals]
    found = {match[0]: match for text in (*named, *images) for match in _SHARED.finditer(text)}
    return {
        name.decode(): partial(_emit_shared, *_direct_tile(match, target))
        for name, match in sorted(found.items())
    }


def _direct_tile(match: re.Match[bytes], target: Target) -> tuple[DirectTile, ir.Type]:
    """The tile whose name it is, and the type of elements."""
    sizes, begun, cut, open_, kind = (part.decode() for part in match.groups())
    element = register_type(float32 if kind == "float" else float64)
    known = [None if size == "x" else int(size) for size in sizes.split(".")]
    rows, vectors, columns, left_row, left_step, *_, ahead = known
    assert rows is not None and vectors is not None and columns is not None and ahead is not None
    shape = TileShape(rows, vectors, target.vector_bits // (8 * size_of(element)))
    made = DirectTile(
        shape, columns, left_row, left_step, right_step=None, depth=None, target_row=None,
        begun=bool(begun), cut=bool(cut), open=bool(open_), ahead=ahead, shared=True,
    )  # fmt: skip
    return made, element


def _emit_shared(tile: DirectTile, element: ir.Type, module: ir.Module) -> None:
    emit(declare(module, element, tile), element, tile)
