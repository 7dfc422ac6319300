"""What becomes of dims when symbols are known: substitution and evaluation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from graphc.errors import DimError
from graphc.ir.dims.atoms import Atom, Maximum, Opaque, Quotient, Remainder, Symbol
from graphc.ir.dims.polynomial import (
    Dim,
    Monomial,
    Size,
    floordiv,
    maximum,
    of_atom,
    remainder,
)


def symbols(dim: Size) -> frozenset[str]:
    """Names of the symbols on which the dim depends (not looking into opaque indices)."""
    if isinstance(dim, int):
        return frozenset()
    if dim._symbols is None:
        dim._symbols = frozenset().union(*map(_symbols_of_atom, dim.atoms()))
    return dim._symbols


def _symbols_of_atom(atom: Atom) -> frozenset[str]:
    match atom:
        case Symbol(name, _):
            return frozenset((name,))
        case Quotient(a, b) | Remainder(a, b) | Maximum(a, b):
            return symbols(a) | symbols(b)
        case _:
            return frozenset()


#: How names of dims begin whose size is found while a program runs: turns that a loop has taken.
FOUND = "_turns"


def is_found(dim: Size) -> bool:
    """Whether the dim is known only when a loop is over."""
    return any(name.startswith(FOUND) for name in symbols(dim))


def substitute(dim: Size, values: Mapping[str, Size]) -> Size:
    """The dim with symbols replaced by ints or other dims."""
    if isinstance(dim, int) or not values:
        return dim
    kept = {term: n for term, n in dim.terms.items() if not _is_touched(term, values)}
    if len(kept) == len(dim.terms):
        return dim
    total: Size = kept[()] if kept.keys() == {()} else Dim(kept) if kept else 0
    for monomial, coefficient in dim.terms.items():
        if monomial in kept:
            continue
        product: Size = coefficient
        for atom in monomial:
            product = product * _substitute_atom(atom, values)
        total = total + product
    return total


def _is_touched(monomial: Monomial, values: Mapping[str, Size]) -> bool:
    """Whether the values may change a product of atoms."""
    return any(not isinstance(atom, Symbol) or atom.name in values for atom in monomial)


def _substitute_atom(atom: Atom, values: Mapping[str, Size]) -> Size:
    match atom:
        case Symbol(name, _):
            return values[name] if name in values else of_atom(atom)
        case Quotient(a, b):
            return floordiv(substitute(a, values), substitute(b, values))
        case Remainder(a, b):
            return remainder(substitute(a, values), substitute(b, values))
        case Maximum(a, b):
            return maximum(substitute(a, values), substitute(b, values))
        case Opaque(value, upper):
            return of_atom(Opaque(value.substitute(values), upper))  # type: ignore[attr-defined]
    raise AssertionError(f"an unknown kind of atom: {atom!r}")


def evaluate(dim: Size, values: Mapping[str, int]) -> int:
    """The dim's value with every symbol known; DimError names the ones that are missing."""
    result = substitute(dim, values)
    if isinstance(result, Dim):
        missing = ", ".join(sorted(symbols(result)))
        raise DimError(f"the size {dim} needs a value for {missing}")
    return result


def product(sizes: Iterable[Size]) -> Size:
    """The product of sizes; 1 for none."""
    total: Size = 1
    for size in sizes:
        total = total * size
    return total
