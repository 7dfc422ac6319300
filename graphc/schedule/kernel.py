"""Kernels: the one form of loop nest into which every graph is cut.

A kernel is a tree of loops. Its outermost loop may be cut into ranges that run at once; inside
are stores, reductions and further loops, in their order. Row-local values live in *scratch*,
which stays in the cache. The form says nothing of the target machine.

Names are canonical: arguments are `a0, a1, ...` in the order of first use, axes `$0, $1, ...`.
Two kernels with the same `key` are the same kernel, and share one native function.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from functools import cached_property

from graphc.ir import dims, scalar
from graphc.ir.dims import Size, symbol
from graphc.ir.dtypes import DType
from graphc.ir.node import Node
from graphc.ir.scalar import Expr, Site
from graphc.schedule.calls import Call, Check
from graphc.schedule.reasons import Separation


@dataclass(frozen=True, slots=True)
class Axis:
    """A loop from 0 to extent - 1."""

    name: str
    extent: Size

    @property
    def position(self) -> Size:
        """The loop's running position; 0 if there is no other."""
        return 0 if self.extent == 1 else symbol(self.name, self.extent - 1)

    def __str__(self) -> str:
        return f"{self.name} < {self.extent}"


@dataclass(frozen=True, slots=True)
class Argument:
    """A buffer that the kernel is given: its name, element type and number of elements.

    `shares`: it may be the same memory as another argument that shares, one being written over
    the other; all others lie apart.
    """

    name: str
    dtype: DType
    size: Size
    written: bool
    shares: bool = False

    def __str__(self) -> str:
        how = f"{'shared ' if self.shares else ''}{'out ' if self.written else ''}"
        return f"{how}{self.name}: {self.dtype}[{self.size}]"


