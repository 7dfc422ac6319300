"""Contraction: a product and the sum that uses it become one op that rounds once.

This is where FMAs come from, never the code generator: so fusing kernels, fetching more or using
more threads can't change a bit. A product is contracted into every sum that uses it, whatever
else uses it. Of a sum of two products the first is contracted.
"""

from __future__ import annotations

from graphc.ir.graph import Graph
from graphc.ir.node import Node
from graphc.ops import ops
from graphc.passes.canonicalize import CANONICAL
from graphc.passes.rewriting import NodeRule, Rewrites, rewrite_graph
from graphc.passes.rules import Rule

CONTRACTIONS: tuple[Rule, ...] = (
    Rule("add(mul(x, y), z)", "fma(x, y, z)", kinds="f", exact=False),
    Rule("sub(mul(x, y), z)", "fma(x, y, neg(z))", kinds="f", exact=False),
    Rule("sub(z, mul(x, y))", "fma(neg(x), y, z)", kinds="f", exact=False),
)


def product_again(node: Node) -> Node | None:
    """In a sum that is computed again, the product that its first run was contracted with.

    What is read `after` something is the product itself; contraction needs its factors.
    """
    operands = list(node.inputs)
    if not node.dtype.is_float or operands[0].op is ops.mul:
        return None
    for k, operand in enumerate(operands):
        if operand.op is ops.after and operand.inputs[0].op is ops.mul:
            product, signal = operand.inputs
            operands[k] = ops.mul(*(ops.after(factor, signal) for factor in product.inputs))
            return node.op(*operands)
    return None


_REWRITES = Rewrites(CANONICAL, (NodeRule(("add", "sub"), product_again),), CONTRACTIONS)


def contract(graph: Graph) -> Graph:
    """The graph with products and sums contracted, and back in canonical form."""
    return rewrite_graph(graph, _REWRITES)
