"""Several rows at a time, where reductions over rows grow in memory.

A reduction over rows has a running result for every position along the row. They may be too
many for the nearest cache, and are read and written again for every row. Taking JAM rows
together divides that by JAM; each result still takes its rows in order, so no bit changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from graphc.ir import dims, scalar
from graphc.ir.dims import Size
from graphc.ir.scalar import Expr
from graphc.schedule.collapse import rebuilt
from graphc.schedule.reading import Builder
from graphc.schedule.statements import (
    Axis,
    Combine,
    Fold,
    Loop,
    Statement,
    Store,
    Update,
    roots_of,
    walk,
)

#: Rows that are taken together.
JAM = 4
#: Parts of the expressions of a row beyond which the code would grow too long.
MOST_PARTS = 80
#: Elements of a row that is kept in registers while others are added to it.
MOST_KEPT = 64

_OPERATIONS = {"sum": "add", "prod": "mul", "max": "maximum", "min": "minimum"}

#: Combiners of which the order changes no bit: new rows come together first, without waiting for
#: the old value.
_IN_ANY_ORDER = frozenset({"max", "min"})

Body = tuple[Statement, ...]


def loops_over(builder: Builder, row: Axis, body: Body, kept: Mapping[str, Expr]) -> Body:
    """The loop over rows; one over groups of rows and one over what is left, where that pays.

    `kept` are buffers that hold one value for all the rows, with the value as a row has it.
    """
    if is_short_sum(body) or not _pays(body):
        return (Loop(row, body),)
    whole = dims.floordiv(row.extent, JAM)
    group, rest = builder.axis(whole), builder.axis(row.extent - JAM * whole)
    first = _Copy({row.name: JAM * group.position})
    values = {target: first.value(value) for target, value in kept.items()}
    copies = [first.body(body)]
    for k in range(1, JAM):
        copy = _Copy({row.name: JAM * group.position + k}, _fresh_results(builder, body))
        for target, value in kept.items():
            copy.values[copy.value(value)] = values[target]
        copies.append(copy.body(body))
    loops: Body = (Loop(group, _jammed(copies, frozenset(kept))),)
    if rest.extent != 0:
        inner = {loop.axis.name: builder.axis(loop.axis.extent) for loop in _loops(body)}
        left = _Copy({row.name: JAM * whole + rest.position}, _fresh_results(builder, body), inner)
        loops = (*loops, Loop(rest, left.body(body)))
    return loops


def _loops(body: Body) -> list[Loop]:
    return [statement for statement in walk(body) if isinstance(statement, Loop)]


def _fresh_results(builder: Builder, body: Body) -> dict[str, str]:
    folds = [statement for statement in walk(body) if isinstance(statement, Fold)]
    return {r.result: builder.result() for fold in folds for r in fold.reductions}


# Whether it can be done ----------------------------------------------------------------------


def is_short_sum(body: Body) -> bool:
    """Whether all that is done to a row is to combine it into one that fits into registers.

    Those stay there for all the rows then, and nothing is gained by taking some together.
    """
    match body:
        case (Loop(Axis(extent=int(extent)), (Update(where=None),)),):
            return extent <= MOST_KEPT
        case _:
            return False


def _pays(body: Body) -> bool:
    """Whether a row is one nest of loops, in which results over rows grow, and short stores."""
    nest: Body = body[0].body if body and isinstance(body[0], Fold) else body[:1]
    if len(nest) != 1 or not isinstance(nest[0], Loop):
        return False
    while len(nest) == 1 and isinstance(nest[0], Loop):
        nest = nest[0].body
    if not all(map(_is_plain, (*nest, *body[1:]))):
        return False
    roots = tuple(expr for statement in walk(body) for expr in roots_of(statement))
    parts = list(scalar.walk(roots))
    if len(parts) > MOST_PARTS or _places_follow_results(parts):
        return False
    return any(isinstance(inner, Update) for inner in nest)


def _places_follow_results(parts: list[Expr]) -> bool:
    """Whether something is read at a place that a reduction of the row tells.

    Such a place is a number inside an offset, where results are not given other names.
    """
    places = [e for part in parts for size in part.indices() for e in scalar.opaque_values(size)]
    return any(part.name == "local" for part in scalar.walk(tuple(places)))


def _is_plain(statement: Statement) -> bool:
    if isinstance(statement, Update):
        return statement.combiner in _OPERATIONS and statement.where is None
    return isinstance(statement, Store | Combine)


# Doing it ------------------------------------------------------------------------------------


@dataclass(eq=False)
class _Copy:
    """A row's statements at another row, with results, axes and some values of other names."""

    positions: dict[str, Size]
    results: dict[str, str] = field(default_factory=dict)
    axes: dict[str, Axis] = field(default_factory=dict)
    values: dict[Expr, Expr] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.positions |= {name: axis.position for name, axis in self.axes.items()}

    def value(self, expr: Expr) -> Expr:
        """The expression at the other row."""
        return scalar.rebuild(expr.substitute(self.positions), self._renamed)

    def _renamed(self, expr: Expr) -> Expr:
        if expr.name == "local" and expr.data in self.results:
            expr = scalar.local(self.results[expr.data], expr.dtype)
        return self.values.get(expr, expr)

    def body(self, body: Body) -> Body:
        """The statements at the other row."""
        return tuple(map(self._statement, body))

    def _statement(self, statement: Statement) -> Statement:
        match statement:
            case Loop(axis, inner, vector):
                return Loop(self.axes.get(axis.name, axis), self.body(inner), vector)
            case Fold(reductions, inner):
                named = [
                    replace(
                        one,
                        result=self.results.get(one.result, one.result),
                        position=None if one.position is None else self._moved(one.position),
                    )
                    for one in reductions
                ]
                return Fold(tuple(named), self.body(inner))
            case Combine(result, operands):
                return Combine(self.results.get(result, result), tuple(map(self.value, operands)))
            case _:
                return rebuilt((statement,), self.value, self._moved)[0]

    def _moved(self, size: Size) -> Size:
        return dims.substitute(size, self.positions)


