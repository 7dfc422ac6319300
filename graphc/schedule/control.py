"""Ops that hold graphs as regions of a schedule: their graphs' launches, in line with the others.

Every graph is scheduled by itself; then what it reads and leaves is put in the place of its
placeholders and outputs. So nothing is copied that a body reads from outside, and rows of stacks
are written where they belong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from graphc.ir import dims
from graphc.ir.graph import Graph, extract
from graphc.ir.location import created_at
from graphc.ir.node import Node
from graphc.ir.scalar import Site
from graphc.ops import ops
from graphc.schedule.bands.cutting import Band
from graphc.schedule.keeping import RESULT
from graphc.schedule.kernel import Body, Launch, Schedule
from graphc.schedule.reasons import Separation
from graphc.schedule.regions import Branch, Region, Repeat, Row, State

#: What a graph by itself is scheduled as: launches, and ops that hold graphs, in order.
Parts = tuple[Sequence[Launch | Node], Sequence[Separation]]
#: A graph of which every result is a node of its own, and its bands.
Prepared = tuple[Graph, tuple[Band, ...]]


class InLine:
    """A schedule under construction, given how a graph is prepared and scheduled by itself."""

    def __init__(
        self,
        parts_of: Callable[[Graph, tuple[Band, ...]], Parts],
        prepared: Callable[[Graph], Prepared],
    ) -> None:
        self._parts_of, self._prepared = parts_of, prepared
        self._bands: dict[Graph, tuple[Band, ...]] = {}
        self.launches: list[Launch] = []
        self.regions: list[Region] = []
        self.separations: list[Separation] = []
        self.names: dict[Node, Node] = {}
        self.bodies: list[Body] = []

    def schedule(self, graph: Graph, bands: tuple[Band, ...]) -> Schedule:
        """The schedule of a graph that is prepared."""
        self._add(graph, bands, RESULT)
        names = {node: self._resolved(node) for node in self.names}
        if not self.regions:
            return Schedule(tuple(self.launches), tuple(self.separations))
        return Schedule(
            tuple(_renamed(launch, names) for launch in self.launches),
            tuple(self.separations),
            tuple(sorted(
                (region.renamed(names) for region in reversed(self.regions)),  # inner ones first
                key=lambda region: (region.first, -region.end),
            )),
            tuple(self.bodies),
            names,
        )  # fmt: skip

    def _resolved(self, node: Node) -> Node:
        while node in self.names:
            node = self.names[node]
        return node

    def _add(
        self, graph: Graph, bands: tuple[Band, ...] = (), reason: str = "is left by the body"
    ) -> None:
        """Launch everything in a graph, what it leaves for that reason."""
        parts, separations = self._parts_of(graph, bands or self._bands.get(graph, ()))
        self.separations.extend(separations)
        results = _Results(graph)
        self.names |= results.again
        for part in parts:
            if isinstance(part, Launch):
                own = reason if part.reason == RESULT else part.reason
                self.launches.append(replace(part, reason=own))
            elif part.op.name == "cond":
                self._branch(part, results)
            elif part.op.name == "scan":
                self._scan(part, results)
            else:
                self._while(part, results)

    def _body(self, holder: Node, key: str) -> Graph:
        """The graph to be scheduled for one that a node holds, of nodes that are no other's."""
        made, bands = self._prepared(cloned(holder.attrs[key]))
        self._bands[made] = bands
        self.bodies.append(Body(holder, key, made))
        return made

    def _put(self, places: Sequence[Node], given: Sequence[Node]) -> None:
        """Let places be what is given."""
        self.names.update(zip(places, given, strict=True))

    def _branch(self, node: Node, results: _Results) -> None:
        predicate, *operands = node.inputs
        first = len(self.launches)
        middle = first
        for key in ("then", "otherwise"):
            middle = len(self.launches)
            body = self._body(node, key)
            self._put(body.placeholders, operands)
            self._put(body.outputs, results.of(node))
            self._add(body)
        self.regions.append(Branch(first, middle, len(self.launches), predicate, node))

    def _scan(self, node: Node, results: _Results) -> None:
        attrs = node.attrs
        carries, count, (length,) = attrs["carries"], attrs["xs"], attrs["length"]
        body, parts = self._body(node, "body"), results.of(node)
        places = body.placeholders
        states = self._states(node, body, parts[:carries])
        self._put(places[carries + count :], node.inputs[carries + count :])
        xs = zip(places[carries:], node.inputs[carries : carries + count], strict=False)
        ys = zip(body.outputs[carries:], parts[carries:], strict=True)
        rows = [Row(row, whole, False) for row, whole in xs]
        rows += [Row(row, whole, True) for row, whole in ys]
        first = len(self.launches)
        self._add(body)
        end = len(self.launches)
        self.regions.append(
            Repeat(
                first, first, end, states, tuple(rows), length, attrs["reverse"], holder=node
            )
        )  # fmt: skip

    def _while(self, node: Node, results: _Results) -> None:
        attrs, states = node.attrs, node.attrs["states"]
        body, test, parts = (
            self._body(node, "body"),
            self._body(node, "condition"),
            results.of(node),
        )
        places = body.placeholders
        carried = self._states(node, body, parts[:states])
        self._put(places[states:], node.inputs[states:])
        self._put(test.placeholders, places)
        ys = zip(body.outputs[states:], parts[states:], strict=True)
        rows = tuple(Row(row, whole, True) for row, whole in ys)
        first = len(self.launches)
        self._add(test)
        middle = len(self.launches)
        self._add(body)
        self.regions.append(
            Repeat(
                first, middle, len(self.launches), carried, rows, predicate=test.outputs[0],
                turns=attrs["turns"], most=attrs["most"], site=Site(node, 0), holder=node,
            )
        )  # fmt: skip

    def _states(self, node: Node, body: Graph, parts: Sequence[Node]) -> tuple[State, ...]:
        """What goes from turn to turn, copied to memory of its own before the first."""
        held = body.placeholders[: len(parts)]
        for initial, place in zip(node.inputs, held, strict=False):
            self._copy(initial, place)
        self._put(parts, held)
        pairs = zip(held, body.outputs[: len(parts)], strict=True)
        return tuple(State(place, following) for place, following in pairs)

    def _copy(self, source: Node, target: Node) -> None:
        place = ops.placeholder(shape=source.shape, dtype=source.dtype)
        with created_at(source.location):
            made = ops.identity(place)
        self._put([place, made], [source, target])
        self._add(extract("copy", [made], inputs=[place]), reason="is what the loop begins with")


