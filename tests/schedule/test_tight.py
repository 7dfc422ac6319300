"""Loops of little work as one kernel, and why others are not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import graphc as gc
from graphc.schedule.kernel import Schedule
from graphc.schedule.lowering import prepared, schedule
from graphc.schedule.regions import Repeat
from graphc.schedule.tight import CHUNK, MOST_LAUNCHES, with_tight_loops

Body = Callable[[gc.Tensor], gc.Tensor]


def scheduled(body: Body, *shape: int | str, turns: int | None = None) -> Schedule:
    """A loop over a state: as many turns as there are rows, or so many."""
    with gc.Graph() as graph:
        x = gc.placeholder(gc.float32, shape, name="x")
        rows = gc.placeholder(gc.float32, ("n",), name="rows")
        if turns is None:
            y, _ = gc.scan(lambda c, _: (body(c), None), x, rows)
        else:
            y = gc.fori_loop(0, turns, lambda _, c: body(c), x)
    return with_tight_loops(schedule(*prepared(graph.extract([y]))))


def long(x: gc.Tensor) -> gc.Tensor:
    """Sums of everything that follow one another, too many launches for one kernel."""
    for _ in range(MOST_LAUNCHES + 1):
        x = x - gc.cumulative_sum(x)
    return x


def inner(x: gc.Tensor) -> gc.Tensor:
    return gc.fori_loop(0, 3, lambda _, c: c @ c, x)


def inner_kernel(x: gc.Tensor) -> gc.Tensor:
    return gc.fori_loop(0, 3, lambda _, c: gc.sin(c), x)


LOOSE: list[tuple[Body, tuple[int | str, ...], str]] = [
    (lambda x: x @ x, (30, 30), "%2.body%3 needs a kernel of its own (matmul)"),
    (lambda x: gc.sort(x), (5,), "needs a kernel of its own (sort)"),
    (lambda x: x * 2, ("m",), "how much work a turn is depends on dims"),
    (gc.exp, (10_000,), "ns of work, and worth a launch from 3,000 ns on"),
    (long, (4,), f"launches, of which one kernel takes {MOST_LAUNCHES} at most"),
    (inner, (30, 30), "there is a loop inside of it"),
    (inner_kernel, (4,), "there is a loop inside of it"),
]


@pytest.mark.parametrize(("body", "shape", "text"), LOOSE)
def test_why_loops_are_launched_turn_by_turn(
    body: Body, shape: tuple[int | str, ...], text: str
) -> None:
    made = scheduled(body, *shape)
    outer = made.regions[0]
    assert isinstance(outer, Repeat)
    assert outer.loose is not None
    known = {node: f"%2.body%{k}" for k, node in enumerate(made.bodies[0].graph.nodes)}
    said = outer.loose.text(known)
    assert text.partition("body%3 ")[2] in said if "body%3" in text else text in said


@pytest.mark.parametrize("turns", [None, CHUNK, CHUNK + 1])
def test_loops_of_little_work_are_one_launch(turns: int | None) -> None:
    made = scheduled(lambda x: gc.tanh(x) + 1, 3, turns=turns)
    (launch,) = (each for each in made.launches if each.loop is not None)
    assert launch.loop is not None
    assert launch.loop.holder is made.bodies[0].holder
    assert [one.held.shape for one in launch.loop.states][-1] == (3,)
    if turns == CHUNK:  # they are all taken at once
        assert made.regions == ()
    else:
        (region,) = made.regions
        assert isinstance(region, Repeat)
        assert (region.chunk, region.loose) == (CHUNK, None)
        assert made.launches[region.first] is launch
