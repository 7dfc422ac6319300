"""Runs of an axis that counts through dims of unknown sizes: between them neighbours are apart.

A position of such an axis is a row number and a place in the row, its quotient and remainder by
the size of the last dim. Worked out for every element they would take longer than all the rest; in
a run, as far as one row goes, there is nothing to divide.
"""

from __future__ import annotations

from dataclasses import dataclass

from graphc.ir import dims, scalar
from graphc.ir.dims import Dim, Maximum, Quotient, Remainder, Size
from graphc.ir.scalar import Expr
from graphc.schedule.collapse import substituted
from graphc.schedule.statements import Axis, Store


@dataclass(frozen=True, slots=True)
class Runs:
    """Positions of an axis by rows of `size`, of which its first is at `base`."""

    axis: Axis
    base: Size
    size: Size

    @property
    def row(self) -> str:
        """The name of the number of a row."""
        return f"{self.axis.name}.row"

    @property
    def begin(self) -> str:
        """The name of the place in the row where a run begins."""
        return f"{self.axis.name}.from"

    @property
    def count(self) -> str:
        """The name of the number of positions in a run."""
        return f"{self.axis.name}.run"

    @property
    def along(self) -> Axis:
        """The axis of a run."""
        return Axis(f"{self.axis.name}.along", dims.symbol(self.count))

    @property
    def rows(self) -> tuple[Size, Size]:
        """The first row, and the one after the last."""
        first = dims.floordiv(self.base, self.size)
        return first, dims.floordiv(self.base + self.axis.extent - 1, self.size) + 1

    @property
    def bounds(self) -> tuple[Size, Size]:
        """Where in a row the run begins, and where it ends."""
        start = self.base - dims.symbol(self.row) * self.size
        return dims.maximum(start, 0), dims.minimum(start + self.axis.extent, self.size)

    def within(self, store: Store) -> Store:
        """The store at a position of a run."""
        place = dims.symbol(f"{self.axis.name}.place", self.size - 1)
        position = dims.symbol(self.row) * self.size + place - self.base
        (store,) = _stores(store, {self.axis.name: position})
        along = dims.symbol(self.begin) + self.along.position
        (store,) = _stores(store, {f"{self.axis.name}.place": along})
        return store


def _stores(store: Store, values: dict[str, Size]) -> tuple[Store]:
    (found,) = substituted((store,), values)
    assert isinstance(found, Store)
    return (found,)


def runs_of(axis: Axis, value: Expr) -> Runs | None:
    """The runs of an axis in what is read; None if it reads at even distances, or otherwise."""
    for load in (expr for expr in scalar.walk((value,)) if expr.name == "load"):
        for atom in _atoms(load.offset):
            if not isinstance(atom.denominator, Dim):
                continue
            split = dims.affine(atom.numerator, axis.symbol)
            if split is not None and split[0] == 1 and not _depends(atom.denominator, axis):
                return Runs(axis, split[1], atom.denominator)
    return None


def _depends(size: Size, axis: Axis) -> bool:
    return dims.depends_on(size, axis.symbol)


def _atoms(size: Size) -> list[Quotient | Remainder]:
    """Quotients and remainders in a size, those inside others as well."""
    found: list[Quotient | Remainder] = []
    for atom in size.atoms() if isinstance(size, Dim) else ():
        match atom:
            case Quotient(a, b) | Remainder(a, b):
                found += [*_atoms(a), *_atoms(b), atom]
            case Maximum(a, b):
                found += [*_atoms(a), *_atoms(b)]
    return found
