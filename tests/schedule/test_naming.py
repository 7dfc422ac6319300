"""What nodes of bodies are called."""

from __future__ import annotations

from graphc.ir.parser import parse_graph
from graphc.schedule.kernel import Schedule
from graphc.schedule.lowering import prepared, schedule
from graphc.schedule.naming import names_of

TEXT = """
graph @held(%p: bool[], %x: f32[n], %xs: f32[4, n]) -> f32[n] {
  %0: (f32[n]) = cond(
    %p, %x, %xs,
    then=graph @then(%a: f32[n], %rows: f32[4, n]) -> f32[n] {
      %"a loop": (f32[n]) = scan(
        %a, %rows, %a, carries=1, xs=1, length=[4], reverse=false, recompute=false,
        body=graph @body(%0: f32[n], %1: f32[n], %2: f32[n]) -> f32[n] {
          %3: f32[n] = add(%0, %1)
          %sum: f32[n] = add(%3, %2)
          return %sum
        }
      )
      %0: f32[n] = item(%"a loop", k=0)
      return %0
    },
    otherwise=graph @otherwise(%a: f32[n], %rows: f32[4, n]) -> f32[n] {
      %0: f32[n] = neg(%a)
      return %0
    }
  )
  %1: f32[n] = item(%0, k=0)
  return %1
}
"""


def test_names_of_bodies_begin_with_what_holds_them() -> None:
    graph, bands = prepared(parse_graph(TEXT))
    made = schedule(graph, bands)
    names = names_of(graph, made)
    then, body, otherwise = (each.graph for each in made.bodies)
    assert names[body.outputs[0]] == '%0.then%"a loop".body%sum'
    assert names[otherwise.outputs[0]] == "%0.otherwise%0"
    carry, row, capture = (names[node] for node in body.placeholders)
    assert (carry, row) == ('%0.then%"a loop".body%0', '%0.then%"a loop".body%1')
    assert capture == names[otherwise.placeholders[0]] == names[then.placeholders[0]] == "%x"
    assert {*graph.nodes, *then.nodes, *body.nodes, *otherwise.nodes} <= names.keys()
    assert all(names[node] != "%?" for launch in made.launches for node in launch.nodes)


def test_without_loops_they_are_those_of_the_text() -> None:
    graph, bands = prepared(
        parse_graph("graph @f(%x: f32[]) -> f32[] { %y: f32[] = neg(%x) return %y }")
    )
    assert list(names_of(graph, Schedule(()))) == list(graph.nodes)
    assert list(names_of(graph, schedule(graph, bands)).values()) == ["%x", "%y"]
