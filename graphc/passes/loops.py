"""Loops and branches with no more than is needed of them.

Differentiating a loop makes another one that does the same and records a tape besides; both are
one loop in the end. What nothing reads of a loop's results is not computed, nor what only that
would need.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphc.control.bodies import applied, returning
from graphc.ir import dims
from graphc.ir.canonical import canonical_text
from graphc.ir.graph import Graph, extract, map_subgraphs, rewrite, topological, with_inputs
from graphc.ir.location import created_at
from graphc.ir.node import Node
from graphc.ir.opdef import holds_graphs
from graphc.ops import ops
from graphc.passes.cse import share
from graphc.passes.dce import drop_dead_code


def merge_loops(graph: Graph) -> Graph:
    """The graph with loops that go through the same states made one that leaves all they leave."""
    loops = [node for node in graph.nodes if _is_loop(node)]
    if not loops:
        return _inside(graph, merge_loops)
    return rewrite(graph, _Merging(loops).visit)


def _is_loop(node: Node) -> bool:
    return node.op.name in ("scan", "while_loop")


def _inside(graph: Graph, change: Any) -> Graph:
    if not any(holds_graphs(node.op) for node in graph.nodes):
        return graph
    return rewrite(graph, lambda node, inputs: map_subgraphs(with_inputs(node, inputs), change))


def _count(loop: Node) -> int:
    """The parts of a loop's state."""
    return int(loop.attrs["carries" if loop.op.name == "scan" else "states"])


class _Merging:
    """Puts the loops of each kind together when the first of them is met."""

    def __init__(self, loops: Sequence[Node]) -> None:
        self.groups: dict[Hashable, list[Node]] = {}
        self.made: dict[Hashable, Node] = {}
        self.known: dict[Node, Hashable] = {}
        alike: dict[Hashable, list[Node]] = {}
        for loop in loops:
            alike.setdefault(_begins(loop), []).append(loop)
        for begins, group in alike.items():
            for loop in group:
                turns = _turns(loop) if len(group) > 1 else ""
                self.known[loop] = begins, turns
                self.groups.setdefault((begins, turns), []).append(loop)

    def visit(self, node: Node, inputs: tuple[Node, ...]) -> Node:
        if node in self.known:
            return self._merged(node, inputs)
        if node.op is ops.item and node.inputs[0] in self.known:
            return self._item(node, inputs[0])
        node = with_inputs(node, inputs)
        return map_subgraphs(node, merge_loops) if holds_graphs(node.op) else node

    def _merged(self, loop: Node, inputs: tuple[Node, ...]) -> Node:
        key = self.known[loop]
        if key not in self.made:
            self.made[key] = self._make(loop, self.groups[key], inputs)
        return self.made[key]

    def _make(self, loop: Node, group: Sequence[Node], inputs: tuple[Node, ...]) -> Node:
        body: Graph = loop.attrs["body"]
        outputs = list(body.outputs)
        for other in group[1:]:
            outputs += _left(other, body)
        whole = body if len(group) == 1 else share(returning(body, outputs))
        attrs = {**loop.attrs, "body": whole}
        held = {
            name: merge_loops(value) if isinstance(value, Graph) else value
            for name, value in attrs.items()
        }
        if all(held[name] is loop.attrs[name] for name in held):
            return with_inputs(loop, inputs)
        with created_at(loop.location):
            return loop.op(*inputs, name=loop.name, **held)

    def _item(self, node: Node, loop: Node) -> Node:
        old, k = node.inputs[0], node.attrs["k"]
        count = _count(old)
        if k >= count:
            for other in self.groups[self.known[old]]:
                if other is old:
                    break
                k += len(other.attrs["body"].outputs) - _count(other)
        if loop is old and k == node.attrs["k"]:
            return node
        with created_at(node.location):
            return ops.item(loop, name=node.name, k=k)


def _left(loop: Node, body: Graph) -> list[Node]:
    """What a loop leaves row by row, as nodes of another body that does the same to the state."""
    own: Graph = loop.attrs["body"]
    rows = own.outputs[_count(loop) :]
    if own.placeholders == body.placeholders:
        return list(rows)
    return applied(returning(own, rows), body.placeholders)


def _begins(loop: Node) -> Hashable:
    """Equal for loops that begin alike."""
    others = tuple(
        (key, value) for key, value in loop.attrs.items() if not isinstance(value, Graph)
    )
    return loop.op.name, loop.inputs, others


def _turns(loop: Node) -> str:
    """Equal for loops whose turns do the same to the state."""
    body: Graph = loop.attrs["body"]
    texts = [canonical_text(returning(body, body.outputs[: _count(loop)]))]
    if "condition" in loop.attrs:
        texts.append(canonical_text(loop.attrs["condition"]))
    return "\n".join(texts)


