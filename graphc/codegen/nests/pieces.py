"""Loops in pieces in which conditions on the position are known.

What pads or joins reads under conditions such as `$1 < 1000`. Most of the way each of them is
decided; cut where it changes, the loop needs neither masks nor selections.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from graphc.codegen.nests.known import position_of, simplified
from graphc.codegen.nests.short_rows import operations_in
from graphc.ir import dims, scalar
from graphc.ir.dims import Dim, Quotient, Size
from graphc.ir.dtypes import bool_
from graphc.ir.scalar import Expr
from graphc.schedule.statements import Axis, Loop, Statement, Store, roots_of

#: A loop over fewer positions is cut only if no more than so many operations are repeated: it is a
#: few windows, and masks in them cost little.
FEWEST, MOST_REPEATED = 64, 8

#: Places at which a loop is cut, and expressions in a body that is emitted so many times more.
MOST_CUTS, MOST_EXPRESSIONS = 3, 60


@dataclass(frozen=True)
class Piece:
    """A body for the positions below `end` that no piece before it has; None: all the rest."""

    end: Size | None
    body: tuple[Statement, ...]


def pieces(loop: Loop) -> list[Piece]:
    """The loop's body for each part of it; one piece if nothing is gained by a cut."""
    whole = [Piece(None, loop.body)]
    if not loop.vector or not all(isinstance(statement, Store) for statement in loop.body):
        return whole
    roots = tuple(expr for statement in loop.body for expr in roots_of(statement))
    exprs = list(scalar.walk(roots))
    is_short = isinstance(loop.axis.extent, int) and loop.axis.extent < FEWEST
    if len(exprs) > MOST_EXPRESSIONS or (is_short and operations_in(loop.body) > MOST_REPEATED):
        return whole
    changes = _changes(exprs, loop.axis)
    cuts = _in_order(list(dict.fromkeys(changes.values())))
    if cuts is None or not cuts:
        return whole
    return [
        Piece(end, _body_at(loop.body, changes, cuts, k)) for k, end in enumerate([*cuts, None])
    ]


def same_everywhere(loop: Loop) -> Expr | None:
    """A condition under which something is loaded, and that is the same in all of a vector loop."""
    if not loop.vector or not all(isinstance(statement, Store) for statement in loop.body):
        return None
    exprs = list(scalar.walk(tuple(expr for s in loop.body for expr in roots_of(s))))
    symbol = loop.axis.symbol
    for expr in _conditions(exprs) if len(exprs) <= MOST_EXPRESSIONS else ():
        is_plain = expr.name in ("lt", "ge") and None not in map(position_of, expr.args)
        if is_plain and not expr.depends_on(symbol) and _is_reached(loop, expr):
            return expr
    return None


def _is_reached(loop: Loop, condition: Expr) -> bool:
    """Whether anything is decided with it; nothing is if it stands only in positions read at."""
    return decided(loop, condition, True) != loop.body


def decided(loop: Loop, condition: Expr, holds: bool) -> tuple[Statement, ...]:
    """The loop's body where the condition is known."""
    return _with_known(loop.body, {condition: scalar.const(holds, bool_)})


def _conditions(exprs: list[Expr]) -> Iterator[Expr]:
    """What the conditions of loads are made of."""
    return scalar.walk(tuple(e.args[0] for e in exprs if e.name == "load" and e.args))


def _changes(exprs: list[Expr], axis: Axis) -> dict[Expr, Size]:
    """Where conditions under which something is loaded change, for those that do so once."""
    found: dict[Expr, Size] = {}
    for expr in _conditions(exprs):
        if expr.name in ("lt", "ge"):
            change = _change(expr, axis)
            if change is not None:
                found[expr] = change
    return found


def _change(condition: Expr, axis: Axis) -> Size | None:
    """The position from which on `position < bound` is false, or `position >= bound` true."""
    left, right = (position_of(arg) for arg in condition.args)
    if left is None or right is None:
        return None
    symbol = axis.symbol
    if dims.depends_on(right, symbol):
        return None
    left, right = _undivided(left, right)
    split = dims.affine(left, symbol)
    if split is None or split[0] != 1:
        return None
    change = right - split[1]
    outside = dims.is_nonnegative(-change) or dims.is_nonnegative(change - axis.extent)
    return None if outside else change


def _undivided(left: Size, right: Size) -> tuple[Size, Size]:
    """n // d < b as n < b*d."""
    if isinstance(left, Dim) and len(left.terms) == 1:
        ((monomial, coefficient),) = left.terms.items()
        match monomial:
            case (Quotient(numerator, denominator),) if coefficient == 1:
                return numerator, right * denominator
            case _:
                pass
    return left, right


def _in_order(cuts: list[Size]) -> list[Size] | None:
    """The cuts from first to last; None if there are too many or their order is not known."""
    if len(cuts) > MOST_CUTS:
        return None
    ordered: list[Size] = []
    for cut in cuts:
        place = 0
        while place < len(ordered) and dims.is_nonnegative(cut - ordered[place]):
            place += 1
        if not all(dims.is_nonnegative(later - cut) for later in ordered[place:]):
            return None
        ordered.insert(place, cut)
    return ordered


def _body_at(
    body: tuple[Statement, ...], changes: dict[Expr, Size], cuts: list[Size], piece: int
) -> tuple[Statement, ...]:
    """The body where the first `piece` of the cuts are passed."""
    passed = set(cuts[:piece])
    known = {
        condition: scalar.const((change in passed) == (condition.name == "ge"), bool_)
        for condition, change in changes.items()
    }
    return _with_known(body, known)


def _with_known(body: tuple[Statement, ...], known: dict[Expr, Expr]) -> tuple[Statement, ...]:
    """The stores with expressions replaced, and without what is then decided."""

    def change(expr: Expr) -> Expr:
        return known[expr] if expr in known else simplified(expr)

    made: list[Statement] = []
    for statement in body:
        assert isinstance(statement, Store)
        value = scalar.rebuild(statement.value, change)
        made.append(Store(statement.target, statement.offset, value))
    return tuple(made)
