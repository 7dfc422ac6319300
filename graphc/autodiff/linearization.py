"""Forward accumulation done once, for tangents that come later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from graphc.autodiff.forward import tangents
from graphc.ir.graph import topological, with_inputs
from graphc.ir.node import Node
from graphc.ops.declaring import ops


@dataclass(frozen=True, slots=True)
class Linearization:
    """The derivative of ys as a linear function of the tangents of xs, which `seeds` stand for.

    What does not depend on the seeds is computed from the primal values, once for all tangents.
    """

    seeds: tuple[Node, ...]
    results: tuple[Node | None, ...]

    @staticmethod
    def of(ys: Sequence[Node], xs: Sequence[Node]) -> Linearization:
        """The derivative at the xs; GradientError as for `tangents`."""
        seeds = tuple(ops.placeholder(shape=x.shape, dtype=x.dtype) for x in xs)
        return Linearization(seeds, tuple(tangents(ys, xs, seeds)))

    def along(self, directions: Sequence[Node]) -> list[Node | None]:
        """The tangent of each y along a direction of each x; None for a y that depends on none."""
        present = [result for result in self.results if result is not None]
        found = iter(replaced(present, dict(zip(self.seeds, directions, strict=True))))
        return [None if result is None else next(found) for result in self.results]


def replaced(roots: Sequence[Node], given: Mapping[Node, Node]) -> list[Node]:
    """The roots with some nodes, on which they depend, replaced by others of the same type."""
    known = dict(given)
    for node in topological(roots):
        if node not in known:
            known[node] = with_inputs(node, tuple(known[operand] for operand in node.inputs))
    return [known[root] for root in roots]
