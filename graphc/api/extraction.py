"""What a program needs of the graph it is taken from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from graphc.api.updates import Assignment
from graphc.errors import AssignmentError, FetchError
from graphc.ir import dims
from graphc.ir.dims import Dim, Size
from graphc.ir.graph import PLACEHOLDER, subgraphs, topological
from graphc.ir.node import Node
from graphc.ir.opdef import AttrKind, holds_graphs
from graphc.ir.types import TensorType


def distinct(updates: Sequence[Assignment]) -> list[Assignment]:
    """The assignments, each once; AssignmentError for two of them to one variable."""
    found: dict[Node, Assignment] = {}
    for update in updates:
        other = found.setdefault(update.variable.node, update)
        if other is not update:
            raise AssignmentError(
                f"{update.variable!r} is assigned twice in one run: "
                f"at {other.location} and at {update.location}",
                op="assign",
                location=update.location,
            )
    return list(found.values())


def inputs_for(roots: Sequence[Node], declared: Sequence[Node]) -> list[Node]:
    """The placeholders and variables that the roots read or that tell a dim's size.

    A size can be needed of an input that is not read otherwise, as by zeros of its shape.
    """
    nodes = topological(roots)
    reached = set(nodes)
    read = [node for node in declared if node in reached]
    missing = set[str]().union(*map(_symbols, nodes)).difference(*map(_told, read))
    for node in declared:
        if not missing:
            break
        if node not in reached and missing & _told(node):
            reached.add(node)
            missing -= _told(node)
    return [node for node in declared if node in reached]


def check_no_parameters(roots: Sequence[Node], declared: Sequence[Node]) -> None:
    """FetchError if a root depends on a value that exists only inside of a loop or branch."""
    known = set(declared)
    for node in topological(roots):
        if node.op.name == PLACEHOLDER and node not in known:
            raise FetchError(
                f"a value of type {node.type} exists only inside of the function that it was given "
                "to; return from the function what is used outside of it",
                location=node.location,
            )


def _symbols(node: Node) -> set[str]:
    """The names of the dims that computing the node takes."""
    symbolic = [size for size in _sizes(node) if isinstance(size, Dim)]
    return set().union(*map(dims.symbols, symbolic)) if symbolic else set()


def _sizes(node: Node) -> Iterator[Size]:
    for _, inner in subgraphs(node) if holds_graphs(node.op) else ():
        for held in inner.nodes:
            yield from _sizes(held)
    types = (node.type,) if isinstance(node.type, TensorType) else node.type.elements
    for type_ in types:
        yield from type_.shape
    for key, kind in node.op.attrs.items():
        if kind is AttrKind.SHAPE:
            yield from node.attrs[key]


def _told(node: Node) -> set[str]:
    """The names of the dims that stand alone in the node's shape."""
    return {
        str(size)
        for size in node.shape
        if isinstance(size, Dim) and dims.symbols(size) == {str(size)}
    }
