"""How near a native result must be to the reference's, by what the op declares."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from graphc.ir.opdef import Array, Kind
from tests.ops.factors import assert_same_factors
from tests.ops.sampling import Case

#: Units in the last place by which finite results of elementwise functions may differ.
ULPS = 4.0
#: Functions whose reference is the weaker side, with absolute errors of up to 8 units of 1 near
#: their roots (CPython's lgamma, and the recurrence of digamma). The machine code of both is held
#: to mpmath in `tests/codegen/vecmath/test_vecmath.py`. (units, the least size they are units of)
ROUGH_REFERENCE = {
    "lgamma": (16.0, 1.0),
    "digamma": (16.0, 1.0),
    # Inverted by bisection; either side may be off by 4 (see `test_quantiles.py`).
    "erfinv": (8.0, 0.0),
    "ndtri": (8.0, 0.0),
}

#: Errors of sums and products, as a multiple of the dtype's epsilon and of the sum of the absolute
#: values of what is combined.
ACCUMULATED = 8.0

#: Inexact ops for which a wider dtype gives a better value to compare with than NumPy's own.
_STEPWISE = ("floor_divide", "remainder")  # these are steps: a wider dtype falls on another one


def assert_close(case: Case, values: Sequence[Array], got: Array) -> None:
    """The native result agrees with the reference on the values."""
    expected = reference(case, values)
    assert got.dtype == expected.dtype
    assert got.shape == expected.shape
    if case.op.kind is Kind.FACTORIZATION:
        assert_same_factors(case, values, got, expected)
    elif case.op.exact or got.dtype.kind != "f":
        assert_same_bits(got, expected)
    elif case.op.name in (
        "max",
        "min",
        "window_max",
        "scatter_max",
        "scatter_min",
    ):  # which of 0.0 and -0.0 is found follows no rule
        np.testing.assert_array_equal(got, expected)
    elif case.op.kind is Kind.ELEMENTWISE:
        assert_within_ulps(case, got, wide_reference(case, values))
    else:
        scale = accumulated(case, values) * rounding_steps(case, values)
        assert_within_sum(got, wide_reference(case, values), scale)


def reference(case: Case, values: Sequence[Array]) -> Array:
    with np.errstate(all="ignore"):
        return np.asarray(case.op.reference(case.sample.attrs, *values))


def wide_reference(case: Case, values: Sequence[Array]) -> Array:
    """The reference computed in float64 and rounded to the dtype of the floats."""
    narrow = reference(case, values)
    if narrow.dtype != np.float32 or case.op.name in _STEPWISE:
        return narrow
    wide = [v.astype(np.float64) if v.dtype == np.float32 else v for v in values]
    with np.errstate(all="ignore"):
        return reference(case, wide).astype(np.float32)


def rounding_steps(case: Case, values: Sequence[Array]) -> float:
    """What multiplies the scale: a product of n factors in another order may be off by n/2 eps,
    natively and in the reference (Higham, "Accuracy and Stability", section 3.1).
    """
    if case.op.name != "prod":
        return ACCUMULATED
    axes = case.sample.attrs["axes"]
    return max(ACCUMULATED, float(np.prod([values[0].shape[axis] for axis in axes])))


def accumulated(case: Case, values: Sequence[Array]) -> Array:
    """The reference on absolute values: the scale of the rounding errors of sums and products."""
    if case.op.name == "squared_deviations":  # distances between numbers cancel
        (x,) = values
        return np.asarray(np.sum(x.astype(np.float64) ** 2, tuple(case.sample.attrs["axes"])))
    absolute = [np.abs(v).astype(np.float64) if v.dtype.kind == "f" else v for v in values]
    return reference(case, absolute)


def assert_same_bits(got: Array, expected: Array) -> None:
    """Equal, signs of zeros included; one NaN is like another."""
    np.testing.assert_array_equal(got, expected)
    if got.dtype.kind == "f":
        _assert_same_signs(got, expected, ~np.isnan(expected))


def assert_within_ulps(case: Case, got: Array, expected: Array) -> None:
    """Zeros, infinities and NaN the same; the rest within some units in the last place."""
    _assert_same_special(got, expected)
    _assert_same_signs(got, expected, expected == 0)
    finite = np.isfinite(expected)
    allowed, least = ROUGH_REFERENCE.get(case.op.name, (ULPS, 0.0))
    size = np.maximum(np.abs(expected[finite]), least)
    unit = np.spacing(np.minimum(size, np.finfo(got.dtype).max / 2).astype(got.dtype))
    distance = np.abs(got[finite].astype(np.longdouble) - expected[finite]) / unit
    assert np.max(distance, initial=0) <= allowed, (
        f"{np.max(distance)} ulps: {got[finite][np.argmax(distance)]!r}"
        f" for {expected[finite][np.argmax(distance)]!r}"
    )


def assert_within_sum(got: Array, expected: Array, scale: Array) -> None:
    """NaN and infinities the same; the rest within a multiple of eps times the scale."""
    _assert_same_special(got, expected)
    finite = np.isfinite(expected)
    bound = np.finfo(got.dtype).eps * scale[finite]
    error = np.abs(got[finite].astype(np.float64) - expected[finite])
    assert np.all(error <= bound), f"off by {np.max(error - bound)} more than the bound"


def _assert_same_special(got: Array, expected: Array) -> None:
    np.testing.assert_array_equal(np.isnan(got), np.isnan(expected), "NaN elsewhere")
    infinite = np.isinf(expected) | np.isinf(got)
    np.testing.assert_array_equal(got[infinite], expected[infinite], "other infinities")


def _assert_same_signs(got: Array, expected: Array, where: Array) -> None:
    np.testing.assert_array_equal(
        np.signbit(got[where]), np.signbit(expected[where]), "a sign differs"
    )
