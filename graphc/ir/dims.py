"""Symbolic integers: sizes of dims and, inside kernels, positions along loops.

A `Dim` is a polynomial with integer coefficients over *atoms*: symbols (a dim that is known when
fed, or a loop axis), floor quotients, remainders and maxima of other dims. The normal form makes
equality of polynomials structural. A dim that is known is a plain `int`, never a `Dim`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from graphc.errors import DimError

Monomial = tuple["Atom", ...]  # atoms in the order of their text, repeated for a power


class Dim:
    """An integer that is known only when the program is fed.

    >>> batch = symbol("batch")
    >>> 2 * batch + batch - 1
    3*batch - 1
    >>> (2 * batch + 6) // 2 == batch + 3
    True
    """

    __slots__ = ("_hash", "_terms", "_text")

    def __init__(self, terms: Mapping[Monomial, int]) -> None:
        self._terms = dict(terms)
        self._text: str | None = None
        self._hash: int | None = None

    @property
    def terms(self) -> Mapping[Monomial, int]:
        """Coefficient of every monomial; the empty monomial stands for the constant."""
        return self._terms

    def atoms(self) -> list[Atom]:
        """The atoms that occur in some term, each once."""
        return list(dict.fromkeys(atom for monomial in self._terms for atom in monomial))

    def __str__(self) -> str:
        if self._text is None:
            self._text = _polynomial_text(self._terms)
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
        terms = dict(self._terms)
        for monomial, coefficient in _terms_of(other).items():
            terms[monomial] = terms.get(monomial, 0) + coefficient
        return _normal(terms)

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
        terms: dict[Monomial, int] = {}
        for left, a in self._terms.items():
            for right, b in _terms_of(other).items():
                product = _sorted_monomial(left + right)
                terms[product] = terms.get(product, 0) + a * b
        return _normal(terms)

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


@dataclass(frozen=True, slots=True)
class Symbol:
    """A named non-negative integer; a loop axis also has an inclusive upper bound."""

    name: str
    upper: Size | None = None

    def __str__(self) -> str:
        return self.name

    def bounds(self) -> tuple[Size | None, Size | None]:
        return 0, self.upper


@dataclass(frozen=True, slots=True)
class Quotient:
    """floor(numerator / denominator), the denominator positive."""

    numerator: Size
    denominator: Size

    def __str__(self) -> str:
        return f"{_operand_text(self.numerator)}//{_operand_text(self.denominator)}"

    def bounds(self) -> tuple[Size | None, Size | None]:
        return (0 if is_nonnegative(self.numerator) else None), None


@dataclass(frozen=True, slots=True)
class Remainder:
    """numerator - denominator * floor(numerator / denominator), the denominator positive."""

    numerator: Size
    denominator: Size

    def __str__(self) -> str:
        return f"{_operand_text(self.numerator)}%{_operand_text(self.denominator)}"

    def bounds(self) -> tuple[Size | None, Size | None]:
        return 0, self.denominator - 1


@dataclass(frozen=True, slots=True)
class Maximum:
    """The larger of two dims."""

    left: Size
    right: Size

    def __str__(self) -> str:
        return f"max({self.left}, {self.right})"

    def bounds(self) -> tuple[Size | None, Size | None]:
        positive = is_nonnegative(self.left) or is_nonnegative(self.right)
        return (0 if positive else None), None


@dataclass(frozen=True, slots=True)
class Opaque:
    """An index computed by the program itself (an element of an integer tensor), in range."""

    value: object
    upper: Size | None

    def __str__(self) -> str:
        return f"[{self.value}]"

    def bounds(self) -> tuple[Size | None, Size | None]:
        return 0, self.upper


Atom = Symbol | Quotient | Remainder | Maximum | Opaque


def symbol(name: str, upper: Size | None = None) -> Dim:
    """The dim that consists of one symbol."""
    return of_atom(Symbol(name, upper))


def of_atom(atom: Atom) -> Dim:
    """The dim that consists of one atom."""
    return Dim({(atom,): 1})


def floordiv(numerator: Size, denominator: Size) -> Size:
    """floor(numerator / denominator), simplified where the division comes out even.

    The denominator must be positive for every feed; a known one that is not is a DimError.
    """
    quotient, rest = _divide_positive(numerator, denominator)
    if rest == 0 or is_within(rest, denominator):
        return quotient
    return quotient + of_atom(Quotient(rest, denominator))


def remainder(numerator: Size, denominator: Size) -> Size:
    """numerator modulo denominator, simplified where the division comes out even.

    The denominator must be positive for every feed; a known one that is not is a DimError.
    """
    _, rest = _divide_positive(numerator, denominator)
    if rest == 0 or is_within(rest, denominator):
        return rest
    return of_atom(Remainder(rest, denominator))


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
    lead = max(divisor, key=_degree_order)
    quotient: dict[Monomial, int] = {}
    rest: dict[Monomial, int] = {}
    todo = dict(_terms_of(numerator))
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
    """Whether 0 <= dim < bound is certain."""
    return is_nonnegative(dim) and is_nonnegative(bound - 1 - dim)


def is_nonnegative(dim: Size) -> bool:
    """Whether dim >= 0 holds for every feed (False when it cannot be told).

    Bounded atoms are replaced by the end of their range that makes the dim smallest, one after
    another; what is left must have no negative coefficient.
    """
    while isinstance(dim, Dim):
        if _is_shallow_nonnegative(dim):
            return True
        lowered = _lower_one_atom(dim)
        if lowered is None:
            return False
        dim = lowered
    return dim >= 0


def _is_positive_atom(atom: Atom) -> bool:
    return atom.bounds()[0] == 0


def _lower_one_atom(dim: Dim) -> Size | None:
    for atom in dim.atoms():
        lower, upper = atom.bounds()
        split = affine(dim, atom)
        if split is None:
            continue
        coefficient, rest = split
        if upper is not None and _is_shallow_nonnegative(-coefficient):
            return rest + coefficient * upper
        if (
            upper is not None
            and lower == 0
            and isinstance(rest, Dim | int)
            and _is_shallow_nonnegative(coefficient)
        ):
            return rest
    return None


def _is_shallow_nonnegative(dim: Size) -> bool:
    if isinstance(dim, int):
        return dim >= 0
    return min(dim.terms.values()) >= 0 and all(_is_positive_atom(atom) for atom in dim.atoms())


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


def symbols(dim: Size) -> frozenset[str]:
    """Names of the symbols on which the dim depends (not looking into opaque indices)."""
    if isinstance(dim, int):
        return frozenset()
    found: set[str] = set()
    for atom in dim.atoms():
        match atom:
            case Symbol(name, _):
                found.add(name)
            case Quotient(a, b) | Remainder(a, b) | Maximum(a, b):
                found |= symbols(a) | symbols(b)
            case Opaque():
                pass
    return frozenset(found)


def substitute(dim: Size, values: Mapping[str, Size]) -> Size:
    """The dim with symbols replaced by ints or other dims."""
    if isinstance(dim, int) or not values:
        return dim
    total: Size = 0
    for monomial, coefficient in dim.terms.items():
        product: Size = coefficient
        for atom in monomial:
            product = product * _substitute_atom(atom, values)
        total = total + product
    return total


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


def evaluate(dim: Size, values: Mapping[str, int]) -> int:
    """The dim's value with every symbol known; DimError names the ones that are missing."""
    result = substitute(dim, values)
    if isinstance(result, Dim):
        missing = ", ".join(sorted(symbols(result)))
        raise DimError(f"the size {dim} needs a value for {missing}")
    return result


