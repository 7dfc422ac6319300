"""Kernels: the one form of loop nest into which every graph is cut.

A kernel runs its stages, one after another, at every point of a parallel *domain*. A stage has
loops of its own inside, and leaves either elements in buffers or a value (`local`) for the
stages after it. The form says nothing of the target machine.

Names are canonical: arguments are `a0, a1, ...` in the order of first use, axes `$0, $1, ...`.
Two kernels with the same `key` are the same kernel, and share one native function.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass

from graphc.ir import scalar
from graphc.ir.dims import Dim, Size, symbol
from graphc.ir.dtypes import DType
from graphc.ir.node import Node
from graphc.ir.scalar import Expr


@dataclass(frozen=True, slots=True)
class Axis:
    """A loop from 0 to extent - 1."""

    name: str
    extent: Size

    @property
    def position(self) -> Dim:
        """The loop's running position."""
        return symbol(self.name, self.extent - 1)

    def __str__(self) -> str:
        return f"{self.name} < {self.extent}"


@dataclass(frozen=True, slots=True)
class Argument:
    """A buffer that the kernel is given: its name, element type and number of elements."""

    name: str
    dtype: DType
    size: Size
    written: bool

    def __str__(self) -> str:
        return f"{'out ' if self.written else ''}{self.name}: {self.dtype}[{self.size}]"


#: How a stage's text shows an expression.
Show = Callable[[Expr], str]


@dataclass(frozen=True, slots=True)
class Map:
    """Store a value at an offset of a buffer."""

    target: str
    offset: Size
    value: Expr

    axes: tuple[Axis, ...] = ()

    def values(self) -> tuple[Expr, ...]:
        return (self.value,)

    def text(self, show: Show) -> str:
        """What is stored where."""
        return f"{self.target}[{self.offset}] = {show(self.value)}"


@dataclass(frozen=True, slots=True)
class Reduce:
    """Combine operands over the axes, leaving the result as a local value.

    With `lanes`, elements along the last axis go to lane (position modulo the number of lanes)
    and lanes are combined as a tree at the end; without, they are combined in their order. The
    choice follows from the op's shapes alone, so the bits do not depend on fusion.
    """

    axes: tuple[Axis, ...]
    combiner: str
    operands: tuple[Expr, ...]
    result: str
    dtype: DType
    lanes: bool

    def values(self) -> tuple[Expr, ...]:
        return self.operands

    def text(self, show: Show) -> str:
        """What is combined, and how."""
        how = "lanes " if self.lanes else ""
        return f"{self.result} = {how}{self.combiner}({', '.join(map(show, self.operands))})"


@dataclass(frozen=True, slots=True)
class Scan:
    """Combine operands along one axis in their order, storing every intermediate result."""

    axes: tuple[Axis]
    combiner: str
    operand: Expr
    target: str
    offset: Size

    def values(self) -> tuple[Expr, ...]:
        return (self.operand,)

    def text(self, show: Show) -> str:
        """What is combined and stored."""
        running = f"running {self.combiner}({show(self.operand)})"
        return f"{self.target}[{self.offset}] = {running}"


@dataclass(frozen=True, slots=True)
class Scatter:
    """Add values at computed offsets of a buffer, strictly in the order of the loops.

    Nothing is touched where the condition does not hold.
    """

    axes: tuple[Axis, ...]
    target: str
    offset: Size
    value: Expr
    where: Expr | None = None

    def values(self) -> tuple[Expr, ...]:
        return (self.value,) if self.where is None else (self.value, self.where)

    def text(self, show: Show) -> str:
        """What is added where."""
        condition = "" if self.where is None else f" if {show(self.where)}"
        return f"{self.target}[{self.offset}] += {show(self.value)}{condition}"


