"""What symbolic integers are made of besides numbers: symbols, quotients, remainders, maxima."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from graphc.ir.dims.polynomial import Size


class Atom:
    """What polynomials are made of: a non-constant integer that is no sum or product."""

    __slots__ = ()

    #: Whether it needs no parentheses as a factor.
    bare: ClassVar[bool] = True

    def as_minimum(self) -> str | None:
        """Minus the atom as text, if that is a minimum of two."""
        return None


@dataclass(frozen=True, slots=True)
class Symbol(Atom):
    """A named non-negative integer; a loop axis also has an inclusive upper bound."""

    name: str
    upper: Size | None = None

    def __hash__(self) -> int:
        return hash(self.name)

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Quotient(Atom):
    """floor(numerator / denominator), the denominator positive."""

    numerator: Size
    denominator: Size
    bare: ClassVar[bool] = False

    def __str__(self) -> str:
        return f"{_operand_text(self.numerator)}//{_operand_text(self.denominator)}"


@dataclass(frozen=True, slots=True)
class Remainder(Atom):
    """numerator - denominator * floor(numerator / denominator), the denominator positive."""

    numerator: Size
    denominator: Size
    bare: ClassVar[bool] = False

    def __str__(self) -> str:
        return f"{_operand_text(self.numerator)}%{_operand_text(self.denominator)}"


@dataclass(frozen=True, slots=True)
class Maximum(Atom):
    """The larger of two dims."""

    left: Size
    right: Size

    def __str__(self) -> str:
        return f"max({self.left}, {self.right})"

    def as_minimum(self) -> str | None:
        if str(self.left).startswith("-") and str(self.right).startswith("-"):
            return f"min({-self.left}, {-self.right})"
        return None


@dataclass(frozen=True, slots=True)
class Opaque(Atom):
    """An index computed by the program itself (an element of an integer tensor), in range."""

    value: object
    upper: Size | None

    def __str__(self) -> str:
        return f"[{self.value}]"


def _operand_text(dim: Size) -> str:
    if isinstance(dim, int):
        simple = dim >= 0
    elif simple := len(dim.terms) == 1:
        (monomial, coefficient), *_ = dim.terms.items()
        simple = coefficient == 1 and len(monomial) == 1 and isinstance(monomial[0], Symbol)
    return str(dim) if simple else f"({dim})"
