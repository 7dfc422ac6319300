from __future__ import annotations

import numpy as np
import pytest

from benchmarks.families.registry import WORKLOADS
from benchmarks.workload import TOOLKITS, Reach, Workload, aligned, everywhere, normal


def test_inputs_are_the_same_every_time_and_differ_between_workloads() -> None:
    first, again = (WORKLOADS["sum_axis0"].arrays("float32", small=True) for _ in range(2))
    other = WORKLOADS["max_axis0"].arrays("float32", small=True)
    np.testing.assert_array_equal(first["x"], again["x"])
    assert not np.array_equal(first["x"], other["x"])


def test_an_aligned_copy_begins_at_a_multiple_of_64_bytes() -> None:
    for offset in range(3):
        array = np.arange(10.0)[offset:]
        copy = aligned(array)
        assert copy.ctypes.data % 64 == 0
        np.testing.assert_array_equal(copy, array)
        assert not np.shares_memory(copy, array)


def test_a_formula_serves_every_toolkit_that_has_no_other() -> None:
    def common() -> None: ...
    def own() -> None: ...

    builders = everywhere(common, jax=own, numpy=None)
    assert builders == {
        name: own if name == "jax" else common for name in TOOLKITS if name != "numpy"
    }


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64"])
def test_numbers_have_the_dtype_asked_for(dtype: str) -> None:
    numbers = normal(np.random.default_rng(0), dtype, 50, 20)
    assert (numbers.dtype, numbers.shape) == (np.dtype(dtype), (50, 20))
    assert numbers.std() > 0.9


def test_a_toolkit_may_want_axes_in_another_order() -> None:
    orders = {"jax": {"x": (2, 0, 1), "w": (1, 0)}}
    workload = Workload(
        "w", "", {}, {}, lambda rng, dtype, sizes: {}, {}, state=("w",), layouts=orders
    )
    declared = {"x": np.arange(24.0).reshape(2, 3, 4), "w": np.arange(6.0).reshape(2, 3)}
    given = workload.laid_out("jax", declared)
    assert (given["x"].shape, given["w"].shape) == ((4, 2, 3), (3, 2))
    assert all(array.flags.c_contiguous for array in given.values())
    (restored,) = workload.as_declared("jax", [given["w"]])
    np.testing.assert_array_equal(restored, declared["w"])
    assert workload.laid_out("numpy", declared) == declared


def test_a_workload_without_work_has_no_limit() -> None:
    workload = Workload("w", "", {}, {}, lambda rng, dtype, sizes: {}, {}, reach=Reach())
    assert workload.least_work("float32") is None
