"""Programs with variables, run natively with or without memory that is shared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc import compiler
from graphc.codegen.executable import Role
from graphc.compiler import Compilation, compile_graph
from graphc.ir.graph import Graph
from graphc.ir.node import Node
from graphc.memory.overlap import Place, outside, overlaps, races, stale
from graphc.memory.sharing import Sharing
from graphc.runtime.fetches import flatten
from graphc.runtime.native import Native
from graphc.schedule.kernel import Workspace

Array = np.ndarray[Any, Any]


def extracted(graph: gc.Graph, fetches: Any) -> Graph:
    """The graph of some fetches."""
    found = flatten(graph, fetches)
    return graph.extract(found.tensors, found.assignments)


def without_sharing(graph: Graph) -> Compilation:
    """The graph compiled with memory of its own for every buffer."""
    with pytest.MonkeyPatch.context() as patch:
        alone = Sharing((), {}, (False,) * len(graph.updates))
        patch.setattr(compiler, "share", lambda schedule, *_: (schedule, alone))
        return compile_graph(graph)


@dataclass
class Run:
    """The outputs of a run and the variables after it, as a session would have them."""

    outputs: list[Array]
    variables: list[Array]


class Program:
    """A compiled graph that keeps nothing. Whatever may be in place is in place."""

    def __init__(self, compilation: Compilation) -> None:
        assert compilation.executable is not None
        self.graph = compilation.graph
        self.executable = compilation.executable
        self.native = Native(self.executable)

    def __call__(self, feeds: Mapping[Node, Array]) -> Run:
        """Run with copies of the feeds."""
        variables = [feeds[node].copy() for node in self.graph.variables]
        return Run(self.into(feeds, variables), variables)

    def into(self, feeds: Mapping[Node, Array], variables: list[Array]) -> list[Array]:
        """Run on these variables, whose entries are replaced, or written to where in place."""
        given = [feeds[node] for node in self.graph.placeholders]
        signature = self.native.signature(given)
        outputs = self.native.fresh(Role.OUTPUT, signature)
        updates = self.native.fresh(Role.UPDATE, signature)
        program = self.executable
        for array in (*outputs, *updates):
            array.reshape(-1).view(np.uint8).fill(0xFF)
        for k, (variable, yes) in enumerate(zip(program.updated, program.in_place, strict=True)):
            if yes:
                updates[k] = variables[variable]
        self.native.call(signature, given, variables, outputs, updates)
        for variable, update in zip(program.updated, updates, strict=True):
            variables[variable] = update
        return outputs


def check_memory(made: Compilation, sizes: Mapping[str, int]) -> None:
    """The planner's layout against checks that share no code with it."""
    assert made.plan and made.schedule and made.sharing and made.prepared
    assert made.slots is not None
    layout = made.plan.layout(sizes)
    assert overlaps(made.plan.ranges, layout) == []
    assert outside(layout) == []
    places: dict[Node | Workspace, Place] = {}
    for buffer, slot in made.slots.items():
        if slot.role is Role.TEMPORARY:
            start = layout.offsets[slot.index]
            places[buffer] = Place("arena", start, start + layout.sizes[slot.index])
        else:
            places[buffer] = Place((slot.role, slot.index), 0, 1)
    pairs = zip(made.prepared.updates, made.sharing.in_place, strict=True)
    places |= {value: places[variable] for (variable, value), yes in pairs if yes}
    places |= {buffer: places[home] for buffer, home in made.sharing.home.items()}
    places = {buffer: place for buffer, place in places.items() if place.end > place.start}
    used = [buffer for region in made.schedule.regions for buffer in region.used()]
    for operands in (*(launch.operands for launch in made.schedule.launches), used):
        for buffer in operands:
            places.setdefault(buffer, Place(buffer, 0, 0))  # nothing is in nobody's way
    assert stale(made.schedule, places) == []
    assert races(made.schedule, places) == []