def prune_loops(graph: Graph) -> Graph:
    """The graph with loops and branches that leave what is read, and take what that needs."""
    if not any(holds_graphs(node.op) for node in graph.nodes):
        return graph
    used: dict[Node, set[int]] = {}
    for node in graph.nodes:
        if node.op is ops.item:
            used.setdefault(node.inputs[0], set()).add(node.attrs["k"])
    return drop_dead_code(rewrite(graph, _Pruning(used).visit))


class _Pruning:
    def __init__(self, used: Mapping[Node, set[int]]) -> None:
        self.used = used
        self.kept: dict[Node, list[int]] = {}

    def visit(self, node: Node, inputs: tuple[Node, ...]) -> Node:
        if node.op is ops.item and node.inputs[0] in self.kept:
            k = self.kept[node.inputs[0]].index(node.attrs["k"])
            if inputs[0] is node.inputs[0] and k == node.attrs["k"]:
                return node
            with created_at(node.location):
                return ops.item(inputs[0], name=node.name, k=k)
        node_now = with_inputs(node, inputs)
        if not holds_graphs(node.op) or node not in self.used:
            return node_now
        node_now = map_subgraphs(node_now, lambda inner: drop_dead_code(inner))
        form = _Cond if node.op.name == "cond" else _Scan if node.op.name == "scan" else _While
        pruned, self.kept[node] = form(node_now, self.used[node]).pruned()
        return map_subgraphs(pruned, prune_loops)


@dataclass
class _Form:
    """An op that holds graphs, and the numbers of its results that are read."""

    node: Node
    used: set[int]

    def pruned(self) -> tuple[Node, list[int]]:
        """The op with what is needed, and the numbers of the results that it has left."""
        raise NotImplementedError

    def remade(self, inputs: Iterable[Node], **attrs: Any) -> Node:
        new = {**self.node.attrs, **attrs}
        with created_at(self.node.location):
            return self.node.op(*inputs, name=self.node.name, **new)


def _read(graph: Graph, outputs: Iterable[int]) -> set[int]:
    """The numbers of the placeholders on which outputs depend."""
    reached = set(topological([graph.outputs[k] for k in outputs]))
    return {k for k, place in enumerate(graph.placeholders) if place in reached}


def _with(graph: Graph, places: Sequence[int], outputs: Sequence[int]) -> Graph:
    """The graph with some of its placeholders and outputs."""
    return extract(
        graph.name,
        [graph.outputs[k] for k in outputs],
        inputs=[graph.placeholders[k] for k in places],
    )


class _Cond(_Form):
    def pruned(self) -> tuple[Node, list[int]]:
        then, otherwise = self.node.attrs["then"], self.node.attrs["otherwise"]
        outputs = sorted(self.used)
        places = sorted(_read(then, outputs) | _read(otherwise, outputs))
        if len(outputs) == len(then.outputs) and len(places) == len(then.placeholders):
            return self.node, outputs
        pred, *operands = self.node.inputs
        return self.remade(
            [pred, *(operands[k] for k in places)],
            then=_with(then, places, outputs),
            otherwise=_with(otherwise, places, outputs),
        ), outputs


class _Loop(_Form):
    carries: int

    def needed(self, graphs: Sequence[Graph]) -> tuple[list[int], list[int]]:
        """Numbers of placeholders and of outputs that are needed; `graphs` need all they read."""
        body: Graph = self.node.attrs["body"]
        outputs = set(self.used)
        places: set[int] = set()
        for graph in graphs:
            places |= _read(graph, range(len(graph.outputs)))
        while True:
            outputs |= {k for k in places if k < self.carries}
            found = places | _read(body, outputs) | {k for k in outputs if k < self.carries}
            if found == places:
                return sorted(places), sorted(outputs)
            places = found


class _Scan(_Loop):
    def pruned(self) -> tuple[Node, list[int]]:
        attrs = self.node.attrs
        body, self.carries, count = attrs["body"], attrs["carries"], attrs["xs"]
        places, outputs = self.needed(())
        rows = range(self.carries, self.carries + count)
        if any(map(dims.is_found, attrs["length"])) and not any(k in rows for k in places):
            places = sorted((*places, rows[0]))  # it tells the length
        if len(outputs) == len(body.outputs) and len(places) == len(body.placeholders):
            return self.node, outputs
        return self.remade(
            [self.node.inputs[k] for k in places],
            body=_with(body, places, outputs),
            carries=sum(k < self.carries for k in places),
            xs=sum(k in rows for k in places),
        ), outputs


class _While(_Loop):
    def pruned(self) -> tuple[Node, list[int]]:
        attrs = self.node.attrs
        body, test, self.carries = attrs["body"], attrs["condition"], attrs["states"]
        places, outputs = self.needed([test])
        if len(outputs) == len(body.outputs) and len(places) == len(body.placeholders):
            return self.node, outputs
        return self.remade(
            [self.node.inputs[k] for k in places],
            condition=_with(test, places, [0]),
            body=_with(body, places, outputs),
            states=sum(k < self.carries for k in places),
        ), outputs
