"""The order in which a band's values are worked out, and how long they are needed."""

from __future__ import annotations

from dataclasses import dataclass, field

from graphc.ir.lowering import Pointwise, Reduce
from graphc.ir.node import Node
from graphc.schedule.bands.cutting import Band
from graphc.schedule.groups import Fusion


@dataclass(eq=False)
class Step:
    """Values worked out together: a product and what follows for each element, or rows."""

    product: Node | None
    nodes: list[Node] = field(default_factory=list)

    @property
    def all(self) -> tuple[Node, ...]:
        return (*self.nodes,) if self.product is None else (self.product, *self.nodes)


def steps_of(nodes: list[Node], band: Band, fusion: Fusion) -> list[Step]:
    """The values in steps, each value in the first one in which it can be worked out."""
    steps: list[Step] = []
    place: dict[Node, int] = {}
    for node in nodes:
        if _is_product(node):
            place[node] = len(steps)
            steps.append(Step(node))
            continue
        first = max((place[s] for s in fusion.links[node] if s in place), default=0)
        is_element = node.shape == band.shape and isinstance(node.op.lowering, Pointwise)
        for k in range(first, len(steps)):
            follows = is_element and k == first and steps[k].product not in band.uses
            if steps[k].product is None or follows:
                break
        else:
            k = len(steps)
            steps.append(Step(None))
        place[node] = k
        steps[k].nodes.append(node)
    return steps


def _is_product(node: Node) -> bool:
    rule = node.op.lowering
    return isinstance(rule, Reduce) and rule.combiner == "dot"


@dataclass(frozen=True)
class Lives:
    """In which step values are worked out, who reads them, and when those that others need end."""

    starts: dict[Node, int]
    readers: dict[Node, list[Node]]
    ends: dict[Node, int]

    def there(self, step: int) -> list[Node]:
        """The values that are needed from one step to another, and are there in this one."""
        return [node for node, end in self.ends.items() if self.starts[node] <= step <= end]


def lives(steps: list[Step], fusion: Fusion) -> Lives:
    """When values come and go."""
    starts = {node: k for k, step in enumerate(steps) for node in step.all}
    readers: dict[Node, list[Node]] = {node: [] for node in starts}
    for node in starts:
        for source in fusion.links[node]:
            if source in starts:
                readers[source].append(node)
    ends = {node: max((starts[r] for r in found), default=-1) for node, found in readers.items()}
    later = {node: end for node, end in ends.items() if end > starts[node]}
    return Lives(starts, readers, later)
