"""What type rules of ops that hold graphs have in common."""

from __future__ import annotations

from collections.abc import Sequence

from graphc.ir.graph import Graph
from graphc.ir.inference import Inference
from graphc.ir.node import Node
from graphc.ir.types import TensorType

Types = tuple[TensorType, ...]


def types_of(nodes: Sequence[Node]) -> Types:
    """The types of nodes that are tensors."""
    return tuple(node.tensor for node in nodes)


def check_body(inference: Inference, graph: Graph, given: Sequence[TensorType]) -> None:
    """Whether a graph takes what it is given; the op relies on what the graph relies on."""
    check_same(inference, f"what @{graph.name} takes and what it is given",
               types_of(graph.placeholders), given)  # fmt: skip
    for k, node in enumerate(graph.outputs):
        if not isinstance(node.type, TensorType):
            inference.fail(f"result {k} of @{graph.name} is {node.type}; take one of these")
    for guard in graph.guards:
        if guard not in inference.guards:
            inference.guards.append(guard)


def check_same(
    inference: Inference, what: str, one: Sequence[TensorType], other: Sequence[TensorType]
) -> None:
    """Whether two rows of types are the same, up to guards."""
    if len(one) != len(other):
        inference.fail(f"{what} differ: there are {len(one)} and {len(other)}")
    for k, (mine, theirs) in enumerate(zip(one, other, strict=True)):
        if mine.dtype is not theirs.dtype:
            inference.fail_dtype(f"{what} differ: number {k} is {mine} and {theirs}")
        if mine.rank != theirs.rank:
            inference.fail(f"{what} differ: number {k} is {mine} and {theirs}")
        inference.same_shape(mine.shape, theirs.shape, f"{what}: number {k}, {mine} and {theirs},")


def check_counts(inference: Inference, **counts: int) -> None:
    """Whether there are as many operands as attributes say that there are at least."""
    have, needed = len(inference.types), " and ".join(f"{n} {what}" for what, n in counts.items())
    if min(counts.values()) < 0 or have < sum(counts.values()):
        inference.fail(f"there are {have} operands, too few for {needed}")