@dataclass(frozen=True, slots=True)
class Sort:
    """Sort keys along one axis, stably, NaN last; store the keys or their positions.

    `keys` and `places` are workspaces of twice the axis' extent.
    """

    axes: tuple[Axis]
    key: Expr
    keys: str
    places: str
    target: str
    offset: Size
    positions: bool

    def values(self) -> tuple[Expr, ...]:
        return (self.key,)

    def text(self, show: Show) -> str:
        """What is sorted, where to, and with which workspaces."""
        what = "argsort" if self.positions else "sort"
        sorted_ = f"{what}({show(self.key)}) using {self.keys}, {self.places}"
        return f"{self.target}[{self.offset}] = {sorted_}"


Stage = Map | Reduce | Scan | Scatter | Sort


def roots(stage: Stage) -> tuple[Expr, ...]:
    """The expressions of a stage, those on which the place of its result depends included."""
    offset = 0 if isinstance(stage, Reduce) else stage.offset
    return (*stage.values(), *scalar.opaque_values(offset))


@dataclass(frozen=True, slots=True)
class Kernel:
    """Stages run at every point of a domain.

    `vector` names the axis whose positions are worked on several at a time: the last of the
    domain, or the last inner axis of the reductions; None where order forbids it. `sites` are
    the nodes whose indices are checked at run time.
    """

    domain: tuple[Axis, ...]
    stages: tuple[Stage, ...]
    arguments: tuple[Argument, ...]
    vector: str | None
    sites: tuple[Node, ...] = ()

    def expressions(self) -> Iterator[Expr]:
        """Every expression in the stages, arguments first."""
        yield from scalar.walk(tuple(value for stage in self.stages for value in roots(stage)))

    def __str__(self) -> str:
        lines = [f"kernel({', '.join(map(str, self.arguments))}) {{"]
        indent = "  "
        if self.domain:
            vector = f" vector {self.vector}" if self.vector else ""
            lines.append(f"  for {', '.join(map(str, self.domain))}{vector}:")
            indent = "    "
        names: dict[Expr, str] = {}
        shared = self._shared()
        for stage in self.stages:
            loops = f"for {', '.join(map(str, stage.axes))}: " if stage.axes else ""
            for expr in scalar.walk(roots(stage)):
                if expr in shared and expr not in names:
                    text = expr.text(names)
                    names[expr] = f"t{len(names)}"
                    lines.append(f"{indent}{loops}{names[expr]} = {text}")
            lines.append(f"{indent}{loops}{stage.text(lambda expr: expr.text(names))}")
        return "\n".join([*lines, "}"])

    def key(self) -> Hashable:
        """Equal for kernels that can share one function: the text, and what it leaves open.

        It shows neither the dtypes of constants nor which node a checked index belongs to.
        """
        sites = {site: number for number, site in enumerate(self.sites)}
        constants, checks = [], []
        for expr in self.expressions():
            if expr.name == "const":
                constants.append(expr.dtype.short)
            elif expr.name == "checked":
                checks.append(sites[expr.data[1]])
        return str(self), tuple(constants), tuple(checks)

    def _shared(self) -> set[Expr]:
        """Operations that are used more than once, and get a name of their own in the text."""
        uses: Counter[Expr] = Counter(value for stage in self.stages for value in stage.values())
        for expr in self.expressions():
            uses.update(scalar.operands(expr))
        plain = ("const", "index", "local", "load")
        return {expr for expr, count in uses.items() if count > 1 and expr.name not in plain}


@dataclass(frozen=True, slots=True, eq=False)
class Workspace:
    """Memory that one launch needs for itself."""

    dtype: DType
    size: Size


@dataclass(frozen=True, slots=True, eq=False)
class Launch:
    """One run of a kernel within a program: what stands behind its arguments.

    `nodes` are the graph nodes computed; `reason` says why the kernel starts where it does
    instead of being part of the one that reads it.
    """

    kernel: Kernel
    operands: tuple[Node | Workspace, ...]
    nodes: tuple[Node, ...]
    reason: str
    sites: tuple[Node, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Schedule:
    """A program as kernels in the order in which they run."""

    launches: tuple[Launch, ...]

    def distinct(self) -> list[Kernel]:
        """The kernels that differ, in order of first use."""
        found: dict[Hashable, Kernel] = {}
        for launch in self.launches:
            found.setdefault(launch.kernel.key(), launch.kernel)
        return list(found.values())
