"""The body of a loop turned around, and what the loop must record for it.

Going back through a turn takes values of that turn. Rows of sequences and captures are at hand;
what is cheap is computed once more; the rest is recorded, turn by turn, on the *tape*. What has a
size that differs from turn to turn, because a loop inside has found it, is never recorded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from graphc.autodiff.reverse import cotangents, dependents, has_floats
from graphc.control.bodies import Body, cut, is_sunk, parameter_like
from graphc.control.summing import rows_of_sum
from graphc.ir import dims
from graphc.ir.graph import Graph, downstream, topological
from graphc.ir.node import Node
from graphc.ir.opdef import Kind
from graphc.ir.types import TensorType
from graphc.ops.declaring import ops, zeros_like

#: Machine operations an element may cost and still be computed again when going back.
CHEAP = 6


@dataclass(frozen=True)
class Adjoint:
    """A turn backwards.

    The parameters of the body are cotangents of the carry, by `carried`, and sums for captures, by
    `summed`; then the rows of the sequences, of the cotangents of `stacks` and of the tape; then
    the captures. It returns the first two anew, then cotangents of the rows, by `rows`, and what is
    `left`. The captures of `later` get sums over all turns when the loop is over; `given` are the
    rows of the sequences.
    """

    body: Body
    recorded: tuple[Node, ...]
    carried: tuple[int, ...]
    summed: tuple[int, ...]
    stacks: tuple[int, ...]
    rows: tuple[int, ...]
    left: tuple[Node, ...]
    later: tuple[tuple[int, Node], ...]
    given: tuple[Node, ...]


def adjoint(
    graph: Graph,
    carries: int,
    rows: int,
    given: Sequence[bool],
    *,
    again: bool,
    counts: bool = False,
) -> Adjoint:
    """The turn backwards, where some results of the loop have cotangents.

    With `again`, nothing but the carry is recorded. If the tape `counts`, it tells the number of
    turns, so something is recorded in any case.
    """
    return _Turning(graph, carries, rows, given, again, counts).make()


class _Turning:
    def __init__(
        self,
        graph: Graph,
        carries: int,
        rows: int,
        given: Sequence[bool],
        again: bool,
        counts: bool,
    ) -> None:
        self.graph, self.carries, self.again, self.counts = graph, carries, again, counts
        places = graph.placeholders
        self.carry = places[:carries]
        self.rows = places[carries : carries + rows]
        self.captures = places[carries + rows :]
        self.stacks = [k for k in range(carries, len(given)) if given[k]]
        self.carried = self._carried({k for k in range(carries) if given[k]})

    def _carried(self, given: set[int]) -> list[int]:
        """The parts of the carry on which something depends that has a cotangent."""
        outputs = self.graph.outputs
        while True:
            ends = [outputs[k] for k in (*given, *self.stacks)]
            more = {
                k
                for k, place in enumerate(self.carry)
                if k not in given and has_floats(place) and self._reach(place, ends)
            }
            if not more:
                return sorted(given)
            given |= more

    def _reach(self, place: Node, ends: Sequence[Node]) -> bool:
        active = dependents(self.graph.nodes, [place])
        return any(end in active for end in ends)

    def make(self) -> Adjoint:
        outputs = [self.graph.outputs[k] for k in (*self.carried, *self.stacks)]
        seeds = [parameter_like(node) for node in outputs]
        rows = [k for k, place in enumerate(self.rows) if has_floats(place)]
        summed = [k for k, place in enumerate(self.captures) if has_floats(place)]
        wanted = [self.carry[k] for k in self.carried]
        wanted += [self.rows[k] for k in rows] + [self.captures[k] for k in summed]
        found = cotangents(outputs, wanted, seeds)
        back, others = found[: len(self.carried)], found[len(self.carried) :]
        rows, along = _present(rows, others[: len(rows)])
        summed, into = _present(summed, others[len(others) - len(summed) :])
        ends = [part for part in (*back, *along, *into) if part is not None]
        back_nodes = downstream(topological(ends), seeds)
        later = {} if self.counts else self._later(summed, into)
        kept = [(k, part) for k, part in zip(summed, into, strict=True) if k not in later]
        sums = [parameter_like(part) for _, part in kept]
        returned = [
            zeros_like(place) if part is None else part
            for part, place in zip(back, (self.carry[k] for k in self.carried), strict=True)
        ]
        returned += [ops.add(total, part) for total, (_, part) in zip(sums, kept, strict=True)]
        returned += along
        wanted_rows = dict.fromkeys(row for _, found in later.values() for row in found)
        left = [row for row in wanted_rows if row in back_nodes]
        taped = [row for row in wanted_rows if row not in back_nodes and row not in self.rows]
        tape = _Tape(seeds, self.carry, (*self.rows, *self.captures), self.again).of(
            [*returned, *left], taped
        )
        if self.counts and not tape:
            tape = [ops.constant(value=np.zeros((), np.bool_))]
        count = len(self.carried)
        parameters = [*seeds[:count], *sums, *self.rows, *seeds[count:], *tape, *self.captures]
        body = cut(f"{self.graph.name}_vjp", parameters, [*returned, *left])
        return Adjoint(
            body,
            tuple(tape),
            tuple(self.carried),
            tuple(k for k, _ in kept),
            tuple(self.stacks),
            tuple(rows),
            tuple(left),
            tuple((k, part) for k, (part, _) in later.items()),
            tuple(self.rows),
        )

    def _later(
        self, summed: Sequence[int], into: Sequence[Node]
    ) -> dict[int, tuple[Node, list[Node]]]:
        """What is summed over all turns when the loop is over: the terms, and rows for them."""
        found: dict[int, tuple[Node, list[Node]]] = {}
        for k, part in zip(summed, into, strict=True):
            rows = None if self.again else rows_of_sum(part)
            if rows is not None and not any(row in self.captures for row in rows):
                found[k] = part, rows
        return found


def _present(numbers: list[int], parts: Sequence[Node | None]) -> tuple[list[int], list[Node]]:
    """The numbers of the parts that there are, and these."""
    pairs = [(k, part) for k, part in zip(numbers, parts, strict=True) if part is not None]
    return [k for k, _ in pairs], [part for _, part in pairs]


class _Tape:
    """Chooses what is recorded of all that goes back through a turn."""

    def __init__(
        self, seeds: Sequence[Node], carry: Sequence[Node], at_hand: Sequence[Node], again: bool
    ) -> None:
        self.seeds, self.carry, self.at_hand = seeds, set(carry), set(at_hand)
        self.again = again
        self.leaves: dict[Node, dict[Node, None]] = {}

    def of(self, returned: Sequence[Node], taped: Sequence[Node] = ()) -> list[Node]:
        """The values to record, in order: enough to compute all that is read of the turn.

        Those of `taped` are recorded in any case.
        """
        order = topological(returned)
        back = downstream(order, self.seeds)
        read: dict[Node, None] = dict.fromkeys(node for node in returned if node not in back)
        for node in order:
            if node in back:
                read.update((operand, None) for operand in node.inputs if operand not in back)
        kept: dict[Node, None] = dict.fromkeys(taped)
        self.leaves |= {node: {node: None} for node in taped}
        cheap = [node for node in order if node in read and self._is_cheap(node)]
        for node in order:
            if node in read and node not in cheap and node not in self.at_hand:
                kept.update(self._from(node))
        for node in cheap:
            missing = [leaf for leaf in self._from(node) if leaf not in kept]
            if len(missing) > 1 and self._can_be_recorded(node) and not self.again:
                missing = [node]
                self.leaves[node] = {node: None}
            kept.update(dict.fromkeys(missing))
        return list(kept)

    def _from(self, node: Node) -> dict[Node, None]:
        """What must be recorded for the node to be known; iterative, since bodies may be deep."""
        stack = [node]
        while stack:
            top = stack[-1]
            if top in self.leaves:
                stack.pop()
            elif self._is_recorded(top):
                self.leaves[top] = {top: None}
            else:
                parts = () if top in self.at_hand else top.inputs
                missing = [part for part in parts if part not in self.leaves]
                if missing:
                    stack.extend(missing)
                    continue
                self.leaves[top] = {leaf: None for part in parts for leaf in self.leaves[part]}
        return self.leaves[node]

    def _is_recorded(self, node: Node) -> bool:
        if node in self.carry:
            return True
        if node in self.at_hand or not node.inputs or is_sunk(node):
            return False
        return self._can_be_recorded(node) and not self.again and not self._is_cheap(node)

    def _can_be_recorded(self, node: Node) -> bool:
        return isinstance(node.type, TensorType) and not _found_by_loops(node)

    def _is_cheap(self, node: Node) -> bool:
        if not node.inputs or node in self.at_hand:
            return False
        kind = node.op.kind
        return kind is Kind.VIEW or (kind is Kind.ELEMENTWISE and node.op.cost <= CHEAP)


def _found_by_loops(node: Node) -> bool:
    """Whether a size of the value is known only when a loop is over."""
    return any(dims.is_found(size) for size in node.shape)
