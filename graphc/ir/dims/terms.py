"""Arithmetic on the terms of polynomials: coefficients by monomial, whatever the atoms are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Monomial = tuple[Any, ...]  # atoms in the order of their text, repeated for a power
Terms = Mapping[Monomial, int]


def added(left: Terms, right: Terms) -> dict[Monomial, int]:
    """The sum; coefficients may come out 0."""
    terms = dict(left)
    for monomial, coefficient in right.items():
        terms[monomial] = terms.get(monomial, 0) + coefficient
    return terms


def multiplied(left: Terms, right: Terms) -> dict[Monomial, int]:
    """The product; coefficients may come out 0."""
    terms: dict[Monomial, int] = {}
    for one, a in left.items():
        for other, b in right.items():
            product = _sorted_monomial(one + other)
            terms[product] = terms.get(product, 0) + a * b
    return terms


def divided(numerator: Terms, divisor: Terms) -> tuple[dict[Monomial, int], dict[Monomial, int]]:
    """Long division: (quotient, rest) with numerator = quotient*divisor + rest.

    By a number d the rest's constant is left in 0..d-1.
    """
    lead = max(divisor, key=_degree_order)
    quotient: dict[Monomial, int] = {}
    rest: dict[Monomial, int] = {}
    todo = dict(numerator)
    while todo:
        monomial = max(todo, key=_degree_order)
        ratio = _monomial_quotient(monomial, lead)
        factor = todo[monomial] // divisor[lead]
        excess = todo[monomial] - factor * divisor[lead]
        if ratio is None or (excess and monomial):
            rest[monomial] = todo.pop(monomial)
            continue
        if excess:  # the constant, divided by a number
            rest[monomial] = excess
            todo[monomial] -= excess
        quotient[ratio] = quotient.get(ratio, 0) + factor
        for other, coefficient in divisor.items():
            product = _sorted_monomial(ratio + other)
            todo[product] = todo.get(product, 0) - factor * coefficient
            if todo[product] == 0:
                del todo[product]
    return quotient, rest


def _sorted_monomial(atoms: Monomial) -> Monomial:
    return tuple(sorted(atoms, key=str)) if len(atoms) > 1 else atoms


def _degree_order(monomial: Monomial) -> tuple[int, list[str]]:
    return len(monomial), [str(atom) for atom in monomial]


def _monomial_quotient(monomial: Monomial, divisor: Monomial) -> Monomial | None:
    left = list(monomial)
    for atom in divisor:
        if atom not in left:
            return None
        left.remove(atom)
    return tuple(left)
