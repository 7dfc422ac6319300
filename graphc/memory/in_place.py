"""Whether a kernel may write a result into the memory of something that it reads.

It may if every element is read before it is overwritten, wherever the kernel's loops are cut and
however many positions are worked on together. What is decided here is decided from the kernel's
tree alone, and holds for all sizes; when in doubt the answer is no.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import permutations

from graphc.ir import dims, scalar
from graphc.ir.dims import Dim, Size
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
    roots_of,
    walk,
)

#: Loops around a store of which every order of strides is tried.
_MOST_AXES = 4


@dataclass(frozen=True, slots=True)
class _Access:
    """An element read or written inside loops, at a place in the order of the program.

    `loops` are numbers that tell loops apart, outermost first; `axes` what they run over.
    """

    place: int
    loops: tuple[int, ...]
    axes: tuple[Axis, ...]
    offset: Size


def may_share(kernel: Kernel, pairs: Iterable[tuple[str, str]]) -> bool:
    """Whether the arguments of each pair may be the same memory, if they are of the same size.

    A pair is an argument to which the kernel stores and one that it only reads. Elements must be
    of the same size too.
    """
    accesses = _Accesses()
    accesses.collect(kernel.body, (), ())
    return all(accesses.allow(written, read) for written, read in pairs)


class _Accesses:
    """Every load and store of a kernel, in the order in which they happen."""

    def __init__(self) -> None:
        self.loads: dict[str, list[_Access]] = {}
        self.stores: dict[str, list[_Access]] = {}
        self.kept: set[str] = set()
        self._place = 0
        self._loop = 0

    def allow(self, written: str, read: str) -> bool:
        """Whether everything is read before something else is written over it."""
        stores = self.stores.get(written, [])
        if not stores or read in self.stores or self.kept & {written, read}:
            return False
        loads = self.loads.get(read, [])
        return all(_reads_first(load, store) for store in stores for load in loads)

    def collect(
        self, body: tuple[Statement, ...], loops: tuple[int, ...], axes: tuple[Axis, ...]
    ) -> None:
        for statement in body:
            match statement:
                case Loop(axis, inner, _):
                    self._read(statement, loops, axes)
                    self.collect(inner, *self._inside(axis, loops, axes))
                case Fold(_, inner):
                    self.collect(inner, loops, axes)
                case Product(body=inner):
                    self._keep(statement)
                    around = loops, axes
                    for axis in statement.places:
                        around = self._inside(axis, *around)
                    self.collect(inner, *around)
                case Sort(axis=axis, target=target, offset=offset):
                    # the whole line is read before any of it is written
                    self._read(statement, *self._inside(axis, loops, axes))
                    self._write(target, offset, *self._inside(axis, loops, axes))
                case Store(target=target, offset=offset) | Update(target=target, offset=offset):
                    self._read(statement, loops, axes)
                    self._write(target, offset, loops, axes)
                case Turns() | Either():  # what is read in a turn, others may have written
                    for one in walk((statement,)):
                        loads = scalar.walk(roots_of(one))
                        self.kept |= {str(e.source) for e in loads if e.name == "load"}
                        self.kept |= {one.target} if isinstance(one, Store | Update) else set()
                case Call():  # in what order a routine reads and writes is its own affair
                    self._read(statement, loops, axes)
                    self.kept |= {pointer.buffer for pointer in statement.pointers()}
                case _:
                    self._read(statement, loops, axes)

    def _keep(self, product: Product) -> None:
        """What a product reads is read block by block, in no order that is promised."""
        loads = (expr for expr in scalar.walk(roots_of(product)) if expr.name == "load")
        self.kept.update(str(load.source) for load in loads)
        if product.onto is not None:
            self.kept.update(store.target for store in product.body if isinstance(store, Store))

    def _inside(
        self, axis: Axis, loops: tuple[int, ...], axes: tuple[Axis, ...]
    ) -> tuple[tuple[int, ...], tuple[Axis, ...]]:
        self._loop += 1
        return (*loops, self._loop), (*axes, axis)

    def _read(self, statement: Statement, loops: tuple[int, ...], axes: tuple[Axis, ...]) -> None:
        """What a statement reads; all of it before the statement writes."""
        self._place += 1
        for expr in scalar.walk(roots_of(statement)):
            if expr.name == "load":
                access = _Access(self._place, loops, axes, expr.offset)
                self.loads.setdefault(str(expr.source), []).append(access)

    def _write(
        self, target: str, offset: Size, loops: tuple[int, ...], axes: tuple[Axis, ...]
    ) -> None:
        self._place += 1
        self.stores.setdefault(target, []).append(_Access(self._place, loops, axes, offset))


def _reads_first(load: _Access, store: _Access) -> bool:
    """Whether the load reads every element before the store changes it.

    That is so if the load's loops are over before the store's begin. Inside common loops it is so
    if the element written in an iteration is read in that iteration only, before.
    """
    if load.place >= store.place:
        return False
    common = _common(load.loops, store.loops)
    if common == 0:
        return True
    return _is_one_to_one(store.offset, store.axes) and _same_element(load, store, common)


def _common(left: tuple[int, ...], right: tuple[int, ...]) -> int:
    count = 0
    while count < min(len(left), len(right)) and left[count] == right[count]:
        count += 1
    return count


def _same_element(load: _Access, store: _Access, common: int) -> bool:
    """Whether the load's offset is the store's, the loops not in common put for one another."""
    run = [axis for axis in load.axes[common:] if _moves(load.offset, axis)]
    other = [axis for axis in store.axes[common:] if axis.extent != 1]
    if [axis.extent for axis in run] != [axis.extent for axis in other]:
        return False
    positions = {mine.name: theirs.position for mine, theirs in zip(run, other, strict=True)}
    return bool(dims.substitute(load.offset, positions) == store.offset)


def _moves(offset: Size, axis: Axis) -> bool:
    return axis.extent != 1 and dims.depends_on(offset, axis.symbol)


def _is_one_to_one(offset: Size, axes: tuple[Axis, ...]) -> bool:
    """Whether no two iterations of the loops have the same offset."""
    running = [axis for axis in axes if axis.extent != 1]
    strides = _strides(offset, running)
    if strides is None:
        return False
    steps = list(zip(strides, (axis.extent for axis in running), strict=True))
    orders = permutations(steps) if len(steps) <= _MOST_AXES else [tuple(steps)]
    return any(_nests(reversed(order)) for order in orders)


def _strides(offset: Size, axes: list[Axis]) -> list[Size] | None:
    """How far the offset moves with each axis; None if it is not a sum of such moves."""
    strides: list[Size] = []
    rest = offset
    for axis in axes:
        split = dims.affine(rest, axis.symbol)
        if split is None:
            return None
        stride, rest = split
        strides.append(-stride if dims.is_nonnegative(-stride) else stride)
    sizes = [size for size in (*strides, rest) if isinstance(size, Dim)]
    if any(dims.depends_on(size, axis.symbol) for size in sizes for axis in axes):
        return None
    return strides


def _nests(steps: Iterator[tuple[Size, Size]]) -> bool:
    """Whether each stride leaps over all that those before it, with their extents, can reach."""
    reach: Size = 0
    for stride, extent in steps:
        if not dims.is_nonnegative(stride - reach - 1):
            return False
        reach = reach + stride * (extent - 1)
    return True
