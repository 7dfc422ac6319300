"""Small programs as text, and their way to kernels."""

from __future__ import annotations

import textwrap

from graphc.compiler import compile_graph
from graphc.ir.graph import Graph
from graphc.ir.parser import parse_graph
from graphc.schedule.fusion import fuse
from graphc.schedule.groups import Fusion
from graphc.schedule.kernel import Schedule


def parsed(program: str) -> Graph:
    """A graph from its text without braces: a line of parameters and results, then the nodes."""
    head, *lines = textwrap.dedent(program).strip().splitlines()
    return parse_graph("\n".join([f"graph @test{head} {{", *lines, "}"]))


def prepared(graph: Graph) -> Graph:
    """The graph as it is cut into kernels."""
    made = compile_graph(graph, stop="kernels").prepared
    assert made is not None
    return made


def fused(graph: Graph) -> Fusion:
    """How the optimised graph is cut."""
    return fuse(prepared(graph))


def scheduled(graph: Graph) -> Schedule:
    """The kernels of the optimised graph."""
    made = compile_graph(graph, stop="kernels").schedule
    assert made is not None
    return made


def kernels_of(graph: Graph) -> str:
    """The kernels of the optimised graph as text."""
    return "\n".join(str(launch.kernel) for launch in scheduled(graph).launches)
