"""Dims that must be equal, and what makes sure that they are."""

from __future__ import annotations

from dataclasses import dataclass

from graphc.ir.dims.polynomial import Size, is_nonnegative


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
