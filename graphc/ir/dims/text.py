"""How dims are written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Factor = Any  # an atom: it has `bare` and `as_minimum`
Monomial = tuple[Factor, ...]


def polynomial_text(terms: Mapping[Monomial, int]) -> str:
    """A polynomial, terms of high degree first: `2*batch*seq + batch - 1`."""

    def order(monomial: Monomial) -> tuple[int, list[str]]:
        return -len(monomial), [str(atom) for atom in monomial]

    text = ""
    for monomial in sorted(terms, key=order):
        coefficient = terms[monomial]
        least = _minimum_among(monomial) if coefficient < 0 else None
        if least is not None:  # a minimum is minus a maximum
            coefficient = -coefficient
        sign = "-" if coefficient < 0 else "+"
        if text:
            text += f" {sign} {_monomial_text(monomial, abs(coefficient), least)}"
        elif coefficient < 0:  # a leading minus binds closer than // and %
            text = f"-{_monomial_text(monomial, -coefficient, least, enclose=True)}"
        else:
            text = _monomial_text(monomial, coefficient, least)
    return text


def _minimum_among(monomial: Monomial) -> Factor | None:
    """A maximum that reads better as minus a minimum, both of its sides being negative."""
    for atom in monomial:
        if atom.as_minimum() and monomial.count(atom) == 1:
            return atom
    return None


def _monomial_text(
    monomial: Monomial, coefficient: int, least: Factor | None, enclose: bool = False
) -> str:
    factors = [] if coefficient == 1 and monomial else [str(coefficient)]
    several = enclose or len(monomial) > 1 or bool(factors)
    for atom in dict.fromkeys(monomial):
        power = monomial.count(atom)
        if least is not None and atom is least:
            factors.append(str(least.as_minimum()))
            continue
        text = str(atom) if atom.bare or not several else f"({atom})"
        factors.append(text if power == 1 else f"{text}**{power}")
    return "*".join(factors)
