"""The body of a loop together with its derivative along a direction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from graphc.autodiff.forward import tangents as forward_accumulation
from graphc.autodiff.reverse import dependents
from graphc.control.bodies import Body, cut, parameter_like
from graphc.ir.graph import Graph
from graphc.ir.node import Node
from graphc.ops.declaring import zeros_like

Tangents = Sequence[Node | None]


@dataclass(frozen=True)
class Moving:
    """A body that also works out tangents.

    Its parameters are the carry, the tangents of `carried`, then rows, the tangents of some of
    them, captures and the tangents of some. It returns the carry, the tangents of `carried`, then
    what else the body returned, and the tangents of `stacked`, which are numbers of outputs.
    """

    body: Body
    carried: tuple[int, ...]
    stacked: tuple[int, ...]

    def tangents_of(self, parts: Sequence[Node], carries: int, outputs: int) -> list[Node | None]:
        """The tangent of every result of the loop, given all results of the one that is made."""
        found: dict[int, Node] = dict(zip(self.carried, parts[carries:], strict=False))
        behind = len(self.carried) + outputs
        found |= dict(zip(self.stacked, parts[behind:], strict=True))
        return [found.get(k) for k in range(outputs)]


def moving(graph: Graph, carries: int, rows: int, tangents: Tangents) -> Moving:
    """The body with its derivative; `tangents` tells which of its parameters move at first."""
    places = graph.placeholders
    carried = _carried(graph, carries, tangents)
    given = {k for k, tangent in enumerate(tangents) if tangent is not None} | set(carried)
    seeds = {k: parameter_like(places[k]) for k in sorted(given)}
    found = forward_accumulation(graph.outputs, [places[k] for k in seeds], list(seeds.values()))
    stacked = [k for k in range(carries, len(found)) if found[k] is not None]
    moved = [found[k] if found[k] is not None else zeros_like(places[k]) for k in carried]
    outputs = [*graph.outputs[:carries], *moved, *graph.outputs[carries:]]
    outputs += [found[k] for k in stacked]
    parameters: list[Node] = []
    for start, end in ((0, carries), (carries, carries + rows), (carries + rows, len(places))):
        parameters += places[start:end]
        parameters += [seeds[k] for k in range(start, end) if k in seeds]
    made = cut(f"{graph.name}_jvp", parameters, [node for node in outputs if node is not None])
    return Moving(made, tuple(carried), tuple(stacked))


def _carried(graph: Graph, carries: int, tangents: Tangents) -> list[int]:
    """The parts of the carry that move in some turn."""
    places = graph.placeholders
    given = {k for k, tangent in enumerate(tangents) if tangent is not None}
    while True:
        active = dependents(graph.nodes, [places[k] for k in given])
        more = {k for k in range(carries) if graph.outputs[k] in active} - given
        if not more:
            return sorted(k for k in given if k < carries)
        given |= more
