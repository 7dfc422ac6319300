"""Rotations about an axis by its length, with derivatives of every order at 0 too."""

from __future__ import annotations

import graphc as gc


def sinc_of_root(square: gc.Tensor) -> gc.Tensor:
    """sin(a) / a for a = sqrt(square); near 0 by the first terms of its series."""
    angle = gc.sqrt(square)
    series = 1 - square / 6 * (1 - square / 20 * (1 - square / 42))
    return gc.where(square < 1e-3, series, gc.sin(angle) / angle)


def rotated(axis: gc.Tensor, x: gc.Tensor) -> gc.Tensor:
    """x turned about the axis, which broadcast; vectors are along the last dim.

    Rodrigues' formula, as x + sin(a)/a (axis × x) + (1 - cos(a))/a² (axis × (axis × x)).
    """
    square = gc.sum(axis * axis, axis=-1, keepdims=True)
    half = sinc_of_root(square / 4)
    across = gc.linalg.cross(axis, x)
    return x + sinc_of_root(square) * across + half * half / 2 * gc.linalg.cross(axis, across)
