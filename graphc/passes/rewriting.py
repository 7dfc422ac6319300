"""The walk that every rewriting pass is made of: from inputs to outputs, node by node.

Each node is rewritten until nothing applies, with inputs that are final already, and shared with
an equal one met before. So one walk reaches the joint fixed point of all its rewrites, and CSE is
the walk that has none.

What becomes of a node follows from the node and what it reads, never from what reads it or what
else is in the graph: fetching more can't change a bit.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, replace
from typing import Protocol

from graphc.errors import CompileError
from graphc.ir.dims import Guard
from graphc.ir.graph import (
    CONSTANT,
    PLACEHOLDER,
    VARIABLE,
    Graph,
    map_subgraphs,
    rewrite,
    with_inputs,
)
from graphc.ir.guards import Equalities
from graphc.ir.location import created_at
from graphc.ir.node import Node
from graphc.ir.opdef import OpDef, holds_graphs, node_key

#: More steps than this at one node mean that rules undo each other.
MOST_STEPS = 200
#: Constants of more bytes are taken as equal only if they are one array: comparing costs time.
MOST_COMPARED_BYTES = 1 << 16


class Rewrite(Protocol):
    """Something better to put in a node's place, for some nodes of some ops.

    The result has the node's type and value; it may be one of its inputs, or built of them.
    """

    @property
    def name(self) -> str: ...

    def concerns(self, op: OpDef) -> bool:
        """Whether the rewrite is to be tried on nodes of the op."""
        ...

    def apply(self, node: Node) -> Node | None:
        """The better node, or None where the rewrite does not apply."""
        ...


@dataclass(frozen=True)
class NodeRule:
    """A rewrite written as a function, for the ops whose attributes it has to look at."""

    ops: tuple[str, ...]
    function: Callable[[Node], Node | None]

    @property
    def name(self) -> str:
        return self.function.__name__

    @property
    def note(self) -> str:
        """What it does, in words."""
        return (self.function.__doc__ or "").strip()

    def concerns(self, op: OpDef) -> bool:
        return op.name in self.ops

    def apply(self, node: Node) -> Node | None:
        return self.function(node)


class Rewrites:
    """Rewrites in the order in which they are tried, found by op."""

    def __init__(self, *groups: Iterable[Rewrite]) -> None:
        self._all = [rule for group in groups for rule in group]
        self._by_op: dict[OpDef, tuple[Rewrite, ...]] = {}

    def of(self, op: OpDef) -> tuple[Rewrite, ...]:
        """Those that concern the op."""
        if op not in self._by_op:
            self._by_op[op] = tuple(rule for rule in self._all if rule.concerns(op))
        return self._by_op[op]


def rewrite_graph(graph: Graph, rewrites: Rewrites) -> Graph:
    """The graph with the rewrites applied everywhere, subgraphs included; itself if none does."""
    walk = _Walk(rewrites)
    return rewrite(graph, walk.visit)


def value_key(node: Node) -> Hashable:
    """Equal for two nodes that compute the same; operands that commute count in any order."""
    if node.op.name == CONSTANT:
        value = node.attrs["value"]
        if value.nbytes > MOST_COMPARED_BYTES:
            return CONSTANT, id(value)
    if node.op.commutative:
        return node_key(node, sorted(node.inputs, key=id))
    return node_key(node, node.inputs)


class _Walk:
    def __init__(self, rewrites: Rewrites) -> None:
        self.rewrites = rewrites
        self.final: dict[Hashable, Node] = {}
        self.settled: set[Node] = set()

    def visit(self, node: Node, inputs: tuple[Node, ...]) -> Node:
        """What becomes of a node of the graph whose inputs have become these."""
        node = with_inputs(node, inputs)
        if holds_graphs(node.op):
            node = map_subgraphs(node, self._inside)
        return self._settle(node, 0)

    def _inside(self, graph: Graph) -> Graph:
        return rewrite_graph(graph, self.rewrites)

    def _settle(self, node: Node, steps: int) -> Node:
        if node in self.settled:
            return node
        if node.op.name in (PLACEHOLDER, VARIABLE):
            self.settled.add(node)
            return node
        key = value_key(node)
        found = self.final.get(key)
        if found is None:
            better = self._improve(node)
            found = node if better is None else self._settle_new(better, node, steps + 1)
            self.final[key] = found
            self.settled.add(found)
        return found

    def _settle_new(self, node: Node, origin: Node, steps: int) -> Node:
        """The same for a node that a rewrite has made, and for those under it that are new."""
        if node in self.settled:
            return node
        if steps > MOST_STEPS:
            raise CompileError("rewrite rules undo each other", op=node.op.name)
        inputs = tuple(self._settle_new(operand, origin, steps) for operand in node.inputs)
        node = with_inputs(node, inputs)
        if origin.location is None and node.location is not None:
            node = replace(node, location=None)  # else it would point at who runs the pass
        return self._settle(node, steps)

    def _improve(self, node: Node) -> Node | None:
        candidates = self.rewrites.of(node.op)
        if not candidates:
            return None
        with created_at(node.location):
            for candidate in candidates:
                better = candidate.apply(node)
                if better is not None:
                    better = self._fitted(better, node)
                if better is not None:
                    return better
        return None

    def _fitted(self, better: Node, node: Node) -> Node | None:
        """The replacement under the node's name and exact type; None if it asks for more.

        Only the guards of the nodes replaced may be relied on: those of the graph depend on what
        else is fetched.
        """
        is_new = better not in self.settled
        asked = [guard for made in self._made(better) for guard in made.guards]
        if asked or better.type != node.type:
            known = Equalities(_own_guards(node))
            same = better.type == node.type or (is_new and known.same_type(better.type, node.type))
            if not same or not all(map(known.implies, asked)):
                return None
        if is_new and (better.type != node.type or (node.name and not better.name)):
            better = replace(better, type=node.type, name=better.name or node.name)
        return better

    def _made(self, node: Node) -> Iterable[Node]:
        """The nodes of a replacement that are new."""
        if node not in self.settled:
            yield node
            for operand in node.inputs:
                yield from self._made(operand)


def _own_guards(node: Node) -> Iterable[Guard]:
    """The guards of a node and of what a pattern may have matched under it."""
    nodes = [node, *node.inputs]
    nodes += [deeper for operand in node.inputs for deeper in operand.inputs]
    return dict.fromkeys(guard for made in nodes for guard in made.guards)
