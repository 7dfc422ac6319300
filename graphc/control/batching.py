"""Branches and loops for a batch of members at once: the batching rules of ops that hold graphs.

What decides (a predicate, a condition) may differ from member to member. Then both branches are
computed and chosen from, and a loop goes on for as long as some member does, while the state of
those that are done stays as it is. What such a loop records then has zeros for members that are
done, and a scan of as many turns, which goes back over the record, leaves these members out.
"""

from __future__ import annotations

from collections.abc import Sequence

from graphc.control.bodies import applied, results
from graphc.ir.dims import Size
from graphc.ir.graph import Graph, extract
from graphc.ir.node import Node
from graphc.ir.opdef import Batched
from graphc.ops.batching import from_axis, to_axis
from graphc.ops.declaring import ops, repeated, zeros_like
from graphc.ops.vectorization import batched_graph, notes

Flags = Sequence[bool]


def batched_branch(
    node: Node, inputs: tuple[Node, ...], batched: tuple[bool, ...], size: Size
) -> tuple[Batched, ...]:
    """The rule of `cond`."""
    flags, graphs = batched[1:], (node.attrs["then"], node.attrs["otherwise"])
    if batched[0]:
        return _chosen(graphs, inputs, flags, size)
    either = [batched_graph(graph, flags, size)[1] for graph in graphs]
    has = [any(pair) for pair in zip(*either, strict=True)]
    then, otherwise = (batched_graph(graph, flags, size, has)[0] for graph in graphs)
    made = node.op(*inputs, then=then, otherwise=otherwise)
    return tuple(map(Batched, results(made), has))


def _chosen(
    graphs: Sequence[Graph], inputs: tuple[Node, ...], flags: Flags, size: Size
) -> tuple[Batched, ...]:
    """Both branches for all members, and of each member the one that it takes."""
    pred, *operands = inputs
    then, otherwise = (applied(_all_batched(graph, flags, size), operands) for graph in graphs)
    pairs = zip(then, otherwise, strict=True)
    return tuple(Batched(_where(pred, one, other), True) for one, other in pairs)


def batched_scan(
    node: Node, inputs: tuple[Node, ...], batched: tuple[bool, ...], size: Size
) -> tuple[Batched, ...]:
    """The rule of `scan`: rows of all members are taken together."""
    carries, rows = node.attrs["carries"], node.attrs["xs"]
    live = notes().get(str(node.attrs["length"][0]))
    if live is not None:
        return _scan_of_some(node, inputs, batched, size, live)
    flags, has = _settled(node.attrs["body"], batched, carries, size)
    body, _ = batched_graph(node.attrs["body"], flags, size, has)
    given = _scanned(node, inputs, batched, flags, size)
    made = node.op(*given, *inputs[carries + rows :], **{**node.attrs, "body": body})
    return _results(made, carries, has)


def _scan_of_some(
    node: Node, inputs: tuple[Node, ...], batched: tuple[bool, ...], size: Size, live: Node
) -> tuple[Batched, ...]:
    """A scan over the turns of a loop, of which each member takes those in which it is live."""
    carries, rows = node.attrs["carries"], node.attrs["xs"]
    flags = (*(True,) * carries, *batched[carries:])
    turn = _all_batched(node.attrs["body"], flags, size)
    places, row = turn.placeholders, ops.placeholder(shape=(size,), dtype=live.dtype)
    outputs = _of_the_live(row, turn.outputs, places[:carries])
    takes = [*places[: carries + rows], row, *places[carries + rows :]]
    attrs = {**node.attrs, "body": extract(turn.name, outputs, inputs=takes), "xs": rows + 1}
    given = _scanned(node, inputs, batched, flags, size)
    made = node.op(*given, live, *inputs[carries + rows :], **attrs)
    return _results(made, carries, [True] * len(outputs))


def _scanned(
    node: Node, inputs: Sequence[Node], batched: Flags, flags: Flags, size: Size
) -> list[Node]:
    """The carry and the sequences of a scan; the rows of these lie in front of the batch."""
    carries, rows = node.attrs["carries"], node.attrs["xs"]
    given = _carry(inputs[:carries], batched, flags, size)
    for k in range(carries, carries + rows):
        given.append(to_axis(inputs[k], 1) if batched[k] else inputs[k])
    return given