def size_text(size: Size) -> str:
    """A size as it stands in the text form."""
    return str(size)


@dataclass(frozen=True, slots=True)
class Guard:
    """An equality of dims on which the program relies, checked whenever it is fed."""

    left: Size
    right: Size

    def __str__(self) -> str:
        return f"{self.left} == {self.right}"


def unify(left: Size, right: Size) -> tuple[Size, Guard | None] | None:
    """What two dims that must be equal have in common, and the guard that makes sure of it.

    None when they can never be equal. A known dim wins over a symbolic one.
    """
    if left == right:
        return left, None
    gap = left - right
    if isinstance(gap, int) or is_nonnegative(gap - 1) or is_nonnegative(-gap - 1):
        return None
    if isinstance(right, int):
        return right, Guard(left, right)
    return left, Guard(left, right)


def product(sizes: Iterable[Size]) -> Size:
    """The product of sizes; 1 for none."""
    total: Size = 1
    for size in sizes:
        total = total * size
    return total


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


def _decide(gap: Size, left: Size, relation: str, right: Size) -> bool:
    if is_nonnegative(gap):
        return True
    if is_nonnegative(-gap - 1):
        return False
    raise DimError(f"whether {left} {relation} {right} is known only when they are fed")


def _operand_text(dim: Size) -> str:
    simple = isinstance(dim, int) and dim >= 0
    if isinstance(dim, Dim) and len(dim.terms) == 1:
        (monomial, coefficient), *_ = dim.terms.items()
        simple = coefficient == 1 and len(monomial) == 1 and isinstance(monomial[0], Symbol)
    return str(dim) if simple else f"({dim})"


def _polynomial_text(terms: Mapping[Monomial, int]) -> str:
    def order(monomial: Monomial) -> tuple[int, list[str]]:
        return -len(monomial), [str(atom) for atom in monomial]

    text = ""
    for monomial in sorted(terms, key=order):
        coefficient = terms[monomial]
        sign = "-" if coefficient < 0 else "+"
        if text:
            text += f" {sign} {_monomial_text(monomial, abs(coefficient))}"
        elif coefficient < 0:  # a leading minus binds closer than // and %
            text = f"-{_monomial_text(monomial, -coefficient, enclose=True)}"
        else:
            text = _monomial_text(monomial, coefficient)
    return text


def _monomial_text(monomial: Monomial, coefficient: int, enclose: bool = False) -> str:
    factors = [] if coefficient == 1 and monomial else [str(coefficient)]
    several = enclose or len(monomial) > 1 or bool(factors)
    for atom in dict.fromkeys(monomial):
        power = monomial.count(atom)
        bare = isinstance(atom, Symbol | Maximum | Opaque)
        text = str(atom) if bare or not several else f"({atom})"
        factors.append(text if power == 1 else f"{text}**{power}")
    return "*".join(factors)
