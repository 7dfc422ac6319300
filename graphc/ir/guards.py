"""What follows from guards: which dims are equal once the equalities of a graph hold."""

from __future__ import annotations

from collections.abc import Iterable
from math import gcd

from graphc.ir.dims import Dim, Guard, Size, Symbol, is_nonnegative, substitute, symbols
from graphc.ir.types import Shape, TensorType, TupleType, Type


class Equalities:
    """A normal form for dims under a set of guards.

    A guard of which one side is a lone symbol, or can be brought to that by moving terms and
    cancelling a common factor, lets that symbol be replaced everywhere; what is substituted is
    substituted in turn, until nothing changes. Of two symbols the guard's left one stays. Guards
    that give no symbol away (`n*m == 64*k`) are known as they are.

    Sound, not complete: dims with one normal form are equal whenever the guards hold.

    >>> from graphc.ir.dims import symbol
    >>> batch, rows, m = symbol("batch"), symbol("rows"), symbol("m")
    >>> known = Equalities([Guard(batch, rows), Guard(rows, 2 * m)])
    >>> known.normal(rows + 1), known.same(batch, 2 * m)
    (2*m + 1, True)
    """

    def __init__(self, guards: Iterable[Guard]) -> None:
        self._values: dict[str, Size] = {}
        self._mentions: dict[str, set[str]] = {}  # symbol: those whose value it occurs in
        self._others: dict[Dim, Guard] = {}  # by the gap between their sides
        self._impossible: list[Guard] = []
        pending = list(guards)
        while pending:
            pending = self._absorb(pending)

    @property
    def impossible(self) -> tuple[Guard, ...]:
        """The guards that can never hold together with those before them."""
        return tuple(self._impossible)

    def normal(self, size: Size) -> Size:
        """The size with every symbol replaced that the guards determine."""
        if isinstance(size, int) or not self._values:
            return size
        return substitute(size, self._values)

    def same(self, left: Size, right: Size) -> bool:
        """Whether the guards make two sizes equal (False also when it cannot be told)."""
        if left == right:
            return True
        gap = self.normal(left) - self.normal(right)
        if isinstance(gap, int):
            return gap == 0
        return bool(self._others) and _without_factor(gap) in self._others

    def implies(self, guard: Guard) -> bool:
        """Whether the guard holds whenever these do (False also when it cannot be told).

        From guards that can never hold together anything follows.
        """
        return bool(self._impossible) or self.same(guard.left, guard.right)

    def normal_shape(self, shape: Shape) -> Shape:
        """The shape with every dim in its normal form."""
        return tuple(map(self.normal, shape)) if self._values else shape

    def normal_type(self, type_: Type) -> Type:
        """The type with every dim in its normal form."""
        if isinstance(type_, TupleType):
            return TupleType(tuple(map(self._normal_tensor, type_.elements)))
        return self._normal_tensor(type_)

    def same_type(self, left: Type, right: Type) -> bool:
        """Whether two types agree in dtypes, ranks and, under the guards, in dims."""
        if left == right:
            return True
        if isinstance(left, TensorType) and isinstance(right, TensorType):
            return (
                left.dtype is right.dtype
                and left.rank == right.rank
                and all(map(self.same, left.shape, right.shape))
            )
        if isinstance(left, TupleType) and isinstance(right, TupleType):
            return len(left.elements) == len(right.elements) and all(
                map(self.same_type, left.elements, right.elements)
            )
        return False

    def _normal_tensor(self, type_: TensorType) -> TensorType:
        return type_.with_shape(self.normal_shape(type_.shape))

    def _absorb(self, guards: list[Guard]) -> list[Guard]:
        """Take the guards in; return those that a new substitution calls to look at again."""
        again: list[Guard] = []
        for guard in guards:
            gap = self.normal(guard.left) - self.normal(guard.right)
            if gap == 0:
                continue
            if is_nonnegative(gap - 1) or is_nonnegative(-gap - 1):
                self._impossible.append(guard)
                continue
            assert isinstance(gap, Dim)  # a number is 0, positive or negative
            found = _lone_symbol(gap)
            if found is None:
                self._others[_without_factor(gap)] = guard
                continue
            self._define(*found)
            again.extend(self._others.values())
            self._others.clear()
        return again

    def _define(self, name: str, value: Size) -> None:
        users = self._mentions.pop(name, set())
        for user in users:
            self._values[user] = substitute(self._values[user], {name: value})
        self._values[name] = value
        for mentioned in symbols(value):
            self._mentions.setdefault(mentioned, set()).update(users, (name,))


def _without_factor(gap: Dim) -> Dim:
    """The gap without the common factor of its terms and with a fixed sign."""
    first = min(gap.terms, key=lambda monomial: (-len(monomial), tuple(map(str, monomial))))
    factor = gcd(*gap.terms.values())
    return _divided(gap, -factor if gap.terms[first] < 0 else factor)


def _divided(gap: Dim, factor: int) -> Dim:
    return Dim({monomial: value // factor for monomial, value in gap.terms.items()})


def _lone_symbol(gap: Dim) -> tuple[str, Size] | None:
    """A symbol that a vanishing gap (left - right) determines, and its value; a right one first.

    The terms of either sign are the two sides of an equality without subtractions, so a value
    never loses the knowledge that it is not negative.
    """
    gap = _divided(gap, gcd(*gap.terms.values()))
    left, right = _sum_of(gap, 1), _sum_of(gap, -1)
    for side, value in ((right, left), (left, right)):
        name = _symbol_name(side)
        if name and name not in symbols(value):
            return name, value
    return None


def _sum_of(gap: Dim, sign: int) -> Size:
    total: Size = 0
    for monomial, factor in gap.terms.items():
        if factor * sign > 0:
            total = total + Dim({monomial: abs(factor)})
    return total


def _symbol_name(size: Size) -> str | None:
    if isinstance(size, Dim) and len(size.terms) == 1:
        ((monomial, factor),) = size.terms.items()
        if factor == 1 and len(monomial) == 1 and isinstance(monomial[0], Symbol):
            return monomial[0].name
    return None
