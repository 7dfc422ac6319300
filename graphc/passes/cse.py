"""Common subexpressions: nodes that compute the same become one."""

from __future__ import annotations

from graphc.ir.graph import Graph
from graphc.passes.rewriting import Rewrites, rewrite_graph

_SHARING_ALONE = Rewrites()


def share(graph: Graph) -> Graph:
    """The graph in which equal nodes are one: the first, with its name and location.

    Equal means: one op, one type, the same attributes to the bit and the same inputs, in any
    order if the op is commutative. Placeholders and variables are never merged.
    """
    return rewrite_graph(graph, _SHARING_ALONE)
