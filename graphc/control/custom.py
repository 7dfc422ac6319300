"""`custom_gradient`: a function that says itself what its derivatives are.

The op holds three graphs: the function, and what makes cotangents of its arguments, or tangents of
its results. One of the two may be missing: each is linear in what it is given, and the transpose
of the other, which reverse accumulation finds. The compiler writes the function out where it
stands; only derivatives see the op.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphc.autodiff.reverse import cotangents, has_floats
from graphc.control.bodies import Body, applied, results
from graphc.control.typing import check_body, types_of
from graphc.ir.dims import Size
from graphc.ir.dtypes import ALL
from graphc.ir.graph import Graph, extract
from graphc.ir.inference import Inference
from graphc.ir.node import Node
from graphc.ir.opdef import Array, AttrKind, Batched, Kind, OpDef, declare
from graphc.ir.types import TupleType
from graphc.ops.declaring import all_batched, attr, zeros_like
from graphc.ops.vectorization import batched_graph

_RULES = ("function", "vjp", "jvp")


def missing(name: str) -> Body:
    """Stands for a rule that is not given."""
    return Body(extract(name, []), ())


def with_rules(arguments: Sequence[Node], function: Body, vjp: Body, jvp: Body) -> Node:
    """The function of the arguments.

    The graph of the vjp takes the arguments, the results, and a cotangent for each result that is
    floating point; it returns one for each such argument. That of the jvp takes tangents of those
    arguments, and returns tangents of those results.
    """
    bodies = (function, vjp, jvp)
    return custom_gradient(
        *arguments,
        *(node for body in bodies for node in body.captures),
        function=function.graph,
        vjp=vjp.graph,
        jvp=jvp.graph,
        captures=tuple(len(body.captures) for body in bodies),
    )


def _type(inference: Inference) -> TupleType:
    graph, captures = attr(inference, "function"), attr(inference, "captures")
    count = len(inference.tensors) - sum(captures)
    check_body(inference, graph, inference.tensors[: count + captures[0]])
    return TupleType(types_of(graph.outputs))


def _reference(attrs: dict[str, Any], *given: Array) -> tuple[Array, ...]:
    return tuple(attrs["function"](*given[: len(given) - sum(attrs["captures"][1:])]))


def written_out(node: Node) -> list[Node]:
    """What the function computes, as part of the graph around."""
    _, vjp, jvp = node.attrs["captures"]
    return applied(node.attrs["function"], node.inputs[: len(node.inputs) - vjp - jvp])


def _arguments(node: Node) -> tuple[Node, ...]:
    return node.inputs[: len(node.inputs) - sum(node.attrs["captures"])]


def _by_rule(node: Node, name: str, given: Sequence[Node]) -> list[Node]:
    """What the graph of a rule makes of cotangents or tangents."""
    captures = node.attrs["captures"]
    first = len(_arguments(node)) + sum(captures[: _RULES.index(name)])
    own = node.inputs[first : first + captures[_RULES.index(name)]]
    return applied(node.attrs[name], [*_arguments(node), *results(node), *given, *own])


def _transposed(node: Node, name: str, at: Sequence[Node], given: Sequence[Node]) -> list[Node]:
    """What the transpose of a rule makes of tangents or cotangents; `at` shows what it returns."""
    zeros = [zeros_like(node) for node in at]
    found = cotangents(_by_rule(node, name, zeros), zeros, given)
    return [zero if part is None else part for part, zero in zip(found, zeros, strict=True)]


def _is_given(graph: Graph) -> bool:
    return bool(graph.outputs)


def _vjp(node: Node, g: tuple[Node | None, ...]) -> tuple[Node | None, ...]:
    given = _filled(g, results(node))
    wanted = [x for x in _arguments(node) if has_floats(x)]
    if _is_given(node.attrs["vjp"]):
        found = _by_rule(node, "vjp", given)
    else:
        found = _transposed(node, "jvp", wanted, given)
    parts = iter(found)
    own = tuple(next(parts) if has_floats(x) else None for x in _arguments(node))
    return own + (None,) * (len(node.inputs) - len(own))


def _jvp(node: Node, moves: tuple[Node | None, ...]) -> tuple[Node | None, ...]:
    arguments = _arguments(node)
    given = _filled(moves[: len(arguments)], arguments)
    moving = [part for part in results(node) if has_floats(part)]
    if _is_given(node.attrs["jvp"]):
        found = _by_rule(node, "jvp", given)
    else:
        found = _transposed(node, "vjp", moving, given)
    parts = iter(found)
    return tuple(next(parts) if has_floats(part) else None for part in results(node))


def _filled(given: Sequence[Node | None], like: Sequence[Node]) -> list[Node]:
    """What is given for floating-point nodes, zeros where there is nothing."""
    pairs = zip(given, like, strict=True)
    return [zeros_like(node) if part is None else part for part, node in pairs if has_floats(node)]


def _batched(
    node: Node, inputs: tuple[Node, ...], batched: tuple[bool, ...], size: Size
) -> tuple[Batched, ...]:
    """The function and its rules for all members, of which each has arguments of its own."""
    count = len(_arguments(node))
    graphs: dict[str, Graph] = {}
    first = count
    for name, captured in zip(_RULES, node.attrs["captures"], strict=True):
        graph: Graph = node.attrs[name]
        own = len(graph.placeholders) - captured
        flags = [*[True] * own, *batched[first : first + captured]]
        graphs[name], _ = batched_graph(graph, flags, size, [True] * len(graph.outputs))
        first += captured
    arguments = all_batched(inputs[:count], batched[:count], size)
    made = node.op(*arguments, *inputs[count:], **{**node.attrs, **graphs})
    return tuple(Batched(part, True) for part in results(made))


custom_gradient = declare(
    OpDef(
        "custom_gradient", Kind.STRUCTURE, None,
        {**dict.fromkeys(_RULES, AttrKind.GRAPH), "captures": AttrKind.INTS},
        _type, _reference, _vjp, _jvp, _batched, None, ALL, (),
        "A function with derivatives of its own; arguments come first, then what its graphs read.",
    )
)  # fmt: skip