class _Results:
    """For every op with several results in a graph, the buffers of these."""

    def __init__(self, graph: Graph) -> None:
        self._known: dict[Node, dict[int, Node]] = {}
        self.again: dict[Node, Node] = {}
        for node in graph.nodes:
            if node.op is ops.item:
                parts = self._known.setdefault(node.inputs[0], {})
                first = parts.setdefault(node.attrs["k"], node)
                if first is not node:
                    self.again[node] = first

    def of(self, node: Node) -> list[Node]:
        """The buffers of a node's results; those that nothing reads are new."""
        known = self._known.get(node, {})
        count = len(node.type.elements)  # type: ignore[union-attr]
        return [known[k] if k in known else ops.item(node, k=k) for k in range(count)]


def cloned(graph: Graph) -> Graph:
    """The graph, made of nodes of its own."""
    mapping: dict[Node, Node] = {}
    for node in graph.nodes:
        inputs = tuple(mapping[operand] for operand in node.inputs)
        mapping[node] = replace(node, inputs=inputs)
    return replace(
        graph,
        placeholders=tuple(mapping[node] for node in graph.placeholders),
        nodes=tuple(mapping.values()),
        outputs=tuple(mapping[node] for node in graph.outputs),
    )


def _renamed(launch: Launch, names: Mapping[Node, Node]) -> Launch:
    operands = tuple(
        names.get(buffer, buffer) if isinstance(buffer, Node) else buffer
        for buffer in launch.operands
    )
    return replace(launch, operands=operands)


def is_held_by_loop(node: Node) -> bool:
    """Whether a result of a loop lies where the loop keeps it, and not where it is wanted."""
    if node.op is not ops.item or node.inputs[0].op.name == "cond":
        return False
    loop = node.inputs[0]
    own = loop.attrs["carries" if loop.op.name == "scan" else "states"]
    return bool(node.attrs["k"] < own) or any(map(dims.is_found, node.shape))
