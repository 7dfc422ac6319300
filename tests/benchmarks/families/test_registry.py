from __future__ import annotations

import numpy as np
import pytest

from benchmarks.driver.checking import check
from benchmarks.families.registry import FAMILIES, WORKLOADS, select
from benchmarks.peers.graphc_peer import GraphcPeer
from benchmarks.peers.numpy_peer import NumpyPeer
from benchmarks.peers.program import Peer, Setup
from benchmarks.workload import TOOLKITS, Array, Workload

EVERY_ONE = [(workload, dtype) for workload, dtype in select([], [])]


def results(peer: Peer, workload: Workload, dtype: str) -> list[Array]:
    """Outputs of the third call, then the state."""
    setup = Setup(workload, dtype, threads=1)
    peer.prepare(setup)
    program = peer.build(setup, workload.arrays(dtype, small=True))
    outputs = [program.call() for _ in range(3)][-1]
    found = [*program.arrays(outputs), *program.state()]
    assert all(array.flags.c_contiguous for array in found)
    return found


@pytest.mark.parametrize(("workload", "dtype"), EVERY_ONE, ids=lambda x: getattr(x, "name", x))
def test_numpy_and_the_reference_agree(workload: Workload, dtype: str) -> None:
    found = results(GraphcPeer("reference"), workload, dtype)
    assert all(np.isfinite(array).all() and array.any() for array in found)
    if "numpy" in workload.builders:
        check(results(NumpyPeer(), workload, dtype), found, workload, dtype, "the reference")


@pytest.mark.parametrize(("workload", "dtype"), EVERY_ONE, ids=lambda x: getattr(x, "name", x))
def test_the_least_work_is_no_more_than_reading_and_writing_everything(
    workload: Workload, dtype: str
) -> None:
    work = workload.least_work(dtype, small=True)
    if work is None:
        return
    written = sum(array.nbytes for array in results(GraphcPeer("reference"), workload, dtype))
    read = sum(array.nbytes for array in workload.arrays(dtype, small=True).values())
    assert written < work.bytes <= read + written + 64 * workload.small.get("rows", 0)


def test_names_are_unique_and_known_to_be_workloads_or_families() -> None:
    names = [workload.name for family in FAMILIES.values() for workload in family]
    assert sorted({*names, *FAMILIES}) == sorted([*names, *FAMILIES])


def test_every_workload_can_be_built_in_graphc_and_some_peer() -> None:
    for workload in WORKLOADS.values():
        assert "graphc" in workload.builders
        assert len(workload.builders) > 1
        assert set(workload.builders) <= set(TOOLKITS)
        assert set(workload.standard) <= set(workload.dtypes)


def test_workloads_are_chosen_by_name_family_and_dtype() -> None:
    def chosen(names: list[str], dtypes: list[str]) -> list[tuple[str, str]]:
        return [(workload.name, dtype) for workload, dtype in select(names, dtypes)]

    assert chosen(["call", "sgd_step"], []) == [("call", "float32"), ("sgd_step", "float32")]
    assert chosen(["calls", "call"], []) == [("call", "float32"), ("session_run", "float32")]
    assert chosen(["sum_axis0"], []) == [
        ("sum_axis0", dtype) for dtype in ("float32", "float64", "int32")
    ]
    assert chosen(["sum_axis0", "call"], ["int32"]) == [("sum_axis0", "int32")]
    with pytest.raises(KeyError):
        chosen(["absent"], [])
