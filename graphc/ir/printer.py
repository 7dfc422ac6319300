"""Graphs as text: `print_graph` writes what `parse_graph` reads."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from graphc.errors import GraphError
from graphc.ir.array_text import Array, content_name, is_inline
from graphc.ir.attr_text import attribute_text, quoted
from graphc.ir.graph import PLACEHOLDER, Graph
from graphc.ir.node import Node
from graphc.ir.opdef import AttrKind

#: A name that needs no quotes. Digits alone are a number that the printer gave.
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:[./-][A-Za-z0-9_]+)*")
#: What an input's declaration leaves out when it is so.
USUAL_ATTRS = {"trainable": True}
#: Attributes that an input's type shows.
TYPE_ATTRS = ("shape", "dtype")

_WIDTH = 100
_LOCATION_COLUMN = 48


def print_graph(graph: Graph, *, locations: bool = True) -> str:
    """The graph in the text form.

    Nodes stand in the graph's order; a node without a name gets a number, and names that are
    taken get a suffix. Arrays of more than 16 elements stand as references, to be found in
    `large_constants`. With `locations`, comments tell where nodes were created.
    """
    return _graph_text(graph, 0, locations)


def large_constants(graph: Graph) -> dict[str, Array]:
    """The arrays that the text refers to by name, those in subgraphs included."""
    found: dict[str, Array] = {}
    for array in _arrays(graph):
        if not is_inline(array):
            name = content_name(array)
            other = found.setdefault(name, array)
            if other is not array and other.tobytes() != array.tobytes():
                raise GraphError(f"two constants of the graph {graph.name} share the name {name}")
    return found


class _Names(dict[Node, str]):
    def __missing__(self, node: Node) -> str:
        return "%?"


def value_names(graph: Graph) -> dict[Node, str]:
    """How the text refers to every node of the graph, `%` and quotes included.

    Asked about a node that is not in the graph, the mapping answers `%?`, so that a graph that a
    pass has broken can still be printed.
    """
    given = {node.name for node in graph.nodes}
    used: set[str] = set()
    suffixes: dict[str, int] = {}
    names = _Names()
    numbered = 0
    for node in dict.fromkeys(graph.nodes):
        if not node.name:
            names[node] = f"%{numbered}"
            numbered += 1
            continue
        name = node.name
        while name in used:
            suffixes[node.name] = suffixes.get(node.name, 0) + 1
            name = f"{node.name}_{suffixes[node.name]}"
            if name in given:
                name = node.name  # taken by a node that bears this name itself: try the next
        used.add(name)
        names[node] = f"%{_name_text(name)}"
    return names


def _arrays(graph: Graph) -> Iterator[Array]:
    pending = [graph]
    while pending:
        for node in pending.pop().nodes:
            for key, kind in node.op.attrs.items():
                if kind is AttrKind.ARRAY:
                    yield node.attrs[key]
                elif kind is AttrKind.GRAPH:
                    pending.append(node.attrs[key])


def _name_text(name: str) -> str:
    return name if NAME.fullmatch(name) else quoted(name)


def _graph_text(graph: Graph, indent: int, locations: bool, before: str = "") -> str:
    """The graph behind what stands before it on its first line."""
    names = value_names(graph)
    margin = " " * (indent + 2)
    inputs = {*graph.placeholders, *graph.variables}
    lines = [before + _header(graph, names, indent, locations, len(before))]
    for node in graph.nodes:
        if node not in inputs:
            lines.append(statement(node, names, indent=indent + 2, locations=locations))
    for variable, value in graph.updates:
        lines.append(f"{margin}update {names[variable]} = {names[value]}")
    returned = ", ".join(names[node] for node in graph.outputs)
    lines.append(f"{margin}return {returned}".rstrip())
    lines.append(" " * indent + "}")
    return "\n".join(lines)


def _header(graph: Graph, names: dict[Node, str], indent: int, locations: bool, before: int) -> str:
    nodes = (*graph.placeholders, *graph.variables)
    inputs = [_input_text(node, names[node]) for node in nodes]
    start, end = f"graph @{_name_text(graph.name)}(", f") -> {_results(graph)} {{"
    if graph.guards:
        end = f"{end[:-1]}where {', '.join(map(str, graph.guards))} {{"
    line = start + ", ".join(inputs) + end
    if before + len(line) <= _WIDTH or not inputs:
        return line
    margin = " " * (indent + 2)
    rows = [f"{margin}{text}," for text in inputs[:-1]] + [margin + inputs[-1]]
    placed = [_with_location(row, node, locations) for row, node in zip(rows, nodes, strict=True)]
    return "\n".join([start, *placed, " " * indent + end])


def _results(graph: Graph) -> str:
    types = [str(node.type) for node in graph.outputs]
    return types[0] if len(types) == 1 and types[0][0] != "(" else f"({', '.join(types)})"


def _input_text(node: Node, name: str) -> str:
    unusual = ", ".join(
        f"{key}={attribute_text(kind, node.attrs[key], node.type)}"
        for key, kind in node.op.attrs.items()
        if key not in TYPE_ATTRS and node.attrs[key] != USUAL_ATTRS.get(key)
    )
    word = f"{node.op.name}({unusual}) " if unusual else f"{node.op.name} "
    if node.op.name == PLACEHOLDER and not unusual:
        word = ""
    return f"{word}{name}: {node.type}"


def statement(
    node: Node, names: Mapping[Node, str], *, indent: int = 0, locations: bool = True
) -> str:
    """The line of one node (several, if it holds subgraphs), given the names of the graph's."""
    text = " " * indent + _node_text(node, names, indent, locations)
    return _with_location(text, node, locations)


def _node_text(node: Node, names: Mapping[Node, str], indent: int, locations: bool) -> str:
    args = [names[operand] for operand in node.inputs]
    graphs: dict[str, Graph] = {}
    for key, kind in node.op.attrs.items():
        value = node.attrs[key]
        if kind is AttrKind.GRAPH:
            graphs[key] = value
        else:
            args.append(f"{key}={attribute_text(kind, value, node.type)}")
    head = f"{names[node]}: {node.type} = {node.op.name}("
    if not graphs:
        return f"{head}{', '.join(args)})"
    margin = " " * (indent + 2)
    parts = [margin + line for line in _filled(args, _WIDTH - len(margin))]
    parts += [
        _graph_text(inner, indent + 2, locations, f"{margin}{key}=")
        for key, inner in graphs.items()
    ]
    return "\n".join([head, ",\n".join(parts), " " * indent + ")"])


def _filled(texts: Sequence[str], width: int) -> list[str]:
    """The texts with commas between them, in lines as full as can be."""
    lines: list[str] = []
    for text in texts:
        if lines and len(lines[-1]) + len(text) + 3 <= width:  # with a comma at the end
            lines[-1] += f", {text}"
        else:
            lines.append(text)
    return lines


def _with_location(text: str, node: Node, locations: bool) -> str:
    if not locations or node.location is None:
        return text
    last = len(text) - (text.rfind("\n") + 1)
    return f"{text}{' ' * max(2, _LOCATION_COLUMN - last)}// {node.location}"
