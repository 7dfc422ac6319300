"""Cotangents behind a `where`: zero where the other branch is taken, whatever they meet there.

What a `where` hands to a branch is zero where the other one is taken. The branch's own derivative
may be infinite or NaN there, as that of sqrt is at 0, and zero times that would be NaN. So a
cotangent carries the conditions under which it counts, and elementwise rules may leave anything in
the other places until it is *settled*: one select, at the end of the elementwise region. Nothing of
this happens to a cotangent without conditions.

The selects stand in the gradient, so the same holds when that is differentiated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from graphc.autodiff.reach import Condition, Conditions, Reach, constant_of, is_linear
from graphc.ir.node import Node
from graphc.ir.opdef import Kind, NoDerivative
from graphc.ops.declaring import ops, zeros_like

_LINEAR = ("add", "sub", "neg", "astype")


@dataclass(frozen=True, slots=True)
class Cotangent:
    """A cotangent and the conditions, all of which must hold where it counts.

    Elsewhere it is zero; `value` has zeros there if it is settled, else whatever came out.
    """

    value: Node
    conditions: Conditions = ()
    settled: bool = True


def seeded(seed: Node) -> Cotangent:
    """A cotangent that is given; one that a `where` has settled still counts where that says.

    So conditions go on into functions whose derivatives are accumulated by themselves.
    """
    if seed.op is ops.where:
        condition, *branches = seed.inputs
        for holds, other in zip((True, False), reversed(branches), strict=True):
            numbers = constant_of(other)
            if numbers is not None and not numbers.any():
                return Cotangent(seed, ((condition, holds),))
    return Cotangent(seed)


class Branches:
    """The rules for cotangents with conditions, for one reverse accumulation."""

    def __init__(self) -> None:
        self._settled: dict[tuple[Node, frozenset[Condition]], Node] = {}
        self._reach = Reach()

    def settled(self, g: Cotangent) -> Node:
        """The value, with zeros where it does not count."""
        if g.settled:
            return g.value
        key = g.value, frozenset(g.conditions)
        if key not in self._settled:
            self._settled[key] = self._selected(g)
        return self._settled[key]

    def _selected(self, g: Cotangent) -> Node:
        condition, holds = self._reach.all_of(g.conditions)
        nothing = zeros_like(g.value)
        return ops.where(condition, *((g.value, nothing) if holds else (nothing, g.value)))

    def total(self, parts: Sequence[Cotangent]) -> Cotangent:
        """The sum of what has arrived: first what counts in the same places, as it came."""
        alike: dict[frozenset[Condition], Cotangent] = {}
        for part in parts:
            key = frozenset(part.conditions)
            alike[key] = self._sum(alike[key], part) if key in alike else part
        return reduce(self._sum, alike.values())

    def _sum(self, a: Cotangent, b: Cotangent) -> Cotangent:
        mine, other = frozenset(a.conditions), frozenset(b.conditions)
        settled = a.settled and b.settled
        if mine == other:
            return Cotangent(ops.add(a.value, b.value), a.conditions, settled)
        common = tuple(each for each in a.conditions if each in other)
        opposed = _opposed(mine - other, other - mine)
        if opposed is not None:
            condition, holds = opposed
            chosen = (a.value, b.value) if holds else (b.value, a.value)
            return Cotangent(ops.where(condition, *chosen), common, settled or not common)
        both = ops.add(self.settled(a), self.settled(b))
        return Cotangent(both, self._reach.one_of(a.conditions, b.conditions))

    def handed_on(
        self, node: Node, g: Cotangent | tuple[Node | None, ...]
    ) -> list[Cotangent | None]:
        """What the node's inputs get of its cotangent, or of those of its several results."""
        if isinstance(g, tuple):
            return [None if part is None else Cotangent(part) for part in _pulled(node, g)]
        if node.op is ops.where:
            return self._chosen(node, g)
        if node.op.kind is Kind.ELEMENTWISE and g.conditions:
            return [
                None if part is None else Cotangent(part, g.conditions, g.settled and zeros)
                for part, zeros in zip(_pulled(node, g.value), _keeps_zeros(node), strict=True)
            ]
        settled = is_linear(node.op)
        reached = self._reach.of_inputs(node, g.conditions)
        if node.op.kind is Kind.CONTRACTION and any(reached):
            node = self._without(node, reached)
        parts = _pulled(node, self.settled(g))
        return [
            None if part is None else Cotangent(part, conditions, settled or not conditions)
            for part, conditions in zip(parts, reached, strict=True)
        ]

    def _without(self, node: Node, reached: Sequence[Conditions]) -> Node:
        """The product with zeros in rows and columns that do not count.

        The derivative by one factor adds up products with the other one, in which zero times
        infinity must not be among the terms.
        """
        pairs = zip(node.inputs, reached, strict=True)
        factors = [
            self.settled(Cotangent(x, conditions, not conditions)) for x, conditions in pairs
        ]
        return node.op(*factors, **node.attrs)

    def _chosen(self, node: Node, g: Cotangent) -> list[Cotangent | None]:
        """The cotangent for both branches of a `where`, each under its condition as well."""
        condition, *branches = node.inputs
        parts: list[Cotangent | None] = [None]
        for holds, branch in zip((True, False), branches, strict=True):
            self._reach.note(condition, branch)
            known = (condition, holds) in g.conditions
            added = g.conditions if known else (*g.conditions, (condition, holds))
            impossible = (condition, not holds) in g.conditions
            parts.append(None if impossible else Cotangent(g.value, added, g.settled and known))
        return parts


def _pulled(node: Node, g: Node | tuple[Node | None, ...]) -> Sequence[Node | None]:
    assert not isinstance(node.op.vjp, NoDerivative)
    return node.op.vjp(node, g)


def _opposed(mine: frozenset[Condition], other: frozenset[Condition]) -> Condition | None:
    """My one condition, if the other's one is its opposite."""
    if len(mine) != 1 or len(other) != 1:
        return None
    ((condition, holds),) = mine
    return (condition, holds) if other == {(condition, not holds)} else None


def _keeps_zeros(node: Node) -> list[bool]:
    """For each input whether the partial derivative by it is finite for certain."""
    if node.op.name in _LINEAR:
        return [True] * len(node.inputs)
    if node.op.name == "mul":
        return [_is_finite(operand) for operand in reversed(node.inputs)]
    if node.op.name == "div":
        return [_is_finite(node.inputs[1], reciprocal=True), False]
    return [False] * len(node.inputs)


def _is_finite(node: Node, reciprocal: bool = False) -> bool:
    """Whether it is a constant of finite numbers, or of numbers with finite reciprocals."""
    numbers = constant_of(node)
    if numbers is None:
        return False
    with np.errstate(all="ignore"):
        return bool(np.isfinite(1 / numbers if reciprocal else numbers).all())
