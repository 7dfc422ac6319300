"""x*y + z rounded once, and its emulation where NumPy has none."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from graphc.ir.dtypes import FLOATS
from graphc.ir.opdef import Array
from graphc.ops.algebra import mul
from graphc.ops.declaring import elementwise

_SPLIT = 2.0**27 + 1  # cuts 53 bits into two halves whose products are exact
_SAFE = (2.0**-400, 2.0**400)  # factors within never overflow or underflow on the way


def _fma_reference(x: Array, y: Array, z: Array) -> Array:
    if x.dtype == np.float32:
        exact = x.astype(np.float64) * y.astype(np.float64)  # 24 + 24 bits fit in 53
        return _add_to_odd(exact, z.astype(np.float64)).astype(np.float32)
    return _fma64(x, y, z)


def _fma64(x: Array, y: Array, z: Array) -> Array:
    """Three error-free steps and two roundings, of which the first is to odd.

    Source: Boldo and Melquiond, "Emulation of FMA and correctly rounded sums", 2008, figure 5.
    """
    high, low = _two_product(x, y)
    upper, lower = _two_sum(z, low)
    total, rest = _two_sum(high, upper)
    result = np.asarray(total + _add_to_odd(lower, rest))
    safe = _is_safe(x) & _is_safe(y) & (_is_safe(z) | (z == 0))
    for position in np.argwhere(~np.asarray(safe)):
        at = tuple(position)
        result[at] = _fma_of_floats(float(x[at]), float(y[at]), float(z[at]))
    return result


def _is_safe(x: Array) -> Array:
    return np.asarray((np.abs(x) >= _SAFE[0]) & (np.abs(x) <= _SAFE[1]))


def _two_product(x: Array, y: Array) -> tuple[Array, Array]:
    """x*y and its rounding error (Dekker)."""
    product = np.asarray(x * y)
    (x1, x2), (y1, y2) = _split(x), _split(y)
    return product, x2 * y2 - (((product - x1 * y1) - x2 * y1) - x1 * y2)


def _split(x: Array) -> tuple[Array, Array]:
    scaled = _SPLIT * x
    high = np.asarray(scaled - (scaled - x))
    return high, np.asarray(x - high)


def _two_sum(a: Array, b: Array) -> tuple[Array, Array]:
    """a + b and its rounding error (Knuth)."""
    total = np.asarray(a + b)
    shadow = total - a
    return total, np.asarray((a - (total - shadow)) + (b - shadow))


def _add_to_odd(a: Array, b: Array) -> Array:
    """a + b in float64 rounded to odd: rounding it again, to fewer bits, rounds correctly."""
    total, error = map(np.atleast_1d, _two_sum(a, b))
    bits = total.view(np.int64)
    wrong = (error != 0) & np.isfinite(total) & (bits % 2 == 0)
    towards = np.where(np.sign(error) == np.sign(total), 1, -1)
    odd = np.where(wrong, bits + towards, bits).view(np.float64)
    return odd.reshape(np.shape(a + b))


def _fma_of_floats(x: float, y: float, z: float) -> float:
    """The exact sum rounded once; used where the fast way would overflow or underflow."""
    if not (math.isfinite(x) and math.isfinite(y)):
        return x * y + z
    if not math.isfinite(z):
        return z
    exact = Fraction(x) * Fraction(y) + Fraction(z)
    if exact == 0:
        return x * y + z
    try:
        return float(exact)
    except OverflowError:
        return math.inf if exact > 0 else -math.inf


elementwise(
    "fma", "x*y + z, rounded once.", arity=3, dtypes=FLOATS, reference=_fma_reference,
    derivative=(
        lambda g, r, x, y, z: mul(g, y), lambda g, r, x, y, z: mul(g, x),
        lambda g, r, x, y, z: g,
    ),
    exact=True,
)  # fmt: skip
