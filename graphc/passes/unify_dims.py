"""Dims that guards make equal become one dim, in every type and every attribute.

What relies on equal dims to be recognised (fusion, equal shapes, known sizes) need not know of
guards afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from graphc.errors import DimError
from graphc.ir.dims import Guard
from graphc.ir.graph import Graph, map_subgraphs, with_inputs
from graphc.ir.guards import Equalities
from graphc.ir.node import Node
from graphc.ir.opdef import AttrKind
from graphc.ir.types import Type


def unify_dims(graph: Graph) -> Graph:
    """The graph with every dim in the normal form that its guards give it.

    Placeholders and variables whose types change are new nodes in the same places and under the
    same names. The guards stay as they are: they are checked when the graph is fed, and tell the
    user which sizes differ. A graph whose guards can never hold stays as it is, for them to say.
    """
    return _unified(graph, ())


def _unified(graph: Graph, outer: tuple[Guard, ...]) -> Graph:
    guards = (*outer, *graph.guards)
    try:
        known = Equalities(guards)
        return graph if known.impossible else _Unifier(known, guards).rewritten(graph)
    except DimError:  # the guards make some dim a division by zero
        return graph


class _Unifier:
    def __init__(self, known: Equalities, guards: tuple[Guard, ...]) -> None:
        self.known = known
        self.guards = guards
        self.types: dict[Type, Type] = {}

    def rewritten(self, graph: Graph) -> Graph:
        new: dict[Node, Node] = {}
        for node in graph.nodes:
            inputs = tuple([new[operand] for operand in node.inputs])
            inside = map_subgraphs(node, lambda inner: _unified(inner, self.guards))
            new[node] = self.node(with_inputs(inside, inputs))
        if all(old is node for old, node in new.items()):
            return graph
        return replace(
            graph,
            placeholders=tuple(new[node] for node in graph.placeholders),
            variables=tuple(new[node] for node in graph.variables),
            nodes=tuple(new[node] for node in graph.nodes),
            outputs=tuple(new[node] for node in graph.outputs),
            updates=tuple((new[variable], new[value]) for variable, value in graph.updates),
        )

    def node(self, node: Node) -> Node:
        """The node with its type, dims in attributes and guards in normal form."""
        type_ = self.type(node.type)
        attrs = self.attrs(node)
        guards = self.node_guards(node.guards)
        if type_ == node.type and attrs is node.attrs and guards == node.guards:
            return node
        return replace(node, type=type_, attrs=attrs, guards=guards)

    def type(self, type_: Type) -> Type:
        if type_ not in self.types:
            self.types[type_] = self.known.normal_type(type_)
        return self.types[type_]

    def attrs(self, node: Node) -> Mapping[str, Any]:
        changed: dict[str, Any] = {}
        for key, kind in node.op.attrs.items():
            if kind is AttrKind.SHAPE:
                shape = self.known.normal_shape(node.attrs[key])
                if shape != node.attrs[key]:
                    changed[key] = shape
        return MappingProxyType({**node.attrs, **changed}) if changed else node.attrs

    def node_guards(self, guards: tuple[Guard, ...]) -> tuple[Guard, ...]:
        """The guards in normal form, without those that have become trivial."""
        normal = (Guard(self.known.normal(g.left), self.known.normal(g.right)) for g in guards)
        return tuple(dict.fromkeys(guard for guard in normal if guard.left != guard.right))
