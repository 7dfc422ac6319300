"""What a program says it takes is what running it takes."""

from __future__ import annotations

import numpy as np
import pytest

import graphc as gc
from graphc.codegen.executable import Role
from graphc.compiler import compile_graph
from graphc.memory.usage import Usage
from graphc.runtime.native import Native
from tests.memory.variables import extracted


@pytest.mark.parametrize("batch", [0, 1, 7, 300])
def test_usage(batch: int) -> None:
    """One variable is replaced in place, one turned around, and sums of sums are kept between."""
    graph = gc.Graph()
    with graph:
        x = gc.placeholder(gc.float32, ("batch", 5), name="x")
        v = gc.variable(np.zeros(100, np.float32), name="v")
        u = gc.variable(np.zeros(7, np.float64), name="u")
        sums = gc.max(gc.cumulative_sum(x, axis=0), axis=0)
        fetches = [x * 2, sums, gc.assign(v, v + 1), gc.assign(u, gc.flip(u))]
    made = compile_graph(extracted(graph, fetches)).executable
    assert made is not None
    native = Native(made)
    signature = native.signature([np.zeros((batch, 5), np.float32)])
    results = native.fresh(Role.OUTPUT, signature)
    updates = native.fresh(Role.UPDATE, signature)
    apart = [array for array, yes in zip(updates, made.in_place, strict=True) if not yes]
    usage = made.usage({"batch": batch})
    assert usage == Usage(
        arena=signature.layout.total,
        outputs=sum(array.nbytes for array in results),
        updates=sum(array.nbytes for array in apart),
    )
    assert usage.outputs == 20 * batch + 20
    assert usage.updates == 56
    assert usage.arena >= 20 * batch
    assert usage.total == usage.arena + usage.outputs + usage.updates