@dataclass(frozen=True, slots=True)
class Scratch:
    """Room for values along one row, private to whoever works on the row."""

    name: str
    dtype: DType
    size: int

    def __str__(self) -> str:
        return f"{self.name}: {self.dtype}[{self.size}]"


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

    `left` depends on the row and the depth, `right` on the depth and the position in `columns`,
    which `column` counts through; both may read memory in any way. Each sum is a chain of
    multiply-adds in the order of depth. Rows come in order for each column, columns for each row.
    """

    result: str
    dtype: DType
    row: Axis
    column: Axis
    columns: tuple[Axis, ...]
    depth: tuple[Axis, ...]
    left: Expr
    right: Expr
    body: tuple[Statement, ...]

    @property
    def axes(self) -> tuple[Axis, ...]:
        """All axes that it runs over."""
        return (self.row, self.column, *self.columns, *self.depth)


Statement = Store | Update | Combine | Loop | Fold | Sort | Product | Call | Check


@dataclass(frozen=True)
class Kernel:
    """A tree of loops over the buffers it is given.

    The outermost loop, if `parallel`, may be cut anywhere: no position of it depends on another.
    `sites` is where indices are checked at run time.
    """

    body: tuple[Statement, ...]
    arguments: tuple[Argument, ...]
    scratch: tuple[Scratch, ...]
    parallel: bool
    sites: tuple[Site, ...] = ()

    def statements(self) -> Iterator[Statement]:
        """Every statement, outer ones first."""
        return walk(self.body)

    def key(self) -> Hashable:
        """Equal for kernels that can share one function: the text, and what it leaves open.

        It shows neither the dtypes of constants nor which node a checked index belongs to.
        """
        return self._key

    @cached_property
    def _key(self) -> Hashable:
        sites = {site: number for number, site in enumerate(self.sites)}
        constants, checks = [], []
        for expr in self.expressions():
            if expr.name == "const":
                constants.append(expr.dtype.short)
            elif expr.name == "checked":
                checks.append(sites[expr.data[1]])
        return str(self), tuple(constants), tuple(checks)

    def expressions(self) -> Iterator[Expr]:
        """Every expression in the statements, arguments first."""
        roots = [expr for statement in self.statements() for expr in roots_of(statement)]
        return scalar.walk(tuple(roots))

    def __str__(self) -> str:
        return _Writer(self).text()


@dataclass(frozen=True, slots=True, eq=False)
class Workspace:
    """Memory that one launch needs for itself."""

    dtype: DType
    size: Size


@dataclass(frozen=True, slots=True, eq=False)
class Launch:
    """One run of a kernel within a program: what stands behind its arguments.

    `nodes` are the graph nodes computed; `reason` says why the kernel starts where it does
    instead of being part of the one that reads it. `sizes` are what symbols stand for that only
    the kernel has. `beside`: it may run at the same time as the launch before it and all that
    one may run beside.
    """

    kernel: Kernel
    operands: tuple[Node | Workspace, ...]
    nodes: tuple[Node, ...]
    reason: str
    sites: tuple[Site, ...]
    sizes: tuple[tuple[str, Size], ...] = ()
    beside: bool = False

    def sized(self, size: Size) -> Size:
        """A size of the kernel's in terms of the program's dims."""
        return dims.substitute(size, dict(self.sizes)) if self.sizes else size


@dataclass(frozen=True, slots=True, eq=False)
class Schedule:
    """A program as kernels in the order in which they run.

    `separations` are the pairs of a value and a reader that are in different kernels, with reasons.
    """

    launches: tuple[Launch, ...]
    separations: tuple[Separation, ...] = ()

    def batches(self) -> list[range]:
        """The numbers of launches that may run at the same time, batch by batch."""
        starts = [k for k, launch in enumerate(self.launches) if not launch.beside]
        ends = [*starts[1:], len(self.launches)][: len(starts)]
        return [range(start, end) for start, end in zip(starts, ends, strict=True)]

    def distinct(self) -> list[Kernel]:
        """The kernels that differ, in order of first use."""
        found: dict[Hashable, Kernel] = {}
        for launch in self.launches:
            found.setdefault(launch.kernel.key(), launch.kernel)
        return list(found.values())


def walk(body: tuple[Statement, ...]) -> Iterator[Statement]:
    """Every statement of a body, outer ones first."""
    for statement in body:
        yield statement
        if isinstance(statement, Loop | Fold | Product):
            yield from walk(statement.body)


def axes_of(statement: Statement) -> tuple[Axis, ...]:
    """The axes that a statement itself runs over."""
    match statement:
        case Loop(axis=axis) | Sort(axis=axis):
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
        case Loop() | Fold():
            return ()


def sizes_of(statement: Statement) -> tuple[Size, ...]:
    """The offsets and extents in a statement itself."""
    match statement:
        case Store(offset=offset) | Update(offset=offset):
            return (offset,)
        case Sort(axis=axis, offset=offset):
            return (axis.extent, offset)
        case Loop() | Product():
            return tuple(axis.extent for axis in axes_of(statement))
        case Call():
            return statement.sizes()
        case Combine() | Fold() | Check():
            return ()


def roots_of(statement: Statement) -> tuple[Expr, ...]:
    """The expressions of a statement, those on which offsets depend included."""
    inner = [expr for size in sizes_of(statement) for expr in scalar.opaque_values(size)]
    return (*values_of(statement), *inner)


class _Writer:
    """A kernel as text. Operations used more than once in a body get names."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.names: dict[Expr, str] = {}
        uses: Counter[Expr] = Counter()
        for statement in kernel.statements():
            uses.update(values_of(statement))
        for expr in kernel.expressions():
            uses.update(expr.operands)
        plain = ("const", "index", "local", "load")
        self.shared = {e for e, count in uses.items() if count > 1 and e.name not in plain}

    def text(self) -> str:
        scratch = ", ".join(map(str, self.kernel.scratch))
        room = f" scratch {scratch}" if scratch else ""
        head = f"kernel({', '.join(map(str, self.kernel.arguments))}){room} {{"
        return "\n".join([head, *self._body(self.kernel.body, "  "), "}"])

    def _body(self, body: tuple[Statement, ...], indent: str) -> list[str]:
        lines = []
        for statement in body:
            for expr in scalar.walk(roots_of(statement)):
                if expr in self.shared and expr not in self.names:
                    text = expr.text(self.names)
                    self.names[expr] = f"t{len(self.names)}"
                    lines.append(f"{indent}{self.names[expr]} = {text}")
            lines.extend(self._statement(statement, indent))
        return lines

    def _statement(self, statement: Statement, indent: str) -> list[str]:
        match statement:
            case Loop(axis, body, vector):
                parallel = "parallel " if self._is_cut(statement) else ""
                how = f"{parallel}{'vector ' if vector else ''}for"
                return [f"{indent}{how} {axis}:", *self._body(body, indent + "  ")]
            case Fold(reductions, body):
                parts = [
                    f"{r.result} = {'lanes ' if r.lanes else ''}{r.combiner}" for r in reductions
                ]
                return [f"{indent}fold {', '.join(parts)}:", *self._body(body, indent + "  ")]
            case Product(result, _, _, _, _, depth, left, right, body):
                one, other = (part.text(self.names) for part in (left, right))
                return [
                    f"{indent}{result} = sum over {' and '.join(map(str, depth))} of",
                    f"{indent}    {one}",
                    f"{indent}  * {other}",
                    f"{indent}for {self._places(statement)}:",
                    *self._body(body, indent + "  "),
                ]
            case _:
                return [indent + self._line(statement)]

    def _places(self, product: Product) -> str:
        column = f"column {product.column}"
        if product.columns != (product.column,):
            column += f" through {' and '.join(map(str, product.columns))}"
        return f"row {product.row}, {column}"

    def _is_cut(self, loop: Loop) -> bool:
        return self.kernel.parallel and loop is self.kernel.body[0]

    def _line(self, statement: Statement) -> str:
        def show(expr: Expr) -> str:
            return expr.text(self.names)

        match statement:
            case Store(target, offset, value):
                return f"{target}[{offset}] = {show(value)}"
            case Update(target, offset, combiner, value, where):
                condition = "" if where is None else f" if {show(where)}"
                return f"{target}[{offset}] {combiner}= {show(value)}{condition}"
            case Combine(result, operands):
                return f"{result} <- {', '.join(map(show, operands))}"
            case Sort(axis, key, keys, places, target, offset, positions):
                what = "argsort" if positions else "sort"
                sorted_ = f"{what}({show(key)}) using {keys}, {places}"
                return f"for {axis}: {target}[{offset}] = {sorted_}"
            case Call(where=where):
                return statement.text("" if where is None else show(where))
            case Check(value):
                return f"check {show(value)}"
            case _:
                raise AssertionError(statement)
