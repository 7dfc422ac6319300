"""What is said of the products in kernels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphc.codegen.products.summary import OperandSummary, ProductSummary
from graphc.ir.dims import Size


def product_lines(product: ProductSummary) -> list[str]:
    """Sizes, tiles and panels, and what is fused into a product."""
    depth = " x ".join(map(str, product.depth))
    tile = product.tile
    flops = "" if product.flops is None else f"; {product.flops} flops"
    return [
        f"product {product.result}: {product.blocks} block{'' if product.blocks == 1 else 's'} "
        f"of {product.rows} x {product.columns} results for threads, {depth} deep{flops}",
        f"  in tiles of {tile[0]} x {tile[1]} {product.dtype}; {_panel_words(product)} at a time",
        f"  left: {side_text(product, 'left')}; right: {side_text(product, 'right')}; "
        f"results: {results_text(product)}",
    ]


def _is_direct(product: ProductSummary) -> bool:
    """Whether an operand is not packed."""
    return product.left.in_place or product.right.in_place


def _panel_words(product: ProductSummary) -> str:
    depth, rows, columns = product.panel
    if not _is_direct(product):
        return f"packed {depth} deep, {rows} rows, {columns} columns"
    copied = [side for side in ("left", "right") if not getattr(product, side).in_place]
    return ", ".join([*(f"{side} one copied" for side in copied), f"{depth} deep"])


def panel_text(product: ProductSummary) -> str:
    """Rows, columns and steps that are packed at a time, or only steps where tiles read them."""
    depth, rows, columns = product.panel
    return f"{depth} deep" if _is_direct(product) else f"{rows} x {columns} x {depth}"


def operand_text(operand: OperandSummary) -> str:
    """What is done to an operand as it is packed, and where it is read from."""
    how = " where it is there" if operand.conditional else " in place" if operand.in_place else ""
    return _of(operand.ops, f"{', '.join(operand.reads) or 'numbers'}{how}")


def side_text(product: ProductSummary, side: str) -> str:
    """The same of the left or right operand, and whether windows slide over what is packed."""
    text = operand_text(product.left if side == "left" else product.right)
    return f"{text}, once for all windows" if product.slides == side else text


def results_text(product: ProductSummary) -> str:
    """What is done with each result, and where that is stored."""
    done = ", ".join(product.ops) or "as they are"
    return f"{done} to {', '.join(product.stores)}" if product.stores else done


def _of(ops: Sequence[str], what: str) -> str:
    return f"{', '.join(ops)} of {what}" if ops else what


def product_data(product: ProductSummary) -> dict[str, Any]:
    """A product as data; sizes are numbers or texts."""
    return {
        "result": product.result,
        "dtype": product.dtype,
        "blocks": size_data(product.blocks),
        "rows": size_data(product.rows),
        "columns": size_data(product.columns),
        "depth": [size_data(size) for size in product.depth],
        "flops": None if product.flops is None else size_data(product.flops),
        "tile": list(product.tile),
        "panel": dict(zip(("depth", "rows", "columns"), product.panel, strict=True)),
        "slides": product.slides,
        "left": _operand_data(product.left),
        "right": _operand_data(product.right),
        "ops": list(product.ops),
        "stores": list(product.stores),
    }


def size_data(size: Size) -> int | str:
    """A number, or an expression as text."""
    return size if isinstance(size, int) else str(size)


def _operand_data(operand: OperandSummary) -> dict[str, Any]:
    return {
        "reads": list(operand.reads),
        "ops": list(operand.ops),
        "conditional": operand.conditional,
        "in_place": operand.in_place,
    }
