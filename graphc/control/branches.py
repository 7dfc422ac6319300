"""`cond`: one of two graphs, chosen while the program runs.

Its derivatives are branches again. The branch back computes the values that it needs once more,
from the operands: nothing is kept for a branch that may not have been taken.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from graphc.autodiff.forward import tangents
from graphc.autodiff.reverse import cotangents, has_floats
from graphc.control.batching import batched_branch
from graphc.control.bodies import Body, applied, bodies, elements, parameter_like, results
from graphc.control.typing import check_body, check_same, types_of
from graphc.ir.dtypes import ALL
from graphc.ir.graph import Graph
from graphc.ir.inference import Inference
from graphc.ir.lowering import Control
from graphc.ir.node import Node
from graphc.ir.opdef import Array, AttrKind, Kind, OpDef, declare
from graphc.ir.types import TupleType
from graphc.ops.declaring import attr, zeros_like

NAMES = ("then", "otherwise")


def _type(inference: Inference) -> TupleType:
    pred = inference.tensor(0)
    if pred.shape != () or not pred.dtype.is_bool:
        inference.fail(f"the predicate must be bool[], not {pred}")
    then, otherwise = (attr(inference, name) for name in NAMES)
    for graph in (then, otherwise):
        check_body(inference, graph, inference.tensors[1:])
    given, other = types_of(then.outputs), types_of(otherwise.outputs)
    check_same(inference, "the results of both branches", given, other)
    return TupleType(given)


def _reference(attrs: dict[str, Any], pred: Array, *operands: Array) -> tuple[Array, ...]:
    return tuple(attrs[NAMES[not pred]](*operands))


def branch(pred: Node, then: Body, otherwise: Body, operands: Sequence[Node]) -> Node:
    """A branch of bodies with the same parameters and captures, given values of the parameters."""
    return cond(pred, *operands, *then.captures, then=then.graph, otherwise=otherwise.graph)


def _vjp(result: Node, g: tuple[Node | None, ...]) -> tuple[Node | None, ...]:
    """Either branch by reverse accumulation, given the operands and the cotangents."""
    pred, *operands = result.inputs
    moving = [k for k, part in enumerate(g) if part is not None]
    given = [part for part in g if part is not None]
    wanted = [k for k, operand in enumerate(operands) if has_floats(operand)]
    seeds = [parameter_like(part) for part in given]
    places = [parameter_like(operand) for operand in operands]

    def back(graph: Graph) -> list[Node]:
        made = applied(graph, places)
        found = cotangents([made[k] for k in moving], [places[k] for k in wanted], seeds)
        pairs = zip(found, wanted, strict=True)
        return [zeros_like(places[k]) if part is None else part for part, k in pairs]

    parts = _both(result, pred, [*places, *seeds], back, [*operands, *given])
    back_to = dict(zip(wanted, parts, strict=True))
    return (None, *(back_to.get(k) for k in range(len(operands))))


def _jvp(result: Node, moves: tuple[Node | None, ...]) -> tuple[Node | None, ...]:
    """Either branch by forward accumulation, given the operands and the tangents."""
    pred, *operands = result.inputs
    moving = [k for k, tangent in enumerate(moves[1:]) if tangent is not None]
    given = [tangent for tangent in moves[1:] if tangent is not None]
    seeds = [parameter_like(tangent) for tangent in given]
    places = [parameter_like(operand) for operand in operands]
    wanted = [k for k, type_ in enumerate(elements(result.type)) if type_.dtype.is_float]

    def forward(graph: Graph) -> list[Node]:
        made = applied(graph, places)
        found = tangents([made[k] for k in wanted], [places[k] for k in moving], seeds)
        pairs = zip(found, wanted, strict=True)
        return [zeros_like(made[k]) if part is None else part for part, k in pairs]

    parts = _both(result, pred, [*places, *seeds], forward, [*operands, *given])
    moved = dict(zip(wanted, parts, strict=True))
    return tuple(moved.get(k) for k in range(len(elements(result.type))))


def _both(
    result: Node,
    pred: Node,
    places: Sequence[Node],
    make: Callable[[Graph], list[Node]],
    operands: Sequence[Node],
) -> list[Node]:
    """The results of a branch whose graphs are made of those of another one."""
    wanted = [(f"{result.attrs[name].name}", make(result.attrs[name])) for name in NAMES]
    then, otherwise = bodies(wanted, places)
    return results(branch(pred, then, otherwise, operands))


cond = declare(
    OpDef(
        "cond", Kind.CONTROL, None,
        {name: AttrKind.GRAPH for name in NAMES},
        _type, _reference, _vjp, _jvp, batched_branch, Control(), ALL, (),
        "One of two graphs, by a predicate; both give results of the same types.",
    )
)  # fmt: skip
