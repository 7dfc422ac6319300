"""The statements of a kernel under other names, to be part of another kernel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from graphc.ir import dims, scalar
from graphc.ir.dims import Opaque, Size, Symbol
from graphc.ir.scalar import Expr
from graphc.schedule.calls import Check
from graphc.schedule.statements import (
    Axis,
    Combine,
    Either,
    Fold,
    Loop,
    Reduction,
    Statement,
    Store,
    Turns,
    Update,
)

Body = tuple[Statement, ...]


@dataclass
class Renaming:
    """Buffers become others, from an offset on; axes and locals get a prefix of their own."""

    places: Mapping[str, tuple[str, Size]]
    prefix: str
    _done: dict[Expr, Expr] = field(default_factory=dict)

    def body(self, body: Body) -> Body:
        """The statements under their new names."""
        return tuple(map(self._statement, body))

    def _statement(self, statement: Statement) -> Statement:
        match statement:
            case Loop(axis=axis, body=body):
                return replace(statement, axis=self._axis(axis), body=self.body(body))
            case Fold(reductions=reductions, body=body):
                return Fold(tuple(map(self._reduction, reductions)), self.body(body))
            case Combine(result=result, operands=operands):
                return Combine(self._local(result), tuple(map(self.value, operands)))
            case Store(target=target, offset=offset, value=value):
                name, start = self.places[target]
                return Store(name, self.size(offset) + start, self.value(value))
            case Update(target=target, offset=offset, value=value, where=where):
                name, start = self.places[target]
                return replace(
                    statement,
                    target=name,
                    offset=self.size(offset) + start,
                    value=self.value(value),
                    where=None if where is None else self.value(where),
                )
            case Check(value=value):
                return Check(self.value(value))
            case Turns():
                return self._turns(statement)
            case Either(condition=condition, then=then, otherwise=otherwise):
                return Either(self.value(condition), self.body(then), self.body(otherwise))
            case _:
                raise AssertionError(f"{statement} stays in a kernel of its own")

    def _turns(self, turns: Turns) -> Turns:
        condition = None if turns.condition is None else self.value(turns.condition)
        goes_on, count = (
            self.places[name][0] if name else "" for name in (turns.goes_on, turns.count)
        )
        return Turns(
            self._axis(turns.axis), self.body(turns.body), self.body(turns.test), condition,
            goes_on, count,
        )  # fmt: skip

    def _axis(self, axis: Axis) -> Axis:
        return Axis(self._own(axis.name), self.size(axis.extent))

    def _own(self, name: str) -> str:
        return f"$k{self.prefix}{name}"

    def _local(self, name: str) -> str:
        return f"%k{self.prefix}{name}"

    def _reduction(self, reduction: Reduction) -> Reduction:
        position = reduction.position
        return replace(
            reduction,
            result=self._local(reduction.result),
            position=None if position is None else self.size(position),
        )

    def value(self, expr: Expr) -> Expr:
        """An expression under its new names."""
        for part in scalar.walk((expr,)):
            if part not in self._done:
                self._done[part] = self._made(part)
        return self._done[expr]

    def _made(self, expr: Expr) -> Expr:
        args = tuple(self._done[arg] for arg in expr.args)
        match expr.name:
            case "load":
                name, start = self.places[str(expr.source)]
                return Expr("load", args, expr.dtype, (name, self.size(expr.offset) + start))
            case "local":
                return scalar.local(self._local(str(expr.data)), expr.dtype)
            case "index":
                return scalar.index(self.size(expr.data))
            case "checked":
                extent, site = expr.data
                return Expr("checked", args, expr.dtype, (self.size(extent), site))
            case _:
                return Expr(expr.name, args, expr.dtype, expr.data)

    def size(self, size: Size) -> Size:
        """A size or position under its new names."""
        if isinstance(size, int):
            return size
        total: Size = 0
        for monomial, factor in size.terms.items():
            product: Size = factor
            for atom in monomial:
                product = product * self._atom(atom)
            total = total + product
        return total

    def _atom(self, atom: dims.Atom) -> Size:
        match atom:
            case Symbol(name, upper) if name.startswith("$"):
                bound = None if upper is None else self.size(upper)
                return dims.symbol(self._own(name), bound)
            case Opaque(value, upper):
                bound = None if upper is None else self.size(upper)
                assert isinstance(value, Expr)
                return dims.of_atom(Opaque(self._done.get(value) or self.value(value), bound))
            case dims.Quotient(a, b):
                return dims.floordiv(self.size(a), self.size(b))
            case dims.Remainder(a, b):
                return dims.remainder(self.size(a), self.size(b))
            case dims.Maximum(a, b):
                return dims.maximum(self.size(a), self.size(b))
            case _:
                return dims.of_atom(atom)
