"""Loops and branches with no more than is needed of them.

Differentiating a loop makes another one that does the same and records a tape besides; both are
one loop in the end. What nothing reads of a loop's results is not computed, nor what only that
would need.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
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
    """The graph with loops and branches that leave what is read, and take what that needs.

    What one of them takes no more, another one before it need not leave: so until nothing changes.
    """
    if not any(node.op.name in _PRUNED for node in graph.nodes):
        return graph
    while True:
        pruned = _pruned_once(graph)
        if pruned is graph:
            return graph
        graph = pruned


def _pruned_once(graph: Graph) -> Graph:
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
        if node.op.name not in _PRUNED or node not in self.used:
            return node_now
        node_now = map_subgraphs(node_now, drop_dead_code)
        pruned, self.kept[node] = _PRUNED[node.op.name](node_now, self.used[node])
        return map_subgraphs(pruned, prune_loops)


def _remade(node: Node, inputs: Iterable[Node], **attrs: Any) -> Node:
    """The node with other inputs and attributes."""
    with created_at(node.location):
        return node.op(*inputs, name=node.name, **{**node.attrs, **attrs})


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


#: An op with what is needed, and the numbers of the results that it has left.
Pruned = tuple[Node, list[int]]


def _pruned_cond(node: Node, used: set[int]) -> Pruned:
    then, otherwise = node.attrs["then"], node.attrs["otherwise"]
    outputs = sorted(used)
    places = sorted(_read(then, outputs) | _read(otherwise, outputs))
    if len(outputs) == len(then.outputs) and len(places) == len(then.placeholders):
        return node, outputs
    pred, *operands = node.inputs
    graphs = {key: _with(node.attrs[key], places, outputs) for key in ("then", "otherwise")}
    return _remade(node, [pred, *(operands[k] for k in places)], **graphs), outputs


def _needed(loop: Node, used: set[int], places: set[int]) -> tuple[list[int], list[int]]:
    """The numbers of a body's placeholders and outputs that are needed, given some of both."""
    body, carries = loop.attrs["body"], _count(loop)
    outputs = set(used)
    while True:
        outputs |= {k for k in places if k < carries}
        found = places | _read(body, outputs) | {k for k in outputs if k < carries}
        if found == places:
            return sorted(places), sorted(outputs)
        places = found


def _is_whole(loop: Node, places: list[int], outputs: list[int]) -> bool:
    body = loop.attrs["body"]
    return len(outputs) == len(body.outputs) and len(places) == len(body.placeholders)


def _pruned_scan(loop: Node, used: set[int]) -> Pruned:
    attrs, carries = loop.attrs, _count(loop)
    places, outputs = _needed(loop, used, set())
    rows = range(carries, carries + attrs["xs"])
    if any(map(dims.is_found, attrs["length"])) and not any(k in rows for k in places):
        places = sorted((*places, rows[0]))  # it tells the length
    if _is_whole(loop, places, outputs):
        return loop, outputs
    return _remade(
        loop, [loop.inputs[k] for k in places], body=_with(attrs["body"], places, outputs),
        carries=sum(k < carries for k in places), xs=sum(k in rows for k in places),
    ), outputs  # fmt: skip


def _pruned_while(loop: Node, used: set[int]) -> Pruned:
    attrs, states = loop.attrs, _count(loop)
    places, outputs = _needed(loop, used, _read(attrs["condition"], [0]))
    if _is_whole(loop, places, outputs):
        return loop, outputs
    return _remade(
        loop, [loop.inputs[k] for k in places], body=_with(attrs["body"], places, outputs),
        condition=_with(attrs["condition"], places, [0]),
        states=sum(k < states for k in places),
    ), outputs  # fmt: skip


_PRUNED: Mapping[str, Callable[[Node, set[int]], Pruned]] = {
    "cond": _pruned_cond, "scan": _pruned_scan, "while_loop": _pruned_while,
}  # fmt: skip
