"""Programs done for a whole batch at once, by the batching rule of every op on the way.

Values that do not depend on a batched one stay as they are, and are computed once for all members.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from typing import Any

from graphc.errors import GraphError
from graphc.ir.dims import Size
from graphc.ir.graph import Graph, extract, topological, with_inputs
from graphc.ir.location import created_at
from graphc.ir.node import Node
from graphc.ir.opdef import Batched, NoBatching
from graphc.ir.types import TensorType
from graphc.ops.declaring import ops, repeated
from graphc.ops.structure import item

_notes: ContextVar[dict[str, Node]] = ContextVar("graphc_batching_notes")


def notes() -> dict[str, Node]:
    """What rules leave for others of the same walk, under names of their own."""
    return _notes.get()


def over_batch(ys: Sequence[Node], given: Mapping[Node, Node], size: Size) -> list[Batched]:
    """For each y what takes its place when other nodes take that of some on which it depends.

    The nodes given have the batch axis, of that size, in front of the dims of those whose place
    they take. A y that depends on none of them is left as it is. Linear in the number of nodes.
    GraphError if the way leads through an op that has no batching rule.
    """
    token = _notes.set({})
    try:
        return _walk(ys, given, size)
    finally:
        _notes.reset(token)


def _walk(ys: Sequence[Node], given: Mapping[Node, Node], size: Size) -> list[Batched]:
    known = {node: Batched(new, True) for node, new in given.items()}
    parts: dict[Node, tuple[Batched, ...]] = {}  # of nodes with several results
    for node in topological(ys):
        if node in known:
            continue
        if node.op is item and node.inputs[0] in parts:
            known[node] = parts[node.inputs[0]][node.attrs["k"]]
            continue
        operands = [known[operand] for operand in node.inputs if operand not in parts]
        if not any(operand.has_axis for operand in operands):
            inputs = tuple(operand.node for operand in operands)
            known[node] = Batched(with_inputs(node, inputs), False)
        elif isinstance(node.type, TensorType):
            known[node] = Batched(_by_rule(node, operands, size), True)
        else:
            parts[node] = _by_rule(node, operands, size)
    return [known[y] for y in ys]


def batched_graph(
    graph: Graph, batched: Sequence[bool], size: Size, outputs: Sequence[bool] | None = None
) -> tuple[Graph, tuple[bool, ...]]:
    """A closed graph for a batch of those placeholders that have the axis, and which outputs have.

    `outputs` tells which are to have it in any case: they are repeated if all members agree.
    """
    takers = [
        _placeholder(node, size) if has else node
        for node, has in zip(graph.placeholders, batched, strict=True)
    ]
    pairs = zip(graph.placeholders, takers, batched, strict=True)
    given = {node: taker for node, taker, has in pairs if has}
    found = over_batch(graph.outputs, given, size)
    wanted = outputs if outputs is not None else [False] * len(found)
    found = [in_any_case(y, size) if must else y for y, must in zip(found, wanted, strict=True)]
    inputs = [*takers, *graph.variables]
    program = extract(graph.name, [y.node for y in found], inputs=inputs)
    return program, tuple(y.has_axis for y in found)


def in_any_case(value: Batched, size: Size) -> Batched:
    """The value with the batch axis, repeated if all members agree on it."""
    return value if value.has_axis else Batched(repeated(value.node, size), True)


def _by_rule(node: Node, operands: Sequence[Batched], size: Size) -> Any:
    """What the op's rule makes for a whole batch."""
    rule = node.op.batch
    if isinstance(rule, NoBatching):
        raise GraphError(
            f"cannot be done for a batch: it {rule.reason}",
            op=node.op.name,
            location=node.location,
        )
    inputs = tuple(operand.node for operand in operands)
    with created_at(node.location):
        return rule(node, inputs, tuple(operand.has_axis for operand in operands), size)


def _placeholder(node: Node, size: Size) -> Node:
    return ops.placeholder(shape=(size, *node.shape), dtype=node.dtype, name=node.name)
