"""Nests of loops that read across the rows of a buffer, worked on tile by tile.

The innermost loop takes several positions together. Where a load's neighbours in memory belong
to another loop, as in a transpose, every lane would come from a row of its own. Both loops are
cut into tiles instead; what a tile reads is brought in by rows, turned in registers, and kept in
a small square of memory, from which the loop's body then reads as from a row.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from graphc.codegen.expressions.access import CLOSE
from graphc.ir import dims, scalar
from graphc.ir.dims import Size
from graphc.ir.scalar import Expr
from graphc.schedule.collapse import substituted
from graphc.schedule.statements import Axis, Loop, Statement, Store, roots_of

#: Rows and columns of a tile, so that its rows fill cache lines whatever the element.
TILE = 64

#: Bytes of all the squares that one nest keeps.
MOST_KEPT = 1 << 17

#: A loop shorter than this is not cut into tiles; lanes further apart than `FAR` are.
FEWEST, FAR = 8, 16

#: Elements that are gathered as well: in less than a microsecond, and with a third of the code.
FEW = 1 << 12


@dataclass(frozen=True)
class Square:
    """What a tile keeps of a load: its name, and the load, at the axes' own positions."""

    name: str
    load: Expr


@dataclass(frozen=True)
class Nest:
    """Perfectly nested loops, the `turned` and the innermost of which are cut into tiles.

    `body` is that of a tile. There `base` of an axis is where the tile begins and `inner` the
    position within it. `copy` is all that the loops do, if that is to store rows of what is turned.
    Of what lies in rows, elements `apart` from each other are read.
    """

    loops: tuple[Loop, ...]
    turned: int
    squares: tuple[Square, ...]
    body: tuple[Statement, ...]
    copy: Store | None
    apart: int = 1

    @property
    def rows(self) -> Axis:
        """The axis along which the loads' elements are neighbours, or nearly so."""
        return self.loops[self.turned].axis

    @property
    def columns(self) -> Axis:
        """The innermost axis."""
        return self.loops[-1].axis


def base(axis: Axis) -> str:
    """The name of the position where a tile begins."""
    return f"{axis.name}.base"


def inner(axis: Axis) -> str:
    """The name of the position within a tile."""
    return f"{axis.name}.inner"


def within(axis: Axis) -> Size:
    """The axis' position in terms of those two."""
    return dims.symbol(base(axis)) + dims.symbol(inner(axis), TILE - 1)


def turned_nest(loop: Loop, written: frozenset[str]) -> Nest | None:
    """How a nest of loops is cut into tiles; None if nothing in it is read across rows."""
    loops = tuple(_perfect(loop))
    body = loops[-1].body
    plain = loops[-1].vector and all(isinstance(statement, Store) for statement in body)
    if len(loops) < 2 or not plain or not _is_long(loops[-1].axis) or is_within(loops, FEW):
        return None
    for apart in range(1, CLOSE + 1):
        for k in range(len(loops) - 1):
            loads = _read_across(body, loops[k].axis, loops[-1].axis, apart, written)
            size = sum(load.dtype.itemsize for load in loads) * TILE * TILE
            if loads and size <= MOST_KEPT and _is_long(loops[k].axis):
                return _nest(loops, k, loads, apart)
    return None


def is_within(loops: tuple[Loop, ...], most: int) -> bool:
    """Whether nested loops are known to have no more positions than that."""
    count = dims.product(loop.axis.extent for loop in loops)
    return isinstance(count, int) and count <= most


def _perfect(loop: Loop) -> Iterator[Loop]:
    """The loop, and the loops inside as long as each is all of the body around it."""
    yield loop
    while len(loop.body) == 1 and isinstance(loop.body[0], Loop):
        loop = loop.body[0]
        yield loop


def _is_long(axis: Axis) -> bool:
    return not isinstance(axis.extent, int) or axis.extent >= FEWEST


def _read_across(
    body: tuple[Statement, ...], rows: Axis, columns: Axis, apart: int, written: frozenset[str]
) -> list[Expr]:
    """Loads that move by so many elements with `rows` and by far more with `columns`."""
    roots = tuple(expr for statement in body for expr in roots_of(statement))
    return [
        expr
        for expr in scalar.walk(roots)
        if expr.name == "load"
        and not expr.args
        and str(expr.source) not in written
        and not scalar.opaque_values(expr.offset)
        and rows.step(expr.offset) == apart
        and _is_far(columns.step(expr.offset))
    ]


def _is_far(step: Size | None) -> bool:
    return step is not None and (not isinstance(step, int) or abs(step) > FAR)


def _nest(loops: tuple[Loop, ...], turned: int, loads: list[Expr], apart: int) -> Nest:
    rows, columns = loops[turned].axis, loops[-1].axis
    moved = {axis.name: within(axis) for axis in (rows, columns)}
    place = TILE * dims.symbol(inner(rows), TILE - 1) + dims.symbol(inner(columns), TILE - 1)
    squares = tuple(Square(f"{load.source}.{k}", load) for k, load in enumerate(loads))
    kept = {square.load: scalar.load(square.name, place, square.load.dtype) for square in squares}
    body = tuple(_reading_kept(statement, kept) for statement in loops[-1].body)
    copy = _copy(loops[-1].body, rows, columns, loads)
    return Nest(loops, turned, squares, substituted(body, moved), copy, apart)


def _copy(
    body: tuple[Statement, ...], rows: Axis, columns: Axis, loads: list[Expr]
) -> Store | None:
    """The only statement of a body, if it does no more than put a load into rows."""
    store = body[0]
    if len(body) > 1 or not isinstance(store, Store) or [store.value] != loads:
        return None
    if store.value.dtype.is_bool or scalar.opaque_values(store.offset):
        return None  # any byte but 0 counts as true, and is stored as 1
    is_row = columns.step(store.offset) == 1 and rows.step(store.offset) is not None
    return store if is_row else None


def _reading_kept(statement: Statement, kept: dict[Expr, Expr]) -> Statement:
    assert isinstance(statement, Store)
    value = scalar.rebuild(statement.value, lambda expr: kept.get(expr, expr))
    return Store(statement.target, statement.offset, value)
