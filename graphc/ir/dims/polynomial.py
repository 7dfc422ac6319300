"""Symbolic integers: sizes of dims and, inside kernels, positions along loops.

A `Dim` is a polynomial with integer coefficients over *atoms*: symbols (a dim that is known when
fed, or a loop axis), floor quotients, remainders and maxima of other dims. The normal form makes
equality of polynomials structural. A dim that is known is a plain `int`, never a `Dim`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from graphc.errors import DimError
from graphc.ir.dims.atoms import Atom, Maximum, Opaque, Quotient, Remainder, Symbol
from graphc.ir.dims.terms import added, divided, multiplied
from graphc.ir.dims.text import polynomial_text

Monomial = tuple[Atom, ...]  # atoms in the order of their text, repeated for a power


class Dim:
    """An integer that is known only when the program is fed.

    >>> batch = symbol("batch")
    >>> 2 * batch + batch - 1
    3*batch - 1
    >>> (2 * batch + 6) // 2 == batch + 3
    True
    """

    __slots__ = ("_atoms", "_hash", "_nonnegative", "_symbols", "_terms", "_text")

    def __init__(self, terms: Mapping[Monomial, int]) -> None:
        self._terms = dict(terms)
        self._atoms: tuple[Atom, ...] | None = None  # this and the others when first asked for
        self._text: str | None = None
        self._hash: int | None = None
        self._nonnegative: bool | None = None
        self._symbols: frozenset[str] | None = None

    @property
    def terms(self) -> Mapping[Monomial, int]:
        """Coefficient of every monomial; the empty monomial stands for the constant."""
        return self._terms

    def atoms(self) -> tuple[Atom, ...]:
        """The atoms that occur in some term, each once."""
        if self._atoms is None:
            self._atoms = tuple(dict.fromkeys([a for monomial in self._terms for a in monomial]))
        return self._atoms

    def __str__(self) -> str:
        if self._text is None:
            self._text = polynomial_text(self._terms)
        return self._text

    __repr__ = __str__

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash(str(self))
        return self._hash

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Dim):
            return self is other or self._terms == other._terms
        if isinstance(other, str):  # so that x.shape == ("batch", 64) reads as written
            return str(self) == other
        return NotImplemented

    def __add__(self, other: Size) -> Size:
        if not isinstance(other, int | Dim):
            return NotImplemented
        return _normal(added(self._terms, _terms_of(other)))

    __radd__ = __add__

    def __neg__(self) -> Size:
        return self * -1

    def __sub__(self, other: Size) -> Size:
        if not isinstance(other, int | Dim):
            return NotImplemented
        return self + -other

    def __rsub__(self, other: Size) -> Size:
        return -self + other

    def __mul__(self, other: Size) -> Size:
        if not isinstance(other, int | Dim):
            return NotImplemented
        return _normal(multiplied(self._terms, _terms_of(other)))

    __rmul__ = __mul__

    def __floordiv__(self, other: Size) -> Size:
        return floordiv(self, other)

    def __rfloordiv__(self, other: Size) -> Size:
        return floordiv(other, self)

    def __mod__(self, other: Size) -> Size:
        return remainder(self, other)

    def __rmod__(self, other: Size) -> Size:
        return remainder(other, self)

    def __lt__(self, other: Size) -> bool:
        return _decide(other - self - 1, self, "<", other)

    def __le__(self, other: Size) -> bool:
        return _decide(other - self, self, "<=", other)

    def __gt__(self, other: Size) -> bool:
        return _decide(self - other - 1, self, ">", other)

    def __ge__(self, other: Size) -> bool:
        return _decide(self - other, self, ">=", other)

    def __bool__(self) -> bool:
        raise DimError(f"whether {self} is zero is known only when it is fed")

    def __index__(self) -> int:
        raise DimError(f"{self} is known only when fed; it cannot be used as a Python integer")


Size = int | Dim


def symbol(name: str, upper: Size | None = None) -> Dim:
    """The dim that consists of one symbol."""
    return of_atom(Symbol(name, upper))


def of_atom(atom: Atom) -> Dim:
    """The dim that consists of one atom."""
    return Dim({(atom,): 1})


#: Divisions whose results are remembered: a compilation does the same few again and again.
_REMEMBERED = 4096


@lru_cache(_REMEMBERED)
def floordiv(numerator: Size, denominator: Size) -> Size:
    """floor(numerator / denominator), simplified where the division comes out even.

    The denominator must be positive for every feed; a known one that is not is a DimError.
    """
    quotient, rest = _divide_positive(numerator, denominator)
    if rest == 0 or is_within(rest, denominator):
        return quotient
    return quotient + of_atom(Quotient(rest, denominator))


@lru_cache(_REMEMBERED)
def remainder(numerator: Size, denominator: Size) -> Size:
    """numerator modulo denominator, simplified where the division comes out even.

    The denominator must be positive for every feed; a known one that is not is a DimError.
    """
    _, rest = _divide_positive(numerator, denominator)
    if rest == 0 or is_within(rest, denominator):
        return rest
    return of_atom(Remainder(rest, denominator))


def forget() -> None:
    """Let go of remembered divisions, and of the expressions whose values were divided."""
    floordiv.cache_clear()
    remainder.cache_clear()


def _divide_positive(numerator: Size, denominator: Size) -> tuple[Size, Size]:
    if isinstance(denominator, int) and denominator <= 0:
        raise DimError(f"cannot divide the dim {numerator} by {denominator}")
    return divide(numerator, denominator)


def divide(numerator: Size, denominator: Size) -> tuple[Size, Size]:
    """Polynomial long division: (quotient, rest) with numerator = quotient*denominator + rest.

    By a number d the rest's constant is left in 0..d-1, so that (n + 3)//2 is (n + 1)//2 + 1.
    """
    divisor = _terms_of(denominator)
    if not divisor:
        raise DimError(f"cannot divide the dim {numerator} by zero")
    quotient, rest = divided(_terms_of(numerator), divisor)
    return _normal(quotient), _normal(rest)


def maximum(left: Size, right: Size) -> Size:
    """The larger of two dims, simplified where the order is known."""
    if is_nonnegative(left - right):
        return left
    if is_nonnegative(right - left):
        return right
    return of_atom(Maximum(*sorted((left, right), key=str)))  # one form for both orders


def minimum(left: Size, right: Size) -> Size:
    """The smaller of two dims."""
    return -maximum(-left, -right)


def is_within(dim: Size, bound: Size) -> bool:
    """Whether 0 <= dim < bound is certain.

    A sum with a quotient, x + n//d, is so if x*d + n is within bound*d.
    """
    quotient = _plain_quotient(dim)
    if quotient is not None:
        rest = dim - of_atom(quotient)
        whole = rest * quotient.denominator + quotient.numerator
        if is_within(whole, bound * quotient.denominator):
            return True
    return is_nonnegative(dim) and is_nonnegative(bound - 1 - dim)


def _plain_quotient(dim: Size) -> Quotient | None:
    """A quotient that is a term of the dim."""
    if isinstance(dim, Dim):
        for monomial, factor in dim.terms.items():
            if factor == 1 and len(monomial) == 1 and isinstance(monomial[0], Quotient):
                return monomial[0]
    return None


def is_nonnegative(dim: Size) -> bool:
    """Whether dim >= 0 holds for every feed (False when it cannot be told).

    Bounded atoms are replaced by the end of their range that makes the dim smallest, one after
    another, and maxima by one of their sides; what is left must have no negative coefficient.
    """
    if isinstance(dim, int):
        return dim >= 0
    if dim._nonnegative is None:
        lowered = 0 if _is_shallow_nonnegative(dim) else _lower_one_atom(dim)
        certain = lowered is not None and is_nonnegative(lowered)
        dim._nonnegative = certain or _is_nonnegative_by_a_side(dim)
    return dim._nonnegative


def _is_nonnegative_by_a_side(dim: Dim) -> bool:
    """Whether it is certain with one side alone of a maximum with which the dim grows."""
    for atom in dim.atoms():
        split = affine(dim, atom) if isinstance(atom, Maximum) else None
        if split is None or not _is_shallow_nonnegative(split[0]):
            continue
        assert isinstance(atom, Maximum)
        if any(is_nonnegative(split[1] + split[0] * side) for side in (atom.left, atom.right)):
            return True
    return False


def _lower_one_atom(dim: Dim) -> Size | None:
    """The dim with an atom at an end of its range; None if none can be told.

    An inner axis goes before an outer one on which its extent depends.
    """
    limits = [atom.upper for atom in dim.atoms() if isinstance(atom, Symbol)]
    inner = [limit for limit in limits if isinstance(limit, Dim)]
    for atom in dim.atoms():
        if isinstance(atom, Symbol) and any(depends_on(limit, atom) for limit in inner):
            continue
        lower, upper = _bounds(atom)
        split = affine(dim, atom)
        if split is None:
            continue
        coefficient, rest = split
        if upper is not None and _is_shallow_nonnegative(-coefficient):
            return rest + coefficient * upper
        if upper is not None and lower == 0 and _is_shallow_nonnegative(coefficient):
            return rest
    return None


def _is_shallow_nonnegative(dim: Size) -> bool:
    if isinstance(dim, int):
        return dim >= 0
    return min(dim.terms.values()) >= 0 and all(_bounds(atom)[0] == 0 for atom in dim.atoms())


def _bounds(atom: Atom) -> tuple[Size | None, Size | None]:
    """The least and the greatest value of an atom, None where it is not known."""
    match atom:
        case Symbol(_, upper) | Opaque(_, upper):
            return 0, upper
        case Remainder(_, denominator):
            return 0, denominator - 1
        case Quotient(numerator, _):
            positive = is_nonnegative(numerator)
        case Maximum(left, right):
            positive = is_nonnegative(left) or is_nonnegative(right)
        case _:
            positive = False
    return (0 if positive else None), None


def affine(dim: Size, atom: Atom) -> tuple[Size, Size] | None:
    """(coefficient, rest) with dim = coefficient*atom + rest, neither containing the atom.

    None when the dim is not of that form.
    """
    coefficient: dict[Monomial, int] = {}
    rest: dict[Monomial, int] = {}
    for monomial, factor in _terms_of(dim).items():
        count = monomial.count(atom)
        if count > 1 or any(contains(other, atom) for other in monomial if other != atom):
            return None
        if count == 1:
            position = monomial.index(atom)
            coefficient[monomial[:position] + monomial[position + 1 :]] = factor
        else:
            rest[monomial] = factor
    return _normal(coefficient), _normal(rest)


def contains(outer: Atom, inner: Atom) -> bool:
    """Whether `inner` occurs in `outer` (an opaque index contains what its value reads)."""
    if outer == inner:
        return True
    match outer:
        case Quotient(a, b) | Remainder(a, b) | Maximum(a, b):
            return depends_on(a, inner) or depends_on(b, inner)
        case Opaque(value, _):
            return bool(value.depends_on(inner))  # type: ignore[attr-defined]
        case _:
            return False


def depends_on(dim: Size, atom: Atom) -> bool:
    """Whether the atom occurs anywhere in the dim."""
    return isinstance(dim, Dim) and any(contains(other, atom) for other in dim.atoms())


def _terms_of(dim: Size) -> Mapping[Monomial, int]:
    if isinstance(dim, Dim):
        return dim.terms
    return {(): int(dim)} if dim else {}


def _normal(terms: Mapping[Monomial, int]) -> Size:
    kept = {monomial: coefficient for monomial, coefficient in terms.items() if coefficient}
    if not kept:
        return 0
    if len(kept) == 1 and () in kept:
        return kept[()]
    return Dim(kept)


def _decide(gap: Size, left: Size, relation: str, right: Size) -> bool:
    if is_nonnegative(gap):
        return True
    if is_nonnegative(-gap - 1):
        return False
    raise DimError(f"whether {left} {relation} {right} is known only when they are fed")
