"""A product in few words: how large it is, how it is cut for the machine, and what joins it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from graphc.codegen.products.blocking import Cut
from graphc.codegen.products.choice import chosen
from graphc.codegen.products.plan import Plan
from graphc.codegen.products.window_plan import WindowPlan
from graphc.codegen.target import Target
from graphc.ir import dims
from graphc.ir.dims import Size
from graphc.ir.scalar import Expr
from graphc.schedule.contents import product_flops, products
from graphc.schedule.kernel import Kernel
from graphc.schedule.statements import (
    Axis,
    Fold,
    Product,
    Statement,
    Store,
    Update,
    values_of,
    walk,
)


@dataclass(frozen=True, slots=True)
class OperandSummary:
    """The buffers that an operand is read from, and the operations on the way to its panel.

    `conditional`: some of it is read under conditions, as around the edges of an image.
    `in_place`: tiles read it where it lies, and it has no panel.
    """

    reads: tuple[str, ...]
    ops: tuple[str, ...]
    conditional: bool
    in_place: bool = False


@dataclass(frozen=True, slots=True)
class ProductSummary:
    """A product of a kernel: `blocks` of at most `rows` by `columns` results, each of depth steps.

    A step is a multiplication and an addition, two of `flops` (None where no expression in the
    dims says how many there are). `tile` has rows and columns of results kept in registers,
    `panel` steps, rows and columns of the operands that are packed at a time. The operand that
    `slides`, "left" or "right", is packed once for all windows that read it. `ops` are worked out
    for every result before `stores` are written.
    """

    result: str
    dtype: str
    blocks: Size
    rows: Size
    columns: Size
    depth: tuple[Size, ...]
    flops: Size | None
    tile: tuple[int, int]
    panel: tuple[int, int, int]
    slides: str
    left: OperandSummary
    right: OperandSummary
    ops: tuple[str, ...]
    stores: tuple[str, ...]

    def renamed(self, names: Mapping[str, str]) -> ProductSummary:
        """The same with other names for buffers and the result."""

        def of(buffers: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(names.get(name, name) for name in buffers)

        return replace(
            self,
            result=names.get(self.result, self.result),
            left=replace(self.left, reads=of(self.left.reads)),
            right=replace(self.right, reads=of(self.right.reads)),
            stores=of(self.stores),
        )


def summaries(
    kernel: Kernel, target: Target, sizes: Mapping[str, Size] | None = None
) -> tuple[ProductSummary, ...]:
    """The products of a kernel for a target; `sizes` are those of its dims, as far as known."""
    return tuple(
        _summary(product, around, target, sizes or {}) for product, around in products(kernel)
    )


def _summary(
    product: Product, around: tuple[Axis, ...], target: Target, sizes: Mapping[str, Size]
) -> ProductSummary:
    made = chosen(product, target)
    turned = isinstance(made, WindowPlan) and made.product is not product
    is_left = isinstance(made, WindowPlan) and not turned
    direct = made.direct if isinstance(made, Plan) else None
    depth, rows, columns = _panel(made)
    first: dict[str, Size] = {axis.name: 0 for axis in around}

    def extent(axis: Axis) -> Size:
        """The axis' extent in the first block."""
        return dims.substitute(dims.substitute(axis.extent, sizes), first)

    return ProductSummary(
        result=product.result,
        dtype=product.dtype.short,
        blocks=dims.product(map(extent, around)),
        rows=extent(product.row),
        columns=extent(product.column),
        depth=tuple(map(extent, product.depth)),
        flops=product_flops(product, around, sizes),
        tile=(made.tile.columns, made.tile.rows) if turned else (made.tile.rows, made.tile.columns),
        panel=(depth, columns, rows) if turned else (depth, rows, columns),
        slides="" if made.image is None else "left" if is_left else "right",
        left=_operand(product.left, direct is not None and direct.left is not None),
        right=_operand(product.right, direct is not None and direct.right is not None),
        ops=_ops_after(product.body),
        stores=_unique(_targets(product.body)),
    )


def _panel(made: Plan | WindowPlan) -> tuple[int, int, int]:
    if isinstance(made, WindowPlan):
        return _most(made.depth), _most(made.rows), made.tile.columns
    return _most(made.depth), made.blocks.rows, _most(made.columns)


def _most(cut: Cut) -> int:
    """Positions in a panel of axes."""
    extent = cut.axis.extent
    return cut.size * (min(cut.run, max(extent, 1)) if isinstance(extent, int) else cut.run)


def _operand(expr: Expr, in_place: bool) -> OperandSummary:
    parts = _parts((expr,))
    loads = [part for part in parts if part.name == "load"]
    return OperandSummary(
        reads=_unique(str(load.source) for load in loads),
        ops=_ops(parts),
        conditional=any(load.args for load in loads),
        in_place=in_place,
    )


def _parts(roots: Iterable[Expr]) -> list[Expr]:
    """What expressions are made of, arguments first, but for conditions and places of loads."""
    found: dict[Expr, None] = {}

    def visit(expr: Expr) -> None:
        if expr not in found:
            for part in () if expr.name == "load" else expr.args:
                visit(part)
            found[expr] = None

    for root in roots:
        visit(root)
    return list(found)


def _ops(parts: Iterable[Expr]) -> tuple[str, ...]:
    """The operations among them, a conversion being called by its dtype."""
    return _unique(
        str(part.dtype) if part.name == "cast" else part.name
        for part in parts
        if part.name not in ("load", "const", "index", "local")
    )


def _ops_after(body: tuple[Statement, ...]) -> tuple[str, ...]:
    """What is done with results, reductions of them included."""
    values = [value for statement in walk(body) for value in values_of(statement)]
    combiners: list[str] = []
    for statement in walk(body):
        match statement:
            case Fold(reductions=reductions):
                combiners += [reduction.combiner for reduction in reductions]
            case Update(combiner=combiner):
                combiners.append(combiner)
    return _unique([*_ops(_parts(values)), *combiners])


def _targets(body: tuple[Statement, ...]) -> Iterator[str]:
    for statement in walk(body):
        if isinstance(statement, Store | Update):
            yield statement.target


def _unique(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
