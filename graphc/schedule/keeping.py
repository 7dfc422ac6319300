"""Which values are computed once, each with its reason, and which are recomputed where read."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping

from graphc.ir import dims
from graphc.ir.graph import Graph
from graphc.ir.lowering import Buffer, Library, Pointwise, Reduce
from graphc.ir.node import Node
from graphc.ir.opdef import Kind
from graphc.ops import ops
from graphc.schedule.as_stored import is_turned
from graphc.schedule.products.depthwise import is_in_place, is_summed

#: Machine operations an element may cost and still be recomputed for a second reader.
CHEAP = 6
#: The same for a value of one element: a kernel computes it once, before its loops.
CHEAP_ALONE = 24
#: The same where several windows read it, each of which comes by every element.
CHEAP_IN_WINDOWS, SEVERAL = 3, 3
#: Nodes in one expression, and how deeply they may be nested, before it is cut.
MOST_NODES, MOST_DEPTH = 160, 48

#: Multiply-adds, as far as is known, below which a product is as fast as a plain loop.
FEWEST = 1 << 12

#: How many times more elements a formula needs to have than what it is made of, for it to be no
#: gain to keep them for a second product; and what is taken for a dim that is not known.
SPREAD, USUAL = 8, 256

_CHECKING = frozenset({"gather", "checked_index"})
_WINDOWS = frozenset({"windows", "covering_window"})
_PLAIN_VIEWS = frozenset({"reshape", "permute_dims", "broadcast_to", "identity"})

#: Why a gather is computed once, unless it is certain that all its elements are.
_CHECKS = "checks indices, all of them however few are read"

#: Why a view is computed once, in a kernel of its own; and what for is named next.
LAID_OUT = "is laid out by rows for"

#: Why a formula of a band is: it stays in the cache, and its product need not pack it.
HELD = "is read by a product of its band and by others"

#: Why the results of a graph are computed once.
RESULT = "is fetched or assigned"


def is_buffer(node: Node) -> bool:
    """Whether the value is in memory before the program starts."""
    if node.op.name == "constant":
        return node.tensor.size != 1
    return isinstance(node.op.lowering, Buffer)


def is_literal(node: Node) -> bool:
    """Whether the value is one number known now, to be written into the code."""
    return node.op.name == "constant" and node.tensor.size == 1


def once_computed(
    graph: Graph, inline: Container[Node] = (), held: Container[Node] = ()
) -> tuple[dict[Node, str], dict[Node, int]]:
    """The values that are computed once, with the reason for each, and the sizes of expressions.

    Those of `inline` never are, whatever they cost; those of `held` always.
    """
    users = graph.users()
    outputs = set(graph.roots)
    repeating = _repeating_gathers(graph, users, outputs)
    laid_out = _turned_rows(graph)
    reasons: dict[Node, str] = {}
    cost: dict[Node, int] = {}
    weight: dict[Node, tuple[int, int]] = {}
    for node in graph.nodes:
        if is_buffer(node) or is_literal(node):
            continue
        again = [operand for operand in node.inputs if operand not in reasons]
        cost[node] = node.op.cost + sum(cost.get(operand, 0) for operand in again)
        sizes = [weight.get(operand, (0, 0)) for operand in again]
        weight[node] = (
            1 + sum(size[0] for size in sizes),
            1 + max((s[1] for s in sizes), default=0),
        )
        reason = laid_out.get(node) or _reason(
            node, users[node], node in outputs, cost[node], weight[node]
        )
        if reason is None and node in held:
            reason = HELD
        if reason and node not in inline and (reason != _CHECKS or node not in repeating):
            reasons[node] = reason
    return reasons, {node: nodes for node, (nodes, _) in weight.items()}


def _repeating_gathers(
    graph: Graph, users: Mapping[Node, list[Node]], outputs: Container[Node]
) -> set[Node]:
    """Gathers to be computed where they are read: all of them there, by elementwise ops alone.

    They have more elements than what they gather, so it is less to go through that than through
    their results; their reader may want these in another order.
    """
    whole: set[Node] = set()
    for node in reversed(graph.nodes):
        plain = (user for user in users[node] if _reads_each_once(user))
        if node in outputs or any(user in whole for user in plain):
            whole.add(node)
    return {
        node
        for node in graph.nodes
        if node.op.name == "gather" and len(set(users[node])) == 1 and node in whole
        and users[node][0].op.kind is Kind.ELEMENTWISE
        and _has_more(node, node.inputs[0])
    }  # fmt: skip


def _turned_rows(graph: Graph) -> dict[Node, str]:
    """Views with another last axis whose rows are reduced, together with other things.

    Their elements lie apart, one in a line; to lay them out first takes a tenth of the time.
    """
    found: dict[Node, str] = {}
    seen: set[Node] = set()
    for node in graph.nodes:
        if node.op.kind is Kind.REDUCTION and _reduces_rows(node):
            for operand in _read_through(node, _is_elementwise, seen):
                if operand.op is ops.permute_dims and is_turned(operand):
                    found[operand] = f"{LAID_OUT} {node.op.name}"
    return found


def _read_through(node: Node, is_through: Callable[[Node], bool], seen: set[Node]) -> list[Node]:
    """What a node is made of by such nodes, except for what has been seen: each value once."""
    found: list[Node] = []
    todo = list(node.inputs)
    while todo:
        operand = todo.pop()
        if operand in seen:
            continue
        seen.add(operand)
        if is_through(operand):
            todo.extend(operand.inputs)
        else:
            found.append(operand)
    return found


def _is_elementwise(node: Node) -> bool:
    return node.op.kind is Kind.ELEMENTWISE


def _reduces_rows(node: Node) -> bool:
    source = node.inputs[0]
    axes = node.attrs.get("axes", (node.attrs.get("axis"),))
    size = source.tensor.size
    return len(source.shape) - 1 in axes and (not isinstance(size, int) or size >= FEWEST)


def _reads_each_once(node: Node) -> bool:
    """Whether all elements of its operands are read for the result, each once."""
    if node.op.kind is Kind.ELEMENTWISE:
        return node.op.name != "where"
    return node.op.name in _PLAIN_VIEWS and node.op.name != "broadcast_to"


def _has_more(node: Node, other: Node) -> bool:
    """Whether it is known that a node has more elements than another one."""
    more = node.tensor.size - other.tensor.size
    return more != 0 and dims.is_nonnegative(more)


def _reason(
    node: Node, users: list[Node], is_output: bool, cost: int, weight: tuple[int, int]
) -> str | None:
    """Why the value must be stored; None if it is recomputed where it is read."""
    if is_output:
        return RESULT
    if not isinstance(node.op.lowering, Pointwise):
        return f"is a {node.op.kind.value}"
    if weight[0] > MOST_NODES or weight[1] > MOST_DEPTH:
        return "is large enough for one expression"
    if node.op.name == "after":
        return "is read again later, for what is computed once more"
    if node.op.name in _CHECKING:
        return _CHECKS
    for user in users:
        reason = _reason_for(node, user, cost, len(set(users)))
        if reason:
            return reason
    windows = sum(user.op.name in _WINDOWS for user in set(users))
    if windows >= SEVERAL and cost > CHEAP_IN_WINDOWS:
        return f"is read in {windows} windows and costs {cost} operations an element"
    if len(set(users)) > 1 and cost > _most_repeated(node) and not _repeats_elements(node):
        return f"has {len(set(users))} readers and costs {cost} operations an element"
    return None


def _most_repeated(node: Node) -> int:
    return CHEAP_ALONE if all(size == 1 for size in node.shape) else CHEAP


def _reason_for(node: Node, user: Node, cost: int, readers: int) -> str | None:
    if user.op.kind is Kind.CONTROL:
        return f"is read by the graphs of {user.op.name}"
    if user.op.kind is Kind.CONTRACTION:
        return _reason_for_product(node, user, cost, readers)
    if is_shared_out(user) and node is user.inputs[0]:
        return f"is read by every block of columns of {user.op.name}"
    if user.op.kind is Kind.SCATTER and node is user.inputs[0]:
        return None
    most = _most_repeated(node) if user.op.name == "broadcast_to" else CHEAP
    if cost > most and _rereads(node, user):
        return f"is read over and over by {user.op.name} and costs {cost} operations an element"
    return None


def is_shared_out(node: Node) -> bool:
    """Whether threads share out the columns of what a library makes: if there may be many."""
    rule = node.op.lowering
    if not isinstance(rule, Library) or not rule.columns:
        return False
    count = node.shape[-1]
    return not isinstance(count, int) or count > rule.columns


def _rereads(node: Node, user: Node) -> bool:
    """Whether the user reads elements of the node more than once, or many branches of them."""
    if user.op.name == "broadcast_to":
        return node.tensor.size != user.tensor.size
    return user.op.kind is Kind.GATHER or user.op.name == "concat"


def _spreads(node: Node) -> bool:
    """Whether it has far more elements than all that it is made of."""
    read = sum(map(_usual_size, _read_through(node, _is_formula, set())))
    return _usual_size(node) >= SPREAD * read


def _is_formula(node: Node) -> bool:
    return not is_buffer(node) and isinstance(node.op.lowering, Pointwise)


def _usual_size(node: Node) -> int:
    """Elements, where what is not known counts as USUAL."""
    size = node.tensor.size
    return dims.evaluate(size, dict.fromkeys(dims.symbols(size), USUAL))


def _repeats_elements(node: Node) -> bool:
    return node.op.name == "broadcast_to"


def _reason_for_product(node: Node, user: Node, cost: int, readers: int) -> str | None:
    """Products pack their operands, once for each block; plain loops reread them all the time."""
    if is_packed(user):
        return _reason_for_packing(node, user, cost, readers)
    transposed = False
    inner = node
    while inner.op.name in _PLAIN_VIEWS:
        transposed = transposed or _moves_last_axis(inner)
        inner = inner.inputs[0]
    if not is_buffer(inner) and isinstance(inner.op.lowering, Pointwise):
        return f"is read over and over by {user.op.name}"
    if transposed and node is user.inputs[1]:
        return f"{LAID_OUT} {user.op.name}"
    return None


def _reason_for_packing(node: Node, user: Node, cost: int, readers: int) -> str | None:
    """A formula is computed while it is packed if it is cheap and nobody else needs it."""
    inner = node
    while inner.op.name in _PLAIN_VIEWS:
        inner = inner.inputs[0]
    if is_buffer(inner) or not isinstance(inner.op.lowering, Pointwise):
        return None
    if cost > CHEAP:
        return f"is packed by {user.op.name} and costs {cost} operations an element"
    if readers > 1 and not _spreads(inner):
        return f"is packed by {user.op.name} and read by others"
    return None


def is_packed(node: Node) -> bool:
    """Whether a sum of products is of floats, and large enough to be worked on in blocks."""
    rule = node.op.lowering
    if not isinstance(rule, Reduce) or rule.combiner != "dot" or not node.dtype.is_float:
        return False
    if is_in_place(node) or is_summed(node):
        return False
    steps = dims.product((*node.shape, *rule.extents(node)))
    return not isinstance(steps, int) or steps >= FEWEST


def _moves_last_axis(view: Node) -> bool:
    if view.op.name == "permute_dims":
        axes = view.attrs["axes"]
        return bool(axes) and axes[-1] != len(axes) - 1
    return view.op.name == "reshape" and view.shape[-1:] != view.inputs[0].shape[-1:]
