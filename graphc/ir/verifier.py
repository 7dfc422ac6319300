"""The invariants of the intermediate form, checked: what every pass may rely on and must keep."""

from __future__ import annotations

import reprlib
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import chain
from typing import Any, NoReturn

import numpy as np

from graphc.errors import GraphcError, VerificationError
from graphc.ir.dims import Dim, Guard
from graphc.ir.dtypes import DType
from graphc.ir.graph import PLACEHOLDER, VARIABLE, Graph, subgraphs
from graphc.ir.guards import Equalities
from graphc.ir.inference import Inference
from graphc.ir.node import Node
from graphc.ir.opdef import AttrKind
from graphc.ir.printer import value_names
from graphc.ir.types import Type

_SHOWN_OPERANDS = 4


def verify(graph: Graph) -> None:
    """Raise VerificationError, naming the node concerned, unless the graph is well formed.

    Nodes: each once, inputs before users; placeholders and variables as listed, their names
    unique; arity and attributes as the op declares; types as its rule infers them, up to the
    graph's guards; every guard that a node relies on implied by the graph's. Updates: of
    variables, each at most once, by values of their type. Subgraphs: the same, without variables
    and updates, relying on no guard beyond those of the graph around them. Takes linear time.
    """
    _Verifier(graph).check()


class _Verifier:
    """Checks one graph; `holder` is the node that holds it in an attribute, and its verifier."""

    def __init__(self, graph: Graph, holder: tuple[_Verifier, Node, str] | None = None) -> None:
        self.graph = graph
        self.holder = holder
        self.guards: tuple[Guard, ...] = (*(holder[0].guards if holder else ()), *graph.guards)
        self.equalities = Equalities(self.guards)

    def check(self) -> None:
        self.check_order()
        self.check_inputs(PLACEHOLDER, self.graph.placeholders)
        self.check_inputs(VARIABLE, self.graph.variables)
        self.check_names()
        self.check_roots()
        self.check_updates()
        for node in self.graph.nodes:
            self.check_attributes(node)
            self.check_subgraphs(node)
            self.check_type(node)

    def check_order(self) -> None:
        nodes = set(self.graph.nodes)
        if len(nodes) < len(self.graph.nodes):
            twice = next(node for node, times in Counter(self.graph.nodes).items() if times > 1)
            self.fail(twice, "is listed twice in nodes")
        seen: set[Node] = set()
        for node in self.graph.nodes:
            if not seen.issuperset(node.inputs):
                self.fail_order(node, seen, nodes)
            seen.add(node)

    def fail_order(self, node: Node, seen: set[Node], nodes: set[Node]) -> NoReturn:
        operand = next(operand for operand in node.inputs if operand not in seen)
        if operand not in nodes:
            self.fail(node, f"reads {operand!r}, which is not in the graph")
        names = value_names(self.graph)
        path = _path_of_reads(operand, node)
        if path:
            cycle = " -> ".join(names[step] for step in (node, *path))
            self.fail(node, f"is part of a cycle of reads: {cycle}")
        self.fail(node, f"reads {names[operand]}, which comes after it")

    def check_inputs(self, op: str, listed: tuple[Node, ...]) -> None:
        present = {node for node in self.graph.nodes if node.op.name == op}
        for node in present.difference(listed):
            self.fail(node, f"is not listed among the graph's {op}s")
        for node in listed:
            if node.op.name != op:
                self.fail(node, f"is listed among the graph's {op}s")
            if node not in present:
                self.fail(node, f"is listed among the graph's {op}s, but not in nodes")
        if len(listed) > len(present):
            self.fail_graph(f"a {op} is listed twice among its {op}s")

    def check_names(self) -> None:
        bearers: dict[str, Node] = {}
        for node in chain(self.graph.placeholders, self.graph.variables):
            if node.name and bearers.setdefault(node.name, node) is not node:
                self.fail(node, f"the name {node.name} is taken by another input")

    def check_roots(self) -> None:
        nodes = set(self.graph.nodes)
        for k, node in enumerate(self.graph.outputs):
            if node not in nodes:
                self.fail_graph(f"output {k}, {node!r}, is not in the graph")
        for node in chain.from_iterable(self.graph.updates):
            if node not in nodes:
                self.fail_graph(f"an update uses {node!r}, which is not in the graph")

    def check_updates(self) -> None:
        if self.holder and (self.graph.updates or self.graph.variables):
            self.fail_graph("a subgraph can hold neither variables nor updates")
        updated: set[Node] = set()
        for variable, value in self.graph.updates:
            if variable.op.name != VARIABLE:
                self.fail(variable, "is updated, but it is not a variable")
            if variable in updated:
                self.fail(variable, "is updated twice")
            updated.add(variable)
            if not self.equalities.same_type(variable.type, value.type):
                self.fail(value, f"updates a variable of type {variable.type} by {value.type}")

    def check_attributes(self, node: Node) -> None:
        declared = node.op.attrs
        if node.op.arity is not None and len(node.inputs) != node.op.arity:
            self.fail(node, f"has {len(node.inputs)} inputs, but the op takes {node.op.arity}")
        for key in node.attrs:
            if key not in declared:
                self.fail(node, f"the op has no attribute {key}")
        for key, kind in declared.items():
            if key not in node.attrs:
                self.fail(node, f"lacks the attribute {key}")
            if not _IS_OF_KIND[kind](node.attrs[key]):
                value = reprlib.repr(node.attrs[key])
                self.fail(node, f"the attribute {key} must be {_A[kind]}, not {value}")

    def check_type(self, node: Node) -> None:
        types = tuple(operand.type for operand in node.inputs)
        inference = Inference(node.op.name, types, node.attrs, node.location)
        try:
            inferred = node.op.infer(inference)
        except GraphcError as error:
            self.fail(node, f"the type rule refuses it: {error.message}", error)
        if not self.is_same_type(node, inferred):
            self.fail(node, f"has the type {node.type}, but the type rule gives {inferred}")
        self.check_guards(node, chain(inference.guards, node.guards))

    def is_same_type(self, node: Node, inferred: Type) -> bool:
        if node.op.name in (PLACEHOLDER, VARIABLE):  # what is fed is as declared, guards or not
            return node.type == inferred
        return self.equalities.same_type(node.type, inferred)

    def check_guards(self, node: Node, guards: Iterable[Guard]) -> None:
        for guard in guards:
            if not self.equalities.implies(guard):
                self.fail(node, f"relies on {guard}, which the graph's guards do not imply")

    def check_subgraphs(self, node: Node) -> None:
        for key, inner in subgraphs(node):
            self.check_guards(node, inner.guards)
            _Verifier(inner, (self, node, key)).check()

    def where(self) -> str:
        """Which subgraph this is, to begin messages with."""
        if self.holder is None:
            return ""
        outer, node, key = self.holder
        return f"{outer.where()}in {key} of {outer.text(node)}: "

    def text(self, node: Node) -> str:
        """The node as `%5 = add(%x, %4)`."""
        names = value_names(self.graph)
        operands = [names[operand] for operand in node.inputs[:_SHOWN_OPERANDS]]
        operands += ["..."] * (len(node.inputs) > _SHOWN_OPERANDS)
        return f"{names[node]} = {node.op.name}({', '.join(operands)})"

    def fail(self, node: Node, problem: str, cause: Exception | None = None) -> NoReturn:
        message = f"{self.where()}{self.text(node)}: {problem}"
        raise VerificationError(message, location=node.location) from cause

    def fail_graph(self, problem: str) -> NoReturn:
        raise VerificationError(f"{self.where()}graph @{self.graph.name}: {problem}")


