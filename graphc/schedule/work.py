"""How much work a kernel is: an estimate, as an expression in the dims.

It decides into how many pieces a loop is cut and whether other Python threads may run meanwhile,
so it must depend on nothing but the kernel and the sizes. A unit is about a twentieth of a
nanosecond on one core: what a simple operation on one of sixteen lanes takes.
"""

from __future__ import annotations

from graphc.ir import dims, scalar
from graphc.ir.dims import Size
from graphc.ir.scalar import Expr
from graphc.schedule.calls import Call
from graphc.schedule.kernel import Kernel
from graphc.schedule.statements import (
    Axis,
    Either,
    Fold,
    Loop,
    Product,
    Sort,
    Statement,
    Store,
    Turns,
    Update,
    inner_of,
    roots_of,
)

#: Units of work in a nanosecond.
NANOSECOND = 20

#: Units per element of four bytes; 1 for what is not listed.
_OPERATIONS = {
    "const": 0, "index": 0, "local": 0, "cast": 1, "checked": 4,
    "div": 4, "sqrt": 4, "rsqrt": 5, "cbrt": 12, "mod": 8, "floor_divide": 8, "pow": 30,
    "exp": 8, "exp2": 8, "expm1": 12, "log": 10, "log2": 10, "log1p": 12,
    "sin": 12, "cos": 12, "tan": 16, "asin": 10, "acos": 10, "atan": 12, "atan2": 20,
    "sinh": 14, "cosh": 14, "tanh": 12, "asinh": 20, "acosh": 16, "atanh": 14,
    "sigmoid": 12, "erf": 14, "erfc": 20, "lgamma": 50, "digamma": 40,
}  # fmt: skip

#: How much slower than the element's own bytes: reads where the program says, and loops that
#: take one element at a time.
_GATHERED, _SINGLE = 4, 8

#: Multiply-adds of four bytes in a unit, where their operands are in registers.
_MULTIPLY_ADDS = 6

#: Units per element and level of a sort.
_SORTED = 100


def work(kernel: Kernel) -> Size:
    """Units of work of one launch."""
    return _Estimate().body(kernel.body, (), False)


class _Estimate:
    """Counts every expression once, as often as the axes that it depends on are run through."""

    def __init__(self) -> None:
        self._levels: dict[Expr, int] = {}
        self._locals: dict[str, int] = {}
        self._axes: dict[str, int] = {}

    def body(self, body: tuple[Statement, ...], axes: tuple[Axis, ...], vector: bool) -> Size:
        """The work of statements inside the axes."""
        total: Size = 0
        for statement in body:
            match statement:
                case Loop(axis, inner, is_vector):
                    around = (*axes, self._entered(axis, axes))
                    total += self.body(inner, around, vector or is_vector)
                case Fold(reductions, inner):
                    for reduction in reductions:
                        self._locals[reduction.result] = len(axes)
                    total += self.body(inner, axes, vector)
                case Product():
                    total += self._product(statement, axes)
                case Turns(axis=axis):
                    around = (*axes, self._entered(axis, axes))
                    total += self.body(inner_of(statement), around, False)
                case Either():
                    total += self.body(inner_of(statement), axes, vector)
                case _:
                    total += self._statement(statement, axes, vector)
        return total

    def _product(self, product: Product, axes: tuple[Axis, ...]) -> Size:
        """Multiply-adds by the vector, and what is done with the results."""
        inside = axes
        for axis in product.places:
            inside = (*inside, self._entered(axis, inside))
        self._locals[product.result] = len(inside)
        points = _counts(inside)[-1]
        steps = dims.product(self._entered(axis, inside).extent for axis in product.depth)
        weight = product.dtype.itemsize // 4
        chains = dims.floordiv(points * steps * weight, _MULTIPLY_ADDS)
        return chains + self.body(product.body, inside, True)

    def _statement(self, statement: Statement, axes: tuple[Axis, ...], vector: bool) -> Size:
        slow = 1 if vector else _SINGLE
        counts = _counts(axes)
        total: Size = _own(statement) * slow * counts[-1]
        if isinstance(statement, Call):
            self._locals[statement.result] = len(axes)
            return statement.work * counts[-1]
        if isinstance(statement, Sort):
            counts = _counts((*axes, self._entered(statement.axis, axes)))
            total = _SORTED * counts[-1]
        for expr in scalar.walk(roots_of(statement)):
            if expr not in self._levels:
                self._levels[expr] = level = self._level(expr)
                total += _weight(expr) * slow * counts[min(level, len(counts) - 1)]
        return total

    def _entered(self, axis: Axis, axes: tuple[Axis, ...]) -> Axis:
        """The axis, with the extent that it has at the first positions of those around it."""
        self._axes[axis.name] = len(axes) + 1
        return Axis(axis.name, dims.substitute(axis.extent, {outer.name: 0 for outer in axes}))

    def _level(self, expr: Expr) -> int:
        """How many of the loops around it an expression is inside of, at least."""
        if expr.name == "local":
            return self._locals.get(str(expr.data), 0)
        names = {name for size in expr.indices() for name in dims.symbols(size)}
        own = max((self._axes.get(name, 0) for name in names), default=0)
        return max([own, *(self._levels[inner] for inner in expr.operands)])


def _counts(axes: tuple[Axis, ...]) -> list[Size]:
    """How often statements run that stand inside no axis, the first, the first two, ..."""
    counts: list[Size] = [1]
    for axis in axes:
        counts.append(counts[-1] * axis.extent)
    return counts


def _own(statement: Statement) -> int:
    match statement:
        case Store():
            return 2 * statement.value.dtype.itemsize
        case Update():
            return 3 * statement.value.dtype.itemsize
        case _:
            return 1


def _weight(expr: Expr) -> int:
    if expr.name == "load":
        is_gathered = any(scalar.opaque_values(size) for size in expr.indices())
        return expr.dtype.itemsize * (_GATHERED if is_gathered else 1)
    return _OPERATIONS.get(expr.name, 1) * max(1, expr.dtype.itemsize // 4)