def _of_the_live(live: Node, made: Sequence[Node], old: Sequence[Node]) -> list[Node]:
    """What a turn makes for members that take it: others keep the old state, and leave zeros."""
    kept = [_where(live, new, before) for new, before in zip(made, old, strict=False)]
    return kept + [_where(live, row, zeros_like(row)) for row in made[len(old) :]]


def batched_while(
    node: Node, inputs: tuple[Node, ...], batched: tuple[bool, ...], size: Size
) -> tuple[Batched, ...]:
    """The rule of `while_loop`; members may take different numbers of turns."""
    states, body, condition = (node.attrs[key] for key in ("states", "body", "condition"))
    flags, has = _settled(body, batched, states, size)
    _, (differs,) = batched_graph(condition, flags, size)
    if differs:
        return _until_all_are_done(node, inputs, batched, size)
    attrs = {
        **node.attrs,
        "condition": batched_graph(condition, flags, size)[0],
        "body": batched_graph(body, flags, size, has)[0],
    }
    made = node.op(*_carry(inputs[:states], batched, flags, size), *inputs[states:], **attrs)
    return _results(made, states, has)


def _until_all_are_done(
    node: Node, inputs: tuple[Node, ...], batched: tuple[bool, ...], size: Size
) -> tuple[Batched, ...]:
    """A loop that members leave one after another."""
    states, body = node.attrs["states"], node.attrs["body"]
    flags = (*(True,) * states, *batched[states:])
    test = _all_batched(node.attrs["condition"], flags, size)
    turn = _all_batched(body, flags, size)
    places = turn.placeholders
    (live,) = applied(test, places)
    outputs = _of_the_live(live, turn.outputs, places[:states])
    records = len(outputs) > states
    if records:
        outputs.append(live)
    attrs = {
        **node.attrs,
        "condition": extract(test.name, [ops.any(live, axes=(0,))], inputs=places),
        "body": extract(turn.name, outputs, inputs=places),
    }
    made = node.op(*_carry(inputs[:states], batched, flags, size), *inputs[states:], **attrs)
    parts = results(made)
    if records:
        notes()[node.attrs["turns"]] = parts.pop()
    return _placed(parts, states, [True] * len(parts))


def _settled(body: Graph, batched: Flags, carries: int, size: Size) -> tuple[list[bool], Flags]:
    """Which parameters of a body have the axis in some turn, and which of its results then do."""
    flags = list(batched)
    while True:
        _, has = batched_graph(body, flags, size)
        carried = [one or other for one, other in zip(flags[:carries], has[:carries], strict=True)]
        if carried == flags[:carries]:
            return flags, (*carried, *has[carries:])
        flags[:carries] = carried


def _carry(nodes: Sequence[Node], batched: Flags, flags: Flags, size: Size) -> list[Node]:
    """What a loop begins with, repeated for all members where they will differ."""
    return [
        repeated(node, size) if flags[k] and not batched[k] else node
        for k, node in enumerate(nodes)
    ]


def _results(loop: Node, carries: int, has: Flags) -> tuple[Batched, ...]:
    return _placed(results(loop), carries, has)


def _placed(parts: Sequence[Node], carries: int, has: Flags) -> tuple[Batched, ...]:
    """The results of a loop; in stacks the axis comes behind the first one."""
    return tuple(
        Batched(from_axis(part, 1) if has_axis and k >= carries else part, has_axis)
        for k, (part, has_axis) in enumerate(zip(parts, has, strict=True))
    )


def _all_batched(graph: Graph, flags: Flags, size: Size) -> Graph:
    """The graph for a batch, all of its outputs with the axis."""
    return batched_graph(graph, flags, size, [True] * len(graph.outputs))[0]


def _where(choice: Node, one: Node, other: Node) -> Node:
    """One value or another for each member."""
    column = ops.reshape(choice, shape=(*choice.shape, *(1,) * (len(one.shape) - 1)))
    return ops.where(ops.broadcast_to(column, shape=one.shape), one, other)
