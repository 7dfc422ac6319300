"""Contraction: a product and the sum that uses it become one op that rounds once.

This is where FMAs come from, never the code generator: so fusing kernels, fetching more or using
more threads can't change a bit. A product is contracted into every sum that uses it, whatever
else uses it. Of a sum of two products the first is contracted.
"""

from __future__ import annotations

from graphc.ir.graph import Graph
from graphc.passes.canonicalize import CANONICAL
from graphc.passes.rewriting import Rewrites, rewrite_graph
from graphc.passes.rules import Rule

CONTRACTIONS: tuple[Rule, ...] = (
    Rule("add(mul(x, y), z)", "fma(x, y, z)", kinds="f", exact=False),
    Rule("sub(mul(x, y), z)", "fma(x, y, neg(z))", kinds="f", exact=False),
    Rule("sub(z, mul(x, y))", "fma(neg(x), y, z)", kinds="f", exact=False),
)

_REWRITES = Rewrites(CANONICAL, CONTRACTIONS)


def contract(graph: Graph) -> Graph:
    """The graph with products and sums contracted, and back in canonical form."""
    return rewrite_graph(graph, _REWRITES)
