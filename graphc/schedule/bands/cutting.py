"""Bands: what one kernel does with a few rows of wide values at a time.

Where the gradient of attention needs the weights again, its band works them out a second time, from
the same operands and with the same bits, unless there is memory enough to store them (`stored.py`).
Values of one element a row, such as the sums of a softmax, are kept.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, replace

from graphc.ir.graph import Graph, topological, with_inputs, with_roots
from graphc.ir.node import Node
from graphc.ir.types import Shape
from graphc.schedule.bands.beside import beside
from graphc.schedule.bands.stored import stored
from graphc.schedule.bands.wide import Parts, Region, Use, is_wide_product, regions


@dataclass(frozen=True, eq=False)
class Band:
    """Values that one kernel computes: wide ones of a shape, what is near them, and their uses.

    `nodes` are in order, with the views between a wide value and its uses among them. Those that
    are `inline`, of which some are no nodes of the band alone, are never in memory. Formulas that
    are `held` are worked out once a block, for a use and for others.
    """

    shape: Shape
    nodes: tuple[Node, ...]
    uses: Mapping[Node, Use]
    inline: frozenset[Node]
    held: frozenset[Node]

    @property
    def parts(self) -> Parts | None:
        """The parts in which uses sum over the rows; None if none does."""
        return next((use.parts for use in self.uses.values() if use.parts), None)


def in_bands(graph: Graph) -> tuple[Graph, tuple[Band, ...]]:
    """The graph with wide values worked out anew for every band, and the bands.

    A band's nodes follow one another in the graph.
    """
    found = regions(graph)
    if not found:
        return graph, ()
    again = _Again(graph, found)
    remade = again.run()
    bands = again.bands(remade)
    ordered = _together(remade, bands)
    return (graph, ()) if ordered is None else (ordered, bands)


def _rounds(graph: Graph, region: Region) -> dict[Node, int]:
    """How often one leaves a region on the way to each node; members of one round make a band."""
    rounds: dict[Node, int] = {}
    members = region.members
    for node in graph.nodes:
        most = 0
        for operand in node.inputs:
            leaves = operand in region.uses or (operand in members and node not in members)
            most = max(most, rounds.get(operand, 0) + leaves)
        rounds[node] = most
    return {node: count for node, count in rounds.items() if node in members}


class _Again:
    """Rewrites a graph so that no band reads wide values of an earlier one but stored ones."""

    def __init__(self, graph: Graph, found: list[Region]) -> None:
        self.graph = graph
        self.roots = frozenset(graph.roots)
        self.home = {node: region for region in found for node in region.members}
        self.round = {node: n for region in found for node, n in _rounds(graph, region).items()}
        self.stored = stored(graph, found, self.round)
        self.beside = beside(graph, found)
        self.mapping: dict[Node, Node] = {}
        self.copies: dict[tuple[Node, int], Node] = {}
        self.own: dict[tuple[Region, Node, int], Node] = {}

    def run(self) -> Graph:
        for node in self.graph.nodes:
            at = self.round.get(node, 0)
            inputs = tuple(self._read(operand, node, at) for operand in node.inputs)
            self.mapping[node] = with_inputs(node, inputs)
        return with_roots(self.graph, self.mapping)

    def _read(self, operand: Node, reader: Node, at: int) -> Node:
        """What a node of a round reads in place of an operand."""
        home = self.home.get(reader)
        if home is not None and operand in self.beside[home].read:
            return self._owned(home, operand, at)
        region = self.home.get(operand)
        if region is None or home is not region or operand in self.roots:
            return self.mapping[operand]
        if self.round[operand] == at or operand in self.stored or not region.is_wide(operand):
            return self.mapping[operand]
        if (operand, at) not in self.copies:
            inputs = tuple(self._read(inner, operand, at) for inner in operand.inputs)
            self.copies[operand, at] = replace(operand, inputs=inputs)
        return self.copies[operand, at]

    def _owned(self, region: Region, node: Node, at: int) -> Node:
        """A value beside wide ones, worked out for one round."""
        if (region, node, at) not in self.own:
            read = self.beside[region].read
            inputs = tuple(
                self._owned(region, inner, at) if inner in read else self.mapping[inner]
                for inner in node.inputs
            )
            self.own[region, node, at] = replace(node, inputs=inputs)
        return self.own[region, node, at]

    def bands(self, graph: Graph) -> tuple[Band, ...]:
        """The bands of the rewritten graph."""
        parts: dict[tuple[Region, int], dict[Node, Node]] = {}
        made = {(node, at): self.mapping[node] for node, at in self.round.items()}
        for (node, at), new in (made | self.copies).items():
            parts.setdefault((self.home[node], at), {})[new] = node
        for (region, node, at), new in self.own.items():
            parts.setdefault((region, at), {})[new] = node
        place = {node: k for k, node in enumerate(graph.nodes)}
        users = graph.users()
        found = []
        for (region, _), old in parts.items():
            nodes = sorted((node for node in old if node in place), key=place.__getitem__)
            if any(is_wide_product(node) for node in nodes):
                uses = {n: region.uses[old[n]] for n in nodes if old[n] in region.uses}
                views = (node for node in nodes if old[node] in region.views)
                inner = (self.mapping[node] for node in self.beside[region].inner)
                inline = frozenset((*views, *inner))
                wide = (node for node in nodes if region.is_wide(old[node]))
                held = (node for node in wide if _is_shared(users, node, uses, inline))
                found.append(Band(region.shape, tuple(nodes), uses, inline, frozenset(held)))
        return tuple(found)


def _is_shared(
    users: Mapping[Node, list[Node]], node: Node, uses: Container[Node], inline: Container[Node]
) -> bool:
    """Whether a use reads a value, as it is or turned, and something else does too."""
    readers = set(users[node])
    turned = (inner for reader in readers if reader in inline for inner in users[reader])
    return len(readers) > 1 and any(reader in uses for reader in (*readers, *turned))


Unit = Node | Band


def _together(graph: Graph, bands: tuple[Band, ...]) -> Graph | None:
    """The graph with the nodes of each band one after another; None if bands need each other."""
    home = {node: band for band in bands for node in band.nodes}

    def unit(node: Node) -> Unit:
        return home.get(node, node)

    def needs(one: Unit) -> list[Unit]:
        nodes = one.nodes if isinstance(one, Band) else (one,)
        units = dict.fromkeys(unit(operand) for node in nodes for operand in node.inputs)
        return [other for other in units if other is not one]

    done: dict[Unit, None] = {}
    begun: set[Unit] = set()
    stack = [unit(node) for node in reversed(topological(graph.nodes))]
    while stack:
        one = stack[-1]
        missing = [] if one in done else [other for other in needs(one) if other not in done]
        if not missing:
            done[stack.pop()] = None
        elif one in begun:
            return None
        else:
            begun.add(one)
            stack.extend(reversed(missing))
    nodes = [n for one in done for n in (one.nodes if isinstance(one, Band) else (one,))]
    return replace(graph, nodes=tuple(nodes))
