"""Loops cut where what is computed changes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import graphc as gc
from graphc.schedule.kernel import Kernel
from graphc.schedule.lowering import prepared, schedule
from graphc.schedule.statements import Loop, Store

Build = Callable[[gc.Tensor, gc.Tensor], gc.Tensor]


def slope_of_split(a: gc.Tensor, b: gc.Tensor) -> gc.Tensor:
    first, second, third = gc.split(a, 3, axis=1)
    loss = gc.sum(gc.tanh(first) * second + third * b[:, : third.shape[1]])
    return gc.gradients(loss, a)[0]


# what is built of a [7, 48] and b [7, 20], and the lengths of the inner loops with their stores
CASES: dict[str, tuple[Build, list[tuple[int, int]]]] = {
    "parts of one length": (slope_of_split, [(16, 3)]),
    "parts of several lengths": (lambda a, b: gc.concat([a, b], axis=1), [(48, 1), (20, 1)]),
    "computed parts": (
        lambda a, b: gc.concat([gc.exp(b), a[:, :20] * b, b - 1.0], axis=1),
        [(20, 3)],
    ),
    "padding of some length": (
        lambda a, b: gc.pad(b, ((0, 0), (16, 32)), value=-0.0) * 2.0,
        [(16, 1), (20, 1), (32, 1)],
    ),
    "padding of one": (lambda a, b: gc.pad(a, ((0, 0), (1, 0))), [(49, 1)]),
    "another axis": (lambda a, b: gc.concat([a, a], axis=0) * 2.0, [(48, 1)]),
    "too many parts": (lambda a, b: gc.concat([b] * 9, axis=1), [(180, 1)]),
}


def kernels(y: gc.Tensor) -> list[Kernel]:
    return [launch.kernel for launch in schedule(*prepared(y.graph.extract([y]))).launches]


def inner_loops(kernel: Kernel) -> list[tuple[int, int]]:
    loops = [loop for loop in kernel.statements() if isinstance(loop, Loop) and loop.vector]
    assert all(isinstance(statement, Store) for loop in loops for statement in loop.body)
    return [(int(str(loop.axis.extent)), len(loop.body)) for loop in loops]


@pytest.mark.parametrize(("build", "expected"), CASES.values(), ids=CASES)
def test_a_range_has_its_own_part_and_values_and_signs_stay(
    build: Build, expected: list[tuple[int, int]]
) -> None:
    rng = np.random.default_rng(0)
    with gc.Graph() as graph:
        a = gc.placeholder(gc.float32, (7, 48), name="a")
        b = gc.placeholder(gc.float32, (7, 20), name="b")
        y = build(a, b)
    *_, last = kernels(y)
    assert inner_loops(last) == expected
    assert (" if " in str(last) or "select" in str(last)) == (len(expected) * expected[0][1] == 1)
    feeds = {t: rng.normal(size=t.shape).astype(np.float32) for t in (a, b)}
    feeds[b][0, :3] = (-0.0, np.inf, np.nan)
    results = []
    for reference in (False, True):
        with gc.Session(graph, reference=reference) as session:
            results.append(session.run(y, feeds))
    found, wanted = results
    np.testing.assert_allclose(found, wanted, rtol=3e-7, atol=1e-6)
    np.testing.assert_array_equal(np.signbit(found), np.signbit(wanted))