def _path_of_reads(start: Node, goal: Node) -> list[Node]:
    """Nodes from `start` to `goal`, each reading the next; empty if there is no such path."""
    came_from: dict[Node, Node | None] = {start: None}
    pending = [start]
    while pending:
        node = pending.pop()
        if node is goal:
            path: list[Node] = []
            step: Node | None = node
            while step is not None:
                path.append(step)
                step = came_from[step]
            return path[::-1]
        for operand in node.inputs:
            if operand not in came_from:
                came_from[operand] = node
                pending.append(operand)
    return []


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_size(value: Any) -> bool:
    return _is_int(value) or isinstance(value, Dim)


_IS_OF_KIND: dict[AttrKind, Callable[[Any], bool]] = {
    AttrKind.BOOL: lambda value: isinstance(value, bool),
    AttrKind.INT: _is_int,
    AttrKind.INTS: lambda value: isinstance(value, tuple) and all(map(_is_int, value)),
    AttrKind.FLOAT: lambda value: isinstance(value, float),
    AttrKind.TEXT: lambda value: isinstance(value, str),
    AttrKind.DTYPE: lambda value: isinstance(value, DType),
    AttrKind.SHAPE: lambda value: isinstance(value, tuple) and all(map(_is_size, value)),
    AttrKind.ARRAY: lambda value: isinstance(value, np.ndarray),
    AttrKind.GRAPH: lambda value: isinstance(value, Graph),
}
_A: dict[AttrKind, str] = {
    AttrKind.BOOL: "a bool",
    AttrKind.INT: "an int",
    AttrKind.INTS: "a tuple of ints",
    AttrKind.FLOAT: "a float",
    AttrKind.TEXT: "a text",
    AttrKind.DTYPE: "a dtype",
    AttrKind.SHAPE: "a tuple of dims",
    AttrKind.ARRAY: "an array",
    AttrKind.GRAPH: "a graph",
}
