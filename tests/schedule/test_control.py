"""Ops that hold graphs, scheduled in line with the others."""

from __future__ import annotations

import numpy as np

import graphc as gc
from graphc.compiler import compile_graph
from graphc.schedule.regions import Repeat


def test_a_loop_without_state_that_reads_nothing_from_around_is_still_a_loop() -> None:
    with gc.Graph() as graph:
        x = gc.placeholder(gc.int64, (300, 400), name="x")
        y = gc.map(lambda row: row * row, x)
    made = compile_graph(graph.extract([y]), stop="kernels")
    assert made.schedule is not None
    assert [type(region) for region in made.schedule.regions] == [Repeat]
    fed = np.arange(120_000).reshape(300, 400)
    with gc.Session(graph) as session:
        np.testing.assert_array_equal(session.run(y, {x: fed}), fed * fed)
