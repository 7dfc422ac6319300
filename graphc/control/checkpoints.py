"""`checkpoint`: a function whose inner values are computed again when they are differentiated.

The compiler writes the function out where it stands. Its vjp applies it once more, to arguments
that are read `after` a cotangent has arrived: what is computed from them is no common
subexpression of what was computed before, and cannot be computed any earlier. So what the first
run leaves inside need not be kept. The jvp needs nothing again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphc.autodiff.forward import tangents
from graphc.autodiff.reverse import cotangents, has_floats
from graphc.control.bodies import Body, applied, results
from graphc.control.typing import check_body, types_of
from graphc.ir.dims import Size
from graphc.ir.dtypes import ALL
from graphc.ir.graph import CONSTANT, PLACEHOLDER, VARIABLE
from graphc.ir.inference import Inference
from graphc.ir.node import Node
from graphc.ir.opdef import Array, AttrKind, Batched, Kind, OpDef, declare
from graphc.ir.types import TupleType
from graphc.ops import ops
from graphc.ops.declaring import attr
from graphc.ops.vectorization import batched_graph


def again(arguments: Sequence[Node], function: Body) -> Node:
    """The function of the arguments."""
    return checkpoint(*arguments, *function.captures, function=function.graph)


def _type(inference: Inference) -> TupleType:
    graph = attr(inference, "function")
    check_body(inference, graph, inference.tensors)
    return TupleType(types_of(graph.outputs))


def _reference(attrs: dict[str, Any], *given: Array) -> tuple[Array, ...]:
    return tuple(attrs["function"](*given))


def written_out(node: Node) -> list[Node]:
    """What the function computes, as part of the graph around."""
    return applied(node.attrs["function"], node.inputs)


def _vjp(node: Node, g: tuple[Node | None, ...]) -> tuple[Node | None, ...]:
    given = {k: part for k, part in enumerate(g) if part is not None}
    signal = next(iter(given.values()))
    later = _to_be_read_later(node.inputs)
    places = [ops.after(x, signal) if x in later else x for x in node.inputs]
    made = applied(node.attrs["function"], places)
    found = cotangents([made[k] for k in given], places, list(given.values()))
    return tuple(found)


def _to_be_read_later(arguments: Sequence[Node]) -> set[Node]:
    """Those of the arguments that make all that follows something to be computed again.

    What is in memory all the time need not be read later, unless there is nothing else.
    """
    for kept in ((VARIABLE, CONSTANT, PLACEHOLDER), (VARIABLE, CONSTANT), ()):
        found = {x for x in arguments if x.op.name not in kept}
        if found:
            return found
    return set()


def _jvp(node: Node, moves: tuple[Node | None, ...]) -> tuple[Node | None, ...]:
    moving = [k for k, tangent in enumerate(moves) if tangent is not None]
    made = written_out(node)
    wanted = [k for k, part in enumerate(made) if has_floats(part)]
    sources = [node.inputs[k] for k in moving]
    seeds = [tangent for tangent in moves if tangent is not None]
    found = tangents([made[k] for k in wanted], sources, seeds)
    moved = dict(zip(wanted, found, strict=True))
    return tuple(moved.get(k) for k in range(len(made)))


def _batched(
    node: Node, inputs: tuple[Node, ...], batched: tuple[bool, ...], size: Size
) -> tuple[Batched, ...]:
    """A checkpoint of the function for all members."""
    function, has = batched_graph(node.attrs["function"], batched, size)
    return tuple(map(Batched, results(checkpoint(*inputs, function=function)), has))


checkpoint = declare(
    OpDef(
        "checkpoint", Kind.STRUCTURE, None, {"function": AttrKind.GRAPH},
        _type, _reference, _vjp, _jvp, _batched, None, ALL, (),
        "A function of which nothing is kept for derivatives but its arguments.",
    )
)  # fmt: skip
