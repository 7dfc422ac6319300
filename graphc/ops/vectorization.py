"""Programs done for a whole batch at once, by the batching rule of every op on the way.

Values that do not depend on a batched one stay as they are, and are computed once for all members.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from graphc.errors import GraphError
from graphc.ir.dims import Size
from graphc.ir.graph import Graph, extract, topological, with_inputs
from graphc.ir.location import created_at
from graphc.ir.node import Node
from graphc.ir.opdef import Batched, NoBatching, PartlyBatched
from graphc.ops.declaring import ops, repeated


def over_batch(ys: Sequence[Node], given: Mapping[Node, Node], size: Size) -> list[PartlyBatched]:
    """For each y what takes its place when other nodes take that of some on which it depends.

    The nodes given have the batch axis, of that size, in front of the dims of those whose place
    they take. A y that depends on none of them is left as it is. Linear in the number of nodes.
    GraphError if the way leads through an op that has no batching rule.
    """
    known = {node: PartlyBatched(new, True) for node, new in given.items()}
    for node in topological(ys):
        if node not in known:
            known[node] = _for_all(node, [known[operand] for operand in node.inputs], size)
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
    found = [_in_any_case(y, size) if must else y for y, must in zip(found, wanted, strict=True)]
    inputs = [*takers, *graph.variables]
    program = extract(graph.name, [y.node for y in found], inputs=inputs)
    return program, tuple(has_axis(y.batched) for y in found)


def has_axis(batched: Batched) -> bool:
    """Whether a value, or a part of it, has the batch axis."""
    return batched if isinstance(batched, bool) else any(batched)


def _for_all(node: Node, operands: Sequence[PartlyBatched], size: Size) -> PartlyBatched:
    """The node for a whole batch."""
    inputs = tuple(operand.node for operand in operands)
    batched = tuple(operand.batched for operand in operands)
    if not any(map(has_axis, batched)):
        return PartlyBatched(with_inputs(node, inputs), False)
    rule = node.op.batch
    if isinstance(rule, NoBatching):
        raise GraphError(
            f"cannot be done for a batch: it {rule.reason}",
            op=node.op.name,
            location=node.location,
        )
    with created_at(node.location):
        found = rule(node, inputs, batched, size)
    return found if isinstance(found, PartlyBatched) else PartlyBatched(found, True)


def _in_any_case(value: PartlyBatched, size: Size) -> PartlyBatched:
    return value if value.batched else PartlyBatched(repeated(value.node, size), True)


def _placeholder(node: Node, size: Size) -> Node:
    return ops.placeholder(shape=(size, *node.shape), dtype=node.dtype, name=node.name)
