"""What need not wait for its turn is computed before the loop.

What is the same in every turn is computed once. Products that depend on rows of sequences, but not
on what goes from turn to turn, are computed for all turns at once: one large product is much faster
than many small ones.
"""

from __future__ import annotations

from graphc.control.bodies import applied, cut, is_sunk
from graphc.ir import dims
from graphc.ir.graph import Graph, downstream, extract, map_subgraphs, rewrite, with_inputs
from graphc.ir.location import created_at
from graphc.ir.node import Node
from graphc.ir.opdef import Kind, holds_graphs
from graphc.ops.contraction import labels_of
from graphc.ops.vectorization import batched_graph

#: Rows of a product in one turn from which on more of them do not make it faster.
MOST_ROWS = 256


def hoist(graph: Graph) -> Graph:
    """The graph with loops along sequences that leave to others what others can do."""
    if not any(holds_graphs(node.op) for node in graph.nodes):
        return graph
    return rewrite(graph, _visit)


def _visit(node: Node, inputs: tuple[Node, ...]) -> Node:
    node = with_inputs(node, inputs)
    if not holds_graphs(node.op):
        return node
    node = map_subgraphs(node, hoist)
    if node.op.name != "scan":
        return node
    with created_at(node.location):
        return _with_products_before(_with_invariants_before(node))


def _with_invariants_before(loop: Node) -> Node:
    """The loop given what is the same in every turn."""
    body: Graph = loop.attrs["body"]
    turning = loop.attrs["carries"] + loop.attrs["xs"]
    fixed = body.placeholders[turning:]
    moving = downstream(body.nodes, body.placeholders[:turning])
    turned = _turned_for_products(body)
    if not any(_is_worth_it(n) or n in turned for n in body.nodes if n not in moving):
        return loop
    made = cut(body.name, body.placeholders[:turning], body.outputs)
    invariant = extract("invariant", made.captures, inputs=fixed)
    outside = applied(invariant, loop.inputs[turning:])
    attrs = {**loop.attrs, "body": made.graph}
    return loop.op(*loop.inputs[:turning], *outside, name=loop.name, **attrs)


def _is_worth_it(node: Node) -> bool:
    return bool(node.inputs) and not is_sunk(node) and node.op.kind is not Kind.VIEW


def _turned_for_products(body: Graph) -> set[Node]:
    """Operands of products that are read with their dims in another order.

    A product would turn them in every turn of the loop, to have columns side by side.
    """
    return {
        operand
        for node in body.nodes
        if node.op.name in ("matmul", "contract")
        for operand in node.inputs
        if operand.op.name == "permute_dims"
    }


def _with_products_before(loop: Node) -> Node:
    """The loop given stacks of products that do not depend on its carry."""
    attrs, (length,) = loop.attrs, loop.attrs["length"]
    body: Graph = attrs["body"]
    carries, count = attrs["carries"], attrs["xs"]
    if attrs["recompute"] or dims.is_found(length) or length == 1:
        return loop
    places = body.placeholders
    carry, rows, fixed = (
        places[:carries], places[carries : carries + count], places[carries + count :],
    )  # fmt: skip
    waiting, of_rows = downstream(body.nodes, carry), downstream(body.nodes, rows)
    products = [n for n in body.nodes if n in of_rows and n not in waiting and _has_few_rows(n)]
    if not products:
        return loop
    alone = extract("rows", products, inputs=[*rows, *fixed])
    flags = [True] * len(rows) + [False] * len(fixed)
    whole, _ = batched_graph(alone, flags, length, [True] * len(products))
    stacks = applied(whole, loop.inputs[carries:])
    made = cut(body.name, [*carry, *rows, *products, *fixed], body.outputs)
    return loop.op(
        *loop.inputs[: carries + count], *stacks, *loop.inputs[carries + count :], *made.captures,
        name=loop.name, **{**attrs, "body": made.graph, "xs": count + len(products)},
    )  # fmt: skip


def _has_few_rows(node: Node) -> bool:
    """Whether a value is a product that more rows would make faster."""
    if node.op.name not in ("matmul", "contract"):
        return False
    left, right, to = labels_of(node)
    sizes = zip(left, node.inputs[0].shape, strict=True)
    rows = dims.product(size for label, size in sizes if label in to and label not in right)
    return not isinstance(rows, int) or rows < MOST_ROWS
