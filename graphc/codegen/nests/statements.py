"""The statements of a kernel as LLVM IR."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import takewhile

from llvmlite import ir

from graphc.codegen.expressions.elements import Elements
from graphc.codegen.nests import routines, sorting
from graphc.codegen.nests.apart import emit_apart, may_be_apart
from graphc.codegen.nests.extremes import combiner_for
from graphc.codegen.nests.folds import Folds, to_state
from graphc.codegen.nests.loops import Loops
from graphc.codegen.nests.reductions import COMBINERS, State
from graphc.codegen.nests.shapes import old_value
from graphc.codegen.nests.stores import emit_stores
from graphc.codegen.products.emission import Products
from graphc.codegen.target import Target
from graphc.codegen.values import constant_like, lane_count, splat
from graphc.ir.dtypes import bool_
from graphc.ir.scalar import Expr
from graphc.schedule.calls import Call, Check
from graphc.schedule.statements import (
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
)

Body = tuple[Statement, ...]


class Statements:
    """Emits statements into a kernel's function, loops marked so `lanes` positions at a time."""

    def __init__(self, elements: Elements, lanes: int, target: Target) -> None:
        self.elements = elements
        self.scopes = elements.scopes
        self.lanes, self.target = lanes, target
        self.folds = Folds(elements)
        self.loops = Loops(self)
        self.products = Products(self, target)

    @property
    def builder(self) -> ir.IRBuilder:
        return self.scopes.builder

    def emit(self, body: Body) -> None:
        """Emit statements one after another."""
        for statement in _runs(body):
            match statement:
                case list():
                    self._store(statement)
                case Update():
                    self._update(statement)
                case Combine():
                    self.folds.combine(statement)
                case Loop():
                    self._loop(statement, body)
                case Fold():
                    self.folds.begin(statement)
                    self.emit(statement.body)
                    self.folds.finish(statement)
                case Product():
                    self.products.emit(statement)
                case Sort():
                    with self.loops.if_any(self.elements.size(statement.axis.extent)):
                        sorting.emit(self.elements, statement)
                case Call():
                    routines.emit(self.elements, statement)
                case Check():
                    self.elements.value(statement.value)
                case Turns() | Either():
                    self._control(statement)

    def _loop(self, loop: Loop, body: Body) -> None:
        """A loop in a body; a function of its own if a product comes before it."""
        before = takewhile(lambda one: one is not loop, body)
        if any(isinstance(one, Product) for one in before) and may_be_apart(loop):
            emit_apart(self, loop)
        else:
            self.loop(loop)

    def within(self, elements: Elements) -> Statements:
        """The same for another function."""
        return Statements(elements, self.lanes, self.target)

    def loop(self, loop: Loop, bounds: tuple[ir.Value, ir.Value] | None = None) -> None:
        """A loop over its axis, or over the part of it between two bounds."""
        self.loops.emit(loop, bounds)

    def _control(self, statement: Turns | Either) -> None:
        if isinstance(statement, Turns):
            self._turns(statement)
            return
        with self.scopes.either(self.elements.value(statement.condition)) as other:
            self.emit(statement.then)
            other()
            self.emit(statement.otherwise)

    def _turns(self, turns: Turns) -> None:
        limit = self.elements.size(turns.axis.extent)
        with self.scopes.turns(turns.axis.name) as (turn, go_on_if):
            more = self.builder.icmp_signed("<", turn, limit)
            if turns.condition is not None:
                self.emit(turns.test)
                holds = self.elements.value(turns.condition)
                self.elements.store(turns.goes_on, 0, holds)
                more = self.builder.and_(more, holds)
            go_on_if(more)
            self.emit(turns.body)
        if turns.count:
            self.elements.store(turns.count, 0, turn)

    def _store(self, stores: Sequence[Store]) -> None:
        if any(self.elements.reads_changing(store.value) for store in stores):
            for store in stores:
                emit_stores(self.elements, [store])
        else:
            emit_stores(self.elements, stores)

    # Updates ---------------------------------------------------------------------------------

    def _update(self, update: Update) -> None:
        self.elements.size(update.offset)  # reports an index out of range
        inside: AbstractContextManager[None] = nullcontext()
        if update.where is not None:
            inside = self.scopes.guard(self.elements.value(update.where))
        with inside:
            old = self.elements.current(update.target, update.offset)
            self.elements.store(update.target, update.offset, self._updated(update, old))

    def _updated(self, update: Update, old: ir.Value) -> ir.Value:
        """An old value with that of the update taken in."""
        value = self.elements.value(update.value)
        lanes = max(lane_count(old), lane_count(value))
        parts = (splat(self.builder, part, lanes) for part in (old, value))
        combiner, dtype = COMBINERS[update.combiner], update.value.dtype
        first, second = (to_state(self.builder, part, dtype is bool_) for part in parts)
        (total,) = combiner.merge(self.builder, dtype, (first,), (second,))
        if dtype is bool_:
            total = self.builder.icmp_unsigned("!=", total, constant_like(total, 0))
        return total

    @contextmanager
    def kept(self, change: Update | Store) -> Iterator[Callable[[Update | Store], None]]:
        """What is changed, in a register in between: calls inside take in changes of it."""
        old = self.elements.current(change.target, change.offset)
        if isinstance(change, Update) and combiner_for(change.combiner, change.value.dtype).result:
            with self._noted(change, old) as take:
                yield take
            return
        cell = self.scopes.allocate(old.type)
        self.builder.store(old, cell)

        def grow(more: Update | Store) -> None:
            before = self.builder.load(cell, typ=old.type)
            if isinstance(more, Update):
                after = self._updated(more, before)
            else:
                after = self._with_old(more, before)
            self.builder.store(after, cell)

        yield grow
        total = self.builder.load(cell, typ=old.type)
        self.elements.store(change.target, change.offset, total)

    @contextmanager
    def _noted(self, change: Update, old: ir.Value) -> Iterator[Callable[[Update | Store], None]]:
        """As `kept`, for what is combined in a state of several parts."""
        dtype = change.value.dtype
        combiner, lanes = combiner_for(change.combiner, dtype), lane_count(old)
        start = zip(combiner.types(dtype, lanes), combiner.identity(dtype), strict=True)
        none = tuple(
            splat(self.builder, ir.Constant(type_.element if lanes > 1 else type_, number), lanes)
            for type_, number in start
        )
        state = combiner.grow(self.builder, dtype, none, (old,), None)
        cells = tuple(self.scopes.allocate(part.type) for part in state)

        def keep(parts: State) -> None:
            for part, cell in zip(parts, cells, strict=True):
                self.builder.store(part, cell)

        def kept() -> State:
            pairs = zip(cells, state, strict=True)
            return tuple(self.builder.load(cell, typ=part.type) for cell, part in pairs)

        def grow(more: Update | Store) -> None:
            value = splat(self.builder, self.elements.value(more.value), lanes)
            keep(combiner.grow(self.builder, dtype, kept(), (value,), None))

        keep(state)
        yield grow
        assert combiner.result is not None
        total = combiner.result(self.builder, dtype, kept())
        self.elements.store(change.target, change.offset, total)

    def _with_old(self, store: Store, old: ir.Value) -> ir.Value:
        """The new value, and nothing of it remembered that was made of the old one."""
        memo = self.scopes.stack[-1].memo
        memo[old_value(store)] = old
        value = self.elements.value(store.value)
        stale = [k for k in memo if isinstance(k, Expr) and self.elements.reads_changing(k)]
        for key in stale:
            del memo[key]
        return value


def _runs(body: Body) -> Iterator[list[Store] | Statement]:
    """Statements one by one, but stores that follow one another together."""
    stores: list[Store] = []
    for statement in body:
        if isinstance(statement, Store):
            stores.append(statement)
            continue
        if stores:
            yield stores
            stores = []
        yield statement
    if stores:
        yield stores
