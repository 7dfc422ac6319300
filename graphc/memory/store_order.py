"""Stores that go over what others still read, put after those.

    m[i] = f(m_old[i]); w[i] = g(m_old[i], w_old[i])

can write both results over the old values only if w is stored first. Statements of a body may
change places as long as none needs what another one stores or reduces.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from graphc.ir import scalar
from graphc.schedule.calls import Call
from graphc.schedule.kernel import Kernel
from graphc.schedule.statements import (
    Fold,
    Loop,
    Product,
    Sort,
    Statement,
    Store,
    Update,
    roots_of,
    walk,
)

Body = tuple[Statement, ...]
Pairs = Collection[tuple[str, str]]


def with_stores_after_reads(kernel: Kernel, pairs: Pairs) -> Kernel:
    """The kernel, computing the same, with stores in an order that serves the pairs if any does.

    A pair is an argument written and one read, in whose memory the first is to lie.
    """
    body = _arranged(kernel.body, pairs)
    return kernel if body == kernel.body else replace(kernel, body=body)


def _arranged(body: Body, pairs: Pairs) -> Body:
    found: list[Statement] = []
    run: list[Statement] = []
    for statement in body:
        if isinstance(statement, Loop | Fold | Product):
            statement = replace(statement, body=_arranged(statement.body, pairs))
        if isinstance(statement, Store | Loop | Fold | Product):
            run.append(statement)
            continue
        found += [*_sorted(run, pairs), statement]
        run = []
    return (*found, *_sorted(run, pairs))


@dataclass(frozen=True, slots=True)
class _Effects:
    """Buffers read and written by a statement, and the locals that it uses and leaves."""

    reads: frozenset[str]
    writes: frozenset[str]
    uses: frozenset[str]
    leaves: frozenset[str]

    def must_precede(self, later: _Effects) -> bool:
        """Whether a statement behind this one in a body must stay behind it."""
        return bool(
            self.writes & (later.reads | later.writes)
            or self.reads & later.writes
            or self.leaves & (later.uses | later.leaves)
            or self.uses & later.leaves
        )


def _sorted(run: Sequence[Statement], pairs: Pairs) -> Sequence[Statement]:
    """Statements with readers before those that replace what they read; on a cycle as they are."""
    if len(run) < 2:
        return run
    effects = [_effects(statement) for statement in run]
    before: list[set[int]] = [set() for _ in run]
    for k, own in enumerate(effects):
        replaced = {read for written, read in pairs if written in own.writes}
        for j, other in enumerate(effects):
            goes_over = j != k and replaced & other.reads
            if goes_over or (j < k and other.must_precede(own)):
                before[k].add(j)
    order = _first_ready(before)
    return [run[k] for k in order] if len(order) == len(run) else run


def _first_ready(before: Sequence[set[int]]) -> list[int]:
    """Numbers after those that must come before them, else in their order; short on a cycle."""
    order: list[int] = []
    done: set[int] = set()
    while True:
        ready = (k for k in range(len(before)) if k not in done and before[k] <= done)
        chosen = next(ready, None)
        if chosen is None:
            return order
        order.append(chosen)
        done.add(chosen)


def _effects(statement: Statement) -> _Effects:
    reads, writes, uses, leaves = set[str](), set[str](), set[str](), set[str]()
    for one in walk((statement,)):
        if isinstance(one, Store | Update):
            writes.add(one.target)
            reads |= {one.target} if isinstance(one, Update) else set()
        elif isinstance(one, Fold):
            leaves |= {reduction.result for reduction in one.reductions}
        elif isinstance(one, Product):
            leaves.add(one.result)
        elif isinstance(one, Sort):
            writes |= {one.target, one.keys, one.places}
        elif isinstance(one, Call):
            writes |= {pointer.buffer for pointer in one.pointers()}
            leaves.add(one.result)
        for expr in _parts(one):
            if expr.name == "load":
                reads.add(str(expr.source))
            elif expr.name == "local":
                uses.add(str(expr.data))
    return _Effects(*map(frozenset, (reads, writes, uses, leaves)))


def _parts(statement: Statement) -> Iterable[scalar.Expr]:
    return scalar.walk(roots_of(statement))
