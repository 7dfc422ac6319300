"""What tapes take, as a formula and in fact."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

import graphc as gc
from graphc.compiler import compile_graph
from graphc.ir.dims import symbol
from graphc.ir.dtypes import float64
from graphc.memory.growth import FEWEST_BYTES, Growth, growths
from graphc.ops import ops
from tests.inspection.targets import loops

n, turns = symbol("n"), symbol("_turns1")
STACK = ops.placeholder(shape=(turns, n), dtype=float64)


@pytest.mark.parametrize(
    ("rows", "n", "turns", "taken"),
    [
        (0, 5, 0, 1024),  # as large as it must be
        (0, 5, 100, 4000),
        (1, 5, 0, 0),  # in every turn another row
        (1, 5, 1, 1024),
        (1, 5, 25, 1024),
        (1, 5, 26, 2048),
        (1, 5, 103, 8192),
        (1, 1000, 1, 8000),
        (1, 1000, 3, 32000),
        (256, 5, 0, 10240),  # as many as a kernel may take
        (256, 5, 256, 10240),
        (256, 5, 257, 20480),
        (256, 5, 1000, 40960),
        (256, 5, 1025, 81920),
    ],
)
def test_what_is_taken(rows: int, n: int, turns: int, taken: int) -> None:
    growth = Growth(STACK, "_turns1", 8 * symbol("n"), rows)
    assert growth.taken({"n": n, "_turns1": turns}) == taken


def test_what_grows_in_programs() -> None:
    for name, rows in (("tape", [256, 256]), ("open_end", [1, 1]), ("rows", []), ("backwards", [])):
        made = compile_graph(loops(name).graph, stop="memory")
        assert made.schedule is not None
        assert [growth.rows for growth in growths(made.schedule)] == rows


@pytest.mark.parametrize("count", [1, 300, 20_000])
@pytest.mark.parametrize("size", [1, 5000])
def test_a_run_takes_what_the_formula_says(count: int, size: int) -> None:
    """Of small rows a kernel takes several; large ones are launched turn by turn."""
    count = min(count, 300_000 // size)
    with gc.Graph() as graph:
        x = gc.placeholder(gc.float64, (size,), name="x")
        most = gc.placeholder(gc.int64, (), name="most")
        y, _ = gc.while_loop(lambda y, k: k < most, lambda y, k: (gc.sin(y) + x, k + 1), (x, 0))
        (dx,) = gc.gradients(gc.sum(y), [x])
    made = compile_graph(graph.extract([dx]), stop="memory")
    assert made.schedule is not None and made.plan is not None
    found = growths(made.schedule)
    taken = sum(growth.taken({"_turns1": count}) for growth in found)
    assert taken >= max(FEWEST_BYTES, 8 * size * count)
    with gc.Session(graph) as session:
        run = session.make_callable(dx, [x, most])
        given = np.full(size, 0.5)
        run(given, 1)
        tracemalloc.start()
        try:
            run(given, count)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert taken <= peak <= taken + dx.node.tensor.nbytes + 10_000
