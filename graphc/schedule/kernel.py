"""Kernels: the one form of loop nest into which every graph is cut.

A kernel is a tree of loops. Its outermost loop may be cut into ranges that run at once; inside
are stores, reductions and further loops, in their order. Row-local values live in *scratch*,
which stays in the cache. The form says nothing of the target machine.

Names are canonical: arguments are `a0, a1, ...` in the order of first use, axes `$0, $1, ...`.
Two kernels with the same `key` are the same kernel, and share one native function.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from graphc.ir import dims, scalar
from graphc.ir.dims import Size
from graphc.ir.dtypes import DType
from graphc.ir.graph import Graph
from graphc.ir.node import Node
from graphc.ir.scalar import Expr, Site
from graphc.schedule.kernel_text import text_of
from graphc.schedule.reasons import Separation
from graphc.schedule.regions import Region, Repeat
from graphc.schedule.statements import Statement, roots_of, walk


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
        return text_of(self.body, self.arguments, self.scratch, self.parallel)


@dataclass(frozen=True, slots=True, eq=False)
class Workspace:
    """Memory that one launch needs for itself; `zeroed` if it is to hold zeros at first."""

    dtype: DType
    size: Size
    zeroed: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Launch:
    """One run of a kernel within a program: what stands behind its arguments.

    `nodes` are the graph nodes computed; `reason` says why the kernel starts where it does
    instead of being part of the one that reads it. `sizes` are what symbols stand for that only
    the kernel has. `beside`: it may run at the same time as the launch before it and all that
    one may run beside. `room` is what its kernel needs for itself while a piece of it runs, on the
    thread that runs the program; all launches have the same. `loop` is the loop of which it takes
    turns, as it was when its body had launches of its own.
    """

    kernel: Kernel
    operands: tuple[Node | Workspace, ...]
    nodes: tuple[Node, ...]
    reason: str
    sites: tuple[Site, ...]
    sizes: tuple[tuple[str, Size], ...] = ()
    beside: bool = False
    room: Workspace | None = None
    loop: Repeat | None = None

    @property
    def buffers(self) -> tuple[Node | Workspace, ...]:
        """All memory that it uses."""
        return self.operands if self.room is None else (*self.operands, self.room)

    def sized(self, size: Size) -> Size:
        """A size of the kernel's in terms of the program's dims."""
        return dims.substitute(size, dict(self.sizes)) if self.sizes else size


@dataclass(frozen=True, slots=True)
class Body:
    """A graph that was scheduled in the place of the one that a node holds in an attribute.

    All its nodes are its own.
    """

    holder: Node
    key: str
    graph: Graph


@dataclass(frozen=True, slots=True, eq=False)
class Schedule:
    """A program as kernels in the order in which they run.

    `separations` are the pairs of a value and a reader that are in different kernels, with reasons.
    `regions`, outer ones first, are launches that run several times, or only if something holds.
    `bodies`, outer ones first, are the graphs of these; `buffers` are, for nodes that lie in memory
    under the name of another node, that one.
    """

    launches: tuple[Launch, ...]
    separations: tuple[Separation, ...] = ()
    regions: tuple[Region, ...] = ()
    bodies: tuple[Body, ...] = ()
    buffers: Mapping[Node, Node] = field(default_factory=dict)

    def batches(self) -> list[range]:
        """The numbers of launches that may run at the same time, batch by batch."""
        starts = [k for k, launch in enumerate(self.launches) if not launch.beside]
        ends = [*starts[1:], len(self.launches)][: len(starts)]
        return [range(start, end) for start, end in zip(starts, ends, strict=True)]

    def moving(self) -> list[Node]:
        """Buffers without a fixed place: rows, and what has a size that is found on the way."""
        if not self.regions:
            return []
        used = [buffer for launch in self.launches for buffer in launch.operands]
        used += [buffer for region in self.regions for buffer in region.used()]
        rows = [
            row for region in self.regions if isinstance(region, Repeat) for row in region.moving()
        ]
        grown = [b for b in used if isinstance(b, Node) and any(map(dims.is_found, b.shape))]
        return list(dict.fromkeys((*rows, *grown)))

    def distinct(self) -> list[Kernel]:
        """The kernels that differ, in order of first use."""
        found: dict[Hashable, Kernel] = {}
        for launch in self.launches:
            found.setdefault(launch.kernel.key(), launch.kernel)
        return list(found.values())
