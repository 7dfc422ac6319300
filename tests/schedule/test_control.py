"""Ops that hold graphs as regions of a schedule."""

from __future__ import annotations

import numpy as np

import graphc as gc
from graphc.ir.parser import parse_graph
from graphc.schedule.contents import written
from graphc.schedule.lowering import prepared, schedule
from graphc.schedule.regions import Repeat, inside_of

#: A loop that carries nothing and reads nothing but its rows.
SQUARES = """
graph @squares(%x: i64[4]) -> i64[4] {
  %0: (i64[4]) = scan(
    %x, carries=0, xs=1, length=[4], reverse=false, recompute=false,
    body=graph @body(%0: i64[]) -> i64[] {
      %1: i64[] = mul(%0, %0)
      return %1
    }
  )
  %1: i64[4] = item(%0, k=0)
  return %1
}
"""


def test_a_loop_of_which_nothing_has_another_name_is_a_loop() -> None:
    made = schedule(*prepared(parse_graph(SQUARES)))
    (loop,) = made.regions
    assert isinstance(loop, Repeat)
    assert (loop.length, loop.states, len(loop.rows)) == (4, (), 2)


def test_of_loops_with_the_same_launches_the_outer_one_is_the_first() -> None:
    with gc.Graph() as graph:
        x = gc.placeholder(gc.float32, ("n", "m"), name="x")
        waves = gc.arange(1000, dtype=gc.float32)
        y = gc.map(lambda row: gc.map(lambda e: gc.cumulative_sum(e * waves), row), x)
    outer, inner = schedule(*prepared(graph.extract([y]))).regions
    assert isinstance(outer, Repeat)
    assert isinstance(inner, Repeat)
    assert (outer.first, outer.end) == (inner.first, inner.end)
    assert (str(outer.length), str(inner.length)) == ("n", "m")
    assert inside_of(outer, [outer, inner]) == [inner]
    assert inside_of(inner, [outer, inner]) == []
    given = np.arange(6, dtype=np.float32).reshape(2, 3)
    with gc.Session(graph) as session:
        found = session.run(y, {x: given})
    np.testing.assert_array_equal(found, np.cumsum(given[..., None] * np.arange(1000), axis=-1))


#: Loops in loops and in branches, all of which one kernel takes but for those of many dims.
HELD = """
graph @held(%p: bool[], %x: f32[n], %xs: f32[4, n]) -> f32[n] {
  %outer: (f32[n]) = cond(
    %p, %x, %xs,
    then=graph @then(%a: f32[n], %rows: f32[4, n]) -> f32[n] {
      %sums: (f32[n]) = scan(
        %a, %rows, carries=1, xs=1, length=[4], reverse=false, recompute=false,
        body=graph @body(%0: f32[n], %1: f32[n]) -> f32[n] {
          %2: f32[n] = add(%0, %1)
          return %2
        }
      )
      %0: f32[n] = item(%sums, k=0)
      return %0
    },
    otherwise=graph @otherwise(%a: f32[n], %rows: f32[4, n]) -> f32[n] {
      %0: f32[n] = neg(%a)
      return %0
    }
  )
  %0: f32[n] = item(%outer, k=0)
  return %0
}
"""


def test_what_was_scheduled_for_what_is_kept() -> None:
    graph, bands = prepared(parse_graph(HELD))
    made = schedule(graph, bands)
    then, body, otherwise = made.bodies
    assert [each.key for each in made.bodies] == ["then", "body", "otherwise"]
    assert then.holder is otherwise.holder
    assert then.holder in graph.nodes
    assert body.holder in then.graph.nodes
    branch, loop = made.regions
    assert (branch.holder, loop.holder) == (then.holder, body.holder)
    everything = {*graph.nodes, *(node for each in made.bodies for node in each.graph.nodes)}
    assert all(node in everything for launch in made.launches for node in written(launch))
    x = next(node for node in graph.nodes if node.name == "x")
    assert made.buffers[otherwise.graph.placeholders[0]] is x


def test_a_loop_that_is_one_launch_comes_after_what_sets_its_state() -> None:
    """What replaces variables is moved behind others, where no region keeps all in order."""
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(5, 3, 4)), rng.normal(size=(4, 4))
    with gc.Graph() as graph:
        rows = gc.constant(x)
        weights = gc.variable(w, name="w")
        zero = gc.zeros((3, 4), dtype=gc.float64)
        (last, _), _ = gc.scan(
            lambda state, row: ((state[0] + state[1], state[0] @ weights + row), None),
            (zero, zero),
            rows,
        )
        loss = gc.mean(gc.square(last))
        train = gc.optim.SGD(0.01).minimize(loss)
    found = []
    for reference in (True, False):
        with gc.Session(graph, reference=reference) as session:
            losses = [session.run([loss, train])[0] for _ in range(3)]
            found.append([*losses, *session.get_value(weights).ravel()])
    np.testing.assert_allclose(found[1], found[0], rtol=1e-12)
