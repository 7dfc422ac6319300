"""How every computed value reads those that are stored, through what is recomputed."""

from __future__ import annotations

from dataclasses import dataclass

from graphc.ir.graph import Graph
from graphc.ir.node import Node
from graphc.ir.types import TupleType
from graphc.schedule.alignment import aligned_dims, is_same_position
from graphc.schedule.keeping import is_buffer, is_literal


@dataclass(frozen=True, slots=True)
class Link:
    """How a value reads another one: in how many leading dims aligned, and if only in place."""

    aligned: int
    same: bool


Links = dict[Node, Link]


def all_links(graph: Graph, reasons: dict[Node, str]) -> dict[Node, Links]:
    """For every computed node, its links to stored values, through what is recomputed."""
    known: dict[Node, Links] = {}
    for node in graph.nodes:
        if is_literal(node) or is_buffer(node):
            continue
        found: Links = {}
        for k, operand in enumerate(node.inputs):
            if isinstance(operand.type, TupleType):
                found[operand] = Link(0, False)
                continue
            here = Link(aligned_dims(node, k), is_same_position(node, k))
            if operand in reasons or is_buffer(operand):
                reached = {operand: Link(len(operand.shape), True)}
            else:
                reached = known.get(operand, {})
            for source, link in reached.items():
                _add_link(
                    found, source, Link(min(here.aligned, link.aligned), here.same and link.same)
                )
        known[node] = found
    return known


def _add_link(links: Links, source: Node, new: Link) -> None:
    old = links.get(source)
    if old is not None:
        new = Link(min(old.aligned, new.aligned), old.same and new.same)
    links[source] = new
