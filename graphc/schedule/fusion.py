"""Which values get a buffer of their own, and which of those are computed in one kernel.

Every other value is recomputed where it is read. A value gets a buffer when the program needs it
in memory (an output, a sorted row, an operand that is read over and over) or when recomputing
it would cost more than storing it. The reason is recorded and can be asked for.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from graphc.ir.graph import Graph
from graphc.ir.lowering import Buffer, Pointwise, Reduce
from graphc.ir.node import Node
from graphc.ir.opdef import Kind
from graphc.ir.types import Shape

#: Machine operations an element may cost and still be recomputed for a second reader.
CHEAP = 6
#: Nodes in one expression, and how deeply they may be nested, before it is cut.
MOST_NODES, MOST_DEPTH = 160, 48
#: Values computed by one kernel, and nodes in all its expressions.
MOST_STAGES, MOST_IN_KERNEL = 48, 240

_PLAIN_VIEWS = frozenset({"reshape", "permute_dims", "broadcast_to", "identity"})


@dataclass(eq=False)
class Group:
    """Values computed by one kernel, all over the same domain."""

    domain: Shape
    level: int
    nodes: list[Node] = field(default_factory=list)
    can_grow: bool = True
    weight: int = 0


@dataclass(frozen=True)
class Fusion:
    """Why each value that is not recomputed is not, and the kernels in running order.

    `kept` are the values that must go to memory, since another kernel or the user reads them.
    """

    reasons: dict[Node, str]
    groups: list[Group]
    kept: set[Node]


def fuse(graph: Graph) -> Fusion:
    """Cut a graph into kernels. Linear in its size."""
    reasons, weights = stored_values(graph)
    sources = _all_sources(graph, reasons)
    groups = _group(graph, reasons, weights, sources)
    return Fusion(reasons, groups, _kept(graph, groups, sources))


def is_buffer(node: Node) -> bool:
    """Whether the value is in memory before the program starts."""
    if node.op.name == "constant":
        return node.tensor.size != 1
    return isinstance(node.op.lowering, Buffer)


def is_literal(node: Node) -> bool:
    """Whether the value is one number known now, to be written into the code."""
    return node.op.name == "constant" and node.tensor.size == 1


def stored_values(graph: Graph) -> tuple[dict[Node, str], dict[Node, int]]:
    """The values that are computed once, with the reason for each, and the sizes of expressions."""
    users = graph.users()
    outputs = set(graph.roots)
    reasons: dict[Node, str] = {}
    cost: dict[Node, int] = {}
    weight: dict[Node, tuple[int, int]] = {}
    for node in graph.nodes:
        if is_buffer(node) or is_literal(node):
            continue
        inline = [operand for operand in node.inputs if operand not in reasons]
        cost[node] = node.op.cost + sum(cost.get(operand, 0) for operand in inline)
        sizes = [weight.get(operand, (0, 0)) for operand in inline]
        weight[node] = (
            1 + sum(size[0] for size in sizes),
            1 + max((s[1] for s in sizes), default=0),
        )
        reason = _reason(node, users[node], node in outputs, cost[node], weight[node])
        if reason:
            reasons[node] = reason
    return reasons, {node: nodes for node, (nodes, _) in weight.items()}


def _reason(
    node: Node, users: list[Node], is_output: bool, cost: int, weight: tuple[int, int]
) -> str | None:
    """Why the value must be stored; None if it is recomputed where it is read."""
    if is_output:
        return "is fetched or assigned"
    if not isinstance(node.op.lowering, Pointwise):
        return f"is a {node.op.kind.value}"
    if weight[0] > MOST_NODES or weight[1] > MOST_DEPTH:
        return "is large enough for one expression"
    for user in users:
        reason = _reason_for(node, user, cost)
        if reason:
            return reason
    if len(set(users)) > 1 and cost > CHEAP and not _repeats_elements(node):
        return f"has {len(set(users))} readers and costs {cost} operations an element"
    return None


def _reason_for(node: Node, user: Node, cost: int) -> str | None:
    if user.op.kind is Kind.CONTRACTION:
        return _reason_for_product(node, user)
    if user.op.kind is Kind.SCATTER and node is user.inputs[0]:
        return None
    checks = node.op.kind is Kind.GATHER
    if checks and user.op.kind not in (Kind.ELEMENTWISE, Kind.REDUCTION):
        return f"checks indices and is read in part by {user.op.name}"
    if cost > CHEAP and _rereads(node, user):
        return f"is read over and over by {user.op.name} and costs {cost} operations an element"
    return None


def _rereads(node: Node, user: Node) -> bool:
    """Whether the user reads elements of the node more than once, or many branches of them."""
    if user.op.name == "broadcast_to":
        return node.tensor.size != user.tensor.size
    return user.op.kind is Kind.GATHER or user.op.name == "concat"


def _repeats_elements(node: Node) -> bool:
    return node.op.name == "broadcast_to"


def _reason_for_product(node: Node, user: Node) -> str | None:
    """A product rereads its operands, so only plain views of stored values go in as they are."""
    transposed = False
    inner = node
    while inner.op.name in _PLAIN_VIEWS:
        transposed = transposed or _moves_last_axis(inner)
        inner = inner.inputs[0]
    if not is_buffer(inner) and isinstance(inner.op.lowering, Pointwise):
        return f"is read over and over by {user.op.name}"
    if transposed and node is user.inputs[1]:
        return f"is laid out by rows for {user.op.name}"
    return None


def _moves_last_axis(view: Node) -> bool:
    if view.op.name == "permute_dims":
        axes = view.attrs["axes"]
        return bool(axes) and axes[-1] != len(axes) - 1
    return view.op.name == "reshape" and view.shape[-1:] != view.inputs[0].shape[-1:]


def _all_sources(graph: Graph, reasons: dict[Node, str]) -> dict[Node, dict[Node, bool]]:
    """For every computed node the once-computed values it reads; see `_sources`."""
    known: dict[Node, dict[Node, bool]] = {}
    for node in graph.nodes:
        if not is_literal(node) and not is_buffer(node):
            known[node] = _sources(node, reasons, known)
    return known


def _group(
    graph: Graph,
    reasons: dict[Node, str],
    weights: dict[Node, int],
    sources: dict[Node, dict[Node, bool]],
) -> list[Group]:
    """Put every once-computed value into a kernel, one that it can share a domain with if any."""
    home: dict[Node, Group] = {}
    open_groups: dict[tuple[Shape, int], Group] = {}
    groups: list[Group] = []
    for node in graph.nodes:
        if node not in reasons:
            continue
        group = _join(node, weights[node], sources[node], home, open_groups)
        if group is None:
            level = 1 + max((home[s].level for s in sources[node] if s in home), default=0)
            group = Group(node.shape, level, can_grow=_takes_company(node))
            groups.append(group)
            if isinstance(node.op.lowering, Pointwise):
                open_groups[node.shape, level] = group
        group.nodes.append(node)
        group.weight += weights[node]
        home[node] = group
    return sorted(groups, key=lambda group: group.level)


def _kept(
    graph: Graph, groups: list[Group], sources: dict[Node, dict[Node, bool]]
) -> set[Node]:
    """Values read by another kernel than their own, or fetched, or assigned."""
    home = {node: group for group in groups for node in group.nodes}
    kept = set(graph.roots)
    for node, group in home.items():
        kept.update(s for s in sources[node] if s in home and home[s] is not group)
    return kept


def _takes_company(node: Node) -> bool:
    return isinstance(node.op.lowering, Pointwise | Reduce)


def _sources(
    node: Node, reasons: dict[Node, str], known: dict[Node, dict[Node, bool]]
) -> dict[Node, bool]:
    """The stored values read to compute the node; True if read only at the same position."""
    found: dict[Node, bool] = {}
    straight = node.op.kind is Kind.ELEMENTWISE or node.op.name == "identity"
    for operand in node.inputs:
        if operand in reasons or is_buffer(operand):
            reached = {operand: True}
        else:
            reached = known.get(operand, {})
        for source, same in reached.items():
            found[source] = found.get(source, True) and same and straight
    return found


def _join(
    node: Node,
    weight: int,
    sources: dict[Node, bool],
    home: dict[Node, Group],
    open_groups: dict[tuple[Shape, int], Group],
) -> Group | None:
    """A kernel that can compute the node as well: same domain, and nothing it needs comes later."""
    if not isinstance(node.op.lowering, Pointwise):
        return None
    inner = {home[source]: True for source in sources if source in home}
    level = max((group.level for group in inner), default=0)
    for candidate in sorted(inner, key=lambda group: -group.level):
        if candidate.level < level:
            break
        if _fits(node, weight, candidate, sources, home):
            return candidate
    sibling = open_groups.get((node.shape, level + 1))
    return sibling if sibling is not None and _has_room(sibling, weight) else None


def _has_room(group: Group, weight: int) -> bool:
    return len(group.nodes) < MOST_STAGES and group.weight + weight <= MOST_IN_KERNEL


def _fits(
    node: Node,
    weight: int,
    group: Group,
    sources: dict[Node, bool],
    home: dict[Node, Group],
) -> bool:
    if not group.can_grow or group.domain != node.shape or not _has_room(group, weight):
        return False
    others = [home[s] for s in sources if s in home and home[s] is not group]
    if any(other.level >= group.level for other in others):
        return False
    return all(same for source, same in sources.items() if home.get(source) is group)