def _jammed(copies: list[Body], kept: frozenset[str]) -> Body:
    """Statements of several rows as those of one, each kind of them together."""
    heads = [copy[0] for copy in copies]
    after = tuple(statement for copy in copies for statement in copy[1:])
    match heads[0]:
        case Loop(axis, _, vector):
            bodies = [head.body for head in heads if isinstance(head, Loop)]
            inner = (
                _jammed(bodies, kept) if isinstance(bodies[0][0], Loop) else _merged(bodies, kept)
            )
            return (Loop(axis, inner, vector), *after)
        case Fold():
            folds = [head for head in heads if isinstance(head, Fold)]
            reductions = tuple(one for fold in folds for one in fold.reductions)
            return (Fold(reductions, _jammed([fold.body for fold in folds], kept)), *after)
        case _:
            raise AssertionError(heads[0])


def _merged(bodies: list[Body], kept: frozenset[str]) -> Body:
    """What is stored once for all rows comes from the first; results over rows grow by them all."""
    found: list[Statement] = []
    for several in zip(*bodies, strict=True):
        one = several[0]
        if isinstance(one, Store) and one.target in kept:
            found.append(one)
        elif isinstance(one, Update):
            found.append(_grown(one, [each.value for each in several if isinstance(each, Update)]))
        else:
            found.extend(several)
    return tuple(found)


def _grown(update: Update, values: list[Expr]) -> Store:
    """The updates of one place as one store."""
    old = scalar.load(update.target, update.offset, update.value.dtype)
    name = _OPERATIONS[update.combiner]
    if update.combiner in _IN_ANY_ORDER:
        return Store(update.target, update.offset, scalar.same(name, _halved(name, values), old))
    for value in values:
        old = scalar.same(name, old, value)
    return Store(update.target, update.offset, old)


def _halved(name: str, values: list[Expr]) -> Expr:
    """The values combined as a tree of halves."""
    if len(values) == 1:
        return values[0]
    half = len(values) // 2
    return scalar.same(name, _halved(name, values[:half]), _halved(name, values[half:]))
