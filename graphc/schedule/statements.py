"""The statements of which kernels are made: loops, and what happens inside them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from graphc.ir import dims, scalar
from graphc.ir.dims import Size, Symbol, symbol
from graphc.ir.dtypes import DType
from graphc.ir.scalar import Expr
from graphc.schedule.calls import Call, Check


@dataclass(frozen=True, slots=True)
class Axis:
    """A loop from 0 to extent - 1."""

    name: str
    extent: Size

    @property
    def position(self) -> Size:
        """The loop's running position; 0 if there is no other."""
        return 0 if self.extent == 1 else symbol(self.name, self.extent - 1)

    @property
    def symbol(self) -> Symbol:
        """The position as it stands in offsets."""
        return Symbol(self.name, self.extent - 1)

    def step(self, size: Size) -> Size | None:
        """How much a size grows from position to position; None if not by the same everywhere."""
        split = dims.affine(size, self.symbol)
        return None if split is None else split[0]

    def __str__(self) -> str:
        return f"{self.name} < {self.extent}"


@dataclass(frozen=True, slots=True)
class Store:
    """Put a value at an offset of a buffer."""

    target: str
    offset: Size
    value: Expr


@dataclass(frozen=True, slots=True)
class Update:
    """Combine a value into what a buffer holds at an offset, where the condition holds.

    Updates happen strictly in the order of the loops around them.
    """

    target: str
    offset: Size
    combiner: str
    value: Expr
    where: Expr | None = None


@dataclass(frozen=True, slots=True)
class Combine:
    """Take operands into a running reduction, whose value so far is then a local."""

    result: str
    operands: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Reduction:
    """A value combined from many.

    With `lanes`, elements along the innermost loop go to lane (position modulo the number of
    lanes) and lanes are combined as a tree at the end; without, they are combined in their
    order. The choice follows from the op's shapes alone, so the bits do not depend on fusion.
    `position` is what argmax and argmin tell of the element they pick.
    """

    result: str
    combiner: str
    dtype: DType
    element: DType
    lanes: bool
    position: Size | None = None


@dataclass(frozen=True, slots=True)
class Loop:
    """Statements repeated along an axis; `vector`: at several positions together."""

    axis: Axis
    body: tuple[Statement, ...]
    vector: bool = False


@dataclass(frozen=True, slots=True)
class Fold:
    """Statements that `Combine` into reductions, whose results are locals after them."""

    reductions: tuple[Reduction, ...]
    body: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class Sort:
    """Sort keys along one axis, stably, NaN last; store the keys or their positions.

    `keys` and `places` are workspaces of twice the axis' extent.
    """

    axis: Axis
    key: Expr
    keys: str
    places: str
    target: str
    offset: Size
    positions: bool


@dataclass(frozen=True, slots=True)
class Product:
    """Statements for every row and column, with the sum over `depth` of left times right.

    `left` depends on the depth and the position in `rows`, which `row` counts through, `right` on
    the depth and that in `columns`; both may read memory in any way. Each sum is a chain of
    multiply-adds in the order of depth. Rows come in order for each column, columns for each row.
    The body names `row` and `column`; or, where these are none of the rows or columns and count
    through several, `rows` or `columns`, along which results lie in lines apart. `onto`: the body
    is one store, and where that position is not 0 chains go on from what is there.
    """

    result: str
    dtype: DType
    row: Axis
    column: Axis
    rows: tuple[Axis, ...]
    columns: tuple[Axis, ...]
    depth: tuple[Axis, ...]
    left: Expr
    right: Expr
    body: tuple[Statement, ...]
    onto: Size | None = None

    @property
    def axes(self) -> tuple[Axis, ...]:
        """All axes that it runs over."""
        return (self.row, self.column, *self.rows, *self.columns, *self.depth)

    @property
    def places(self) -> tuple[Axis, ...]:
        """The axes that the body names."""
        down = self.rows if has_lines(self.row, self.rows) else (self.row,)
        across = self.columns if has_lines(self.column, self.columns) else (self.column,)
        return (*down, *across)


def has_lines(joint: Axis, axes: tuple[Axis, ...]) -> bool:
    """Whether a product's body names the axes of rows or columns, not the joint one."""
    return len(axes) > 1 and joint.name not in {axis.name for axis in axes}


@dataclass(frozen=True, slots=True)
class Turns:
    """Statements repeated one turn after another, as many times as the axis counts at most.

    With a condition, `test` runs before every turn, and the loop ends where it does not hold. Then
    `goes_on` and `count` are buffers of one element, which get its last value and the turns taken.
    """

    axis: Axis
    body: tuple[Statement, ...]
    test: tuple[Statement, ...] = ()
    condition: Expr | None = None
    goes_on: str = ""
    count: str = ""


@dataclass(frozen=True, slots=True)
class Either:
    """Statements that run where a condition holds, and others that run where it does not."""

    condition: Expr
    then: tuple[Statement, ...]
    otherwise: tuple[Statement, ...]


Statement = Store | Update | Combine | Loop | Fold | Sort | Product | Call | Check | Turns | Either


def walk(body: tuple[Statement, ...]) -> Iterator[Statement]:
    """Every statement of a body, outer ones first."""
    for statement in body:
        yield statement
        yield from walk(inner_of(statement))


def inner_of(statement: Statement) -> tuple[Statement, ...]:
    """The statements right inside of one."""
    match statement:
        case Loop(body=body) | Fold(body=body) | Product(body=body):
            return body
        case Turns(test=test, body=body):
            return (*test, *body)
        case Either(then=then, otherwise=otherwise):
            return (*then, *otherwise)
        case _:
            return ()


def axes_of(statement: Statement) -> tuple[Axis, ...]:
    """The axes that a statement itself runs over."""
    match statement:
        case Loop(axis=axis) | Sort(axis=axis) | Turns(axis=axis):
            return (axis,)
        case Product():
            return statement.axes
        case _:
            return ()


def values_of(statement: Statement) -> tuple[Expr, ...]:
    """The expressions that a statement itself evaluates."""
    match statement:
        case Store(value=value):
            return (value,)
        case Update(value=value, where=where):
            return (value,) if where is None else (value, where)
        case Combine(operands=operands):
            return operands
        case Sort(key=key):
            return (key,)
        case Product(left=left, right=right):
            return (left, right)
        case Call(where=where):
            return () if where is None else (where,)
        case Check(value=value):
            return (value,)
        case Turns(condition=condition):
            return () if condition is None else (condition,)
        case Either(condition=condition):
            return (condition,)
        case Loop() | Fold():
            return ()


def sizes_of(statement: Statement) -> tuple[Size, ...]:
    """The offsets and extents in a statement itself."""
    match statement:
        case Store(offset=offset) | Update(offset=offset):
            return (offset,)
        case Sort(axis=axis, offset=offset):
            return (axis.extent, offset)
        case Loop() | Turns():
            return tuple(axis.extent for axis in axes_of(statement))
        case Product(onto=onto):
            extents = tuple(axis.extent for axis in axes_of(statement))
            return extents if onto is None else (*extents, onto)
        case Call():
            return statement.sizes()
        case Combine() | Fold() | Check() | Either():
            return ()


def roots_of(statement: Statement) -> tuple[Expr, ...]:
    """The expressions of a statement, those on which offsets depend included."""
    inner = [expr for size in sizes_of(statement) for expr in scalar.opaque_values(size)]
    return (*values_of(statement), *inner)
