"""Kernels as text. Operations used more than once in a body get names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from graphc.ir import scalar
from graphc.ir.scalar import Expr
from graphc.schedule.calls import Call, Check
from graphc.schedule.statements import (
    Axis,
    Combine,
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
    values_of,
    walk,
)


def text_of(
    body: tuple[Statement, ...], arguments: Iterable[object], scratch: Iterable[object],
    parallel: bool,
) -> str:  # fmt: skip
    """A kernel of these parts as text; `parallel`: its outermost loop may be cut."""
    room = ", ".join(map(str, scratch))
    room = f" scratch {room}" if room else ""
    head = f"kernel({', '.join(map(str, arguments))}){room} {{"
    return "\n".join([head, *_Writer(body, parallel).lines(), "}"])


class _Writer:
    """The statements of a kernel as text."""

    def __init__(self, body: tuple[Statement, ...], parallel: bool) -> None:
        self.body, self.parallel = body, parallel
        statements = list(walk(body))
        self.names: dict[Expr, str] = {}
        uses: Counter[Expr] = Counter()
        for statement in statements:
            uses.update(values_of(statement))
        for expr in scalar.walk(tuple(e for one in statements for e in roots_of(one))):
            uses.update(expr.operands)
        plain = ("const", "index", "local", "load")
        self.shared = {e for e, count in uses.items() if count > 1 and e.name not in plain}

    def lines(self) -> list[str]:
        """The body, a line a statement or loop."""
        return self._body(self.body, "  ")

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
            case Turns():
                return self._turns(statement, indent)
            case Either(condition, then, otherwise):
                head = [f"{indent}if {condition.text(self.names)}:"]
                head += self._body(then, indent + "  ")
                return [*head, f"{indent}else:", *self._body(otherwise, indent + "  ")]
            case Product(result, depth=depth, left=left, right=right, body=body, onto=onto):
                one, other = (part.text(self.names) for part in (left, right))
                begun = "" if onto is None else f"onto what is there unless {onto} is 0, "
                return [
                    f"{indent}{result} = {begun}sum over {' and '.join(map(str, depth))} of",
                    f"{indent}    {one}",
                    f"{indent}  * {other}",
                    f"{indent}for {self._places(statement)}:",
                    *self._body(body, indent + "  "),
                ]
            case _:
                return [indent + self._line(statement)]

    def _turns(self, turns: Turns, indent: str) -> list[str]:
        told = f", told by {turns.goes_on}, counted in {turns.count}" if turns.goes_on else ""
        head = f"{indent}turns {turns.axis}{told}:"
        if turns.condition is None:
            return [head, *self._body(turns.body, indent + "  ")]
        return [
            head,
            *self._body(turns.test, indent + "  "),
            f"{indent}  while {turns.condition.text(self.names)}:",
            *self._body(turns.body, indent + "    "),
            f"{indent}{turns.goes_on}[0], {turns.count}[0] = whether it goes on, turns taken",
        ]

    def _places(self, product: Product) -> str:
        return f"row {_through(product.row, product.rows)}, " + (
            f"column {_through(product.column, product.columns)}"
        )

    def _is_cut(self, loop: Loop) -> bool:
        return self.parallel and loop is self.body[0]

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


def _through(one: Axis, axes: tuple[Axis, ...]) -> str:
    """An axis, and those that it counts through if they are others."""
    return str(one) if axes == (one,) else f"{one} through {' and '.join(map(str, axes))}"
