"""Lookups in small tables, at every width: by permutation, in two halves, and by gather."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.codegen.vecmath import registry
from graphc.codegen.vecmath.arith import Lanes
from graphc.codegen.vecmath.lookup import lookup
from tests.codegen.vecmath.vecmath_jit import DTYPES, compiled

TABLE = [1.5 * n * n - 7 for n in range(16)]


@pytest.mark.parametrize("width", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("bits", [32, 64])
def test_every_entry_is_found(bits: int, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def entry(m: Lanes, x: object) -> object:
        return lookup(m, "test.table", TABLE, m.float_to_int(x))

    name = f"lookup.{bits}.{width}"
    monkeypatch.setitem(registry.FUNCTIONS, name, entry)
    indices = np.random.default_rng(1).integers(-40, 40, 500)
    got = compiled(name, bits, width)(indices.astype(DTYPES[bits]))
    np.testing.assert_array_equal(got, np.array(TABLE, DTYPES[bits])[indices % 16])


@pytest.mark.parametrize("width", [1, 2, 4, 8])
@pytest.mark.parametrize("bits", [32, 64])
def test_pow_has_the_same_bits_at_every_width(bits: int, width: int) -> None:
    rng = np.random.default_rng(2)
    x = np.exp(rng.uniform(-3, 3, 2000)) * rng.choice([-1.0, 1.0], 2000)
    y = np.where(rng.random(2000) < 0.5, rng.integers(-5, 6, 2000), rng.uniform(-9, 9, 2000))
    points = x.astype(DTYPES[bits]), y.astype(DTYPES[bits])
    expected = compiled("pow", bits, 16)(*points)
    np.testing.assert_array_equal(compiled("pow", bits, width)(*points), expected)
