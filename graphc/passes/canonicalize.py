"""Canonical form: every rewrite that keeps all bits, applied until none applies."""

from __future__ import annotations

from graphc.ir.graph import Graph
from graphc.passes.elementwise_rules import ELEMENTWISE_RULES
from graphc.passes.folding import Folding
from graphc.passes.reduction_rules import REDUCTION_RULES
from graphc.passes.rewriting import Rewrite, Rewrites, rewrite_graph
from graphc.passes.rules import RULES
from graphc.passes.scatter_rules import SCATTER_RULES
from graphc.passes.view_rules import VIEW_RULES

#: All that canonicalize does, in the order in which it is tried at a node. Folding is one of
#: them: rules expose constants and constants expose rules, to any depth.
CANONICAL: tuple[Rewrite, ...] = (
    *VIEW_RULES,
    *REDUCTION_RULES,
    *SCATTER_RULES,
    *ELEMENTWISE_RULES,
    *RULES,
    Folding(),
)

_REWRITES = Rewrites(CANONICAL)


def canonicalize(graph: Graph) -> Graph:
    """The graph in canonical form, with equal nodes shared."""
    return rewrite_graph(graph, _REWRITES)
