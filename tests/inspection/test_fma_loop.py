from __future__ import annotations

import numpy as np
import pytest

from graphc.inspection.fma_loop import CHAINS, fma_loop


@pytest.mark.parametrize(("bits", "dtype"), [(32, np.float32), (64, np.float64)])
def test_the_loop_computes_what_it_is_timed_for(bits: int, dtype: type) -> None:
    loop, lanes = fma_loop(bits)
    out = np.zeros(lanes, dtype)
    loop(5, out.ctypes.data)
    sums = np.arange(CHAINS) / (4 * CHAINS)
    for _ in range(5):
        sums = sums * sums + 0.25
    np.testing.assert_allclose(out, sums.sum(), rtol=1e-5 if bits == 32 else 1e-14)
