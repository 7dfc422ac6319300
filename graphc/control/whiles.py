"""`while_loop`: turns as long as a condition holds that depends on data.

A state goes from turn to turn. The body may return more than the next state: that is recorded,
turn by turn, in stacks whose length is the number of turns, a dim that is known when the loop is
over. This is the tape on which reverse accumulation goes back, as a `scan` of that length.
"""

from __future__ import annotations

from typing import Any

from graphc.control.batching import batched_while
from graphc.control.bodies import applied, results
from graphc.control.moving import moving
from graphc.control.scans import Turns, or_zeros, present, recording, stacked, stacks_of, unwound
from graphc.control.taping import adjoint
from graphc.control.typing import check_body, check_counts, check_same, types_of
from graphc.errors import IterationLimitError
from graphc.ir.dims import FOUND, symbol
from graphc.ir.dtypes import ALL
from graphc.ir.graph import Graph, extract
from graphc.ir.inference import Inference
from graphc.ir.lowering import Control
from graphc.ir.node import Node
from graphc.ir.opdef import Array, AttrKind, Kind, OpDef, declare
from graphc.ir.types import TupleType
from graphc.ops.declaring import attr


def _type(inference: Inference) -> TupleType:
    condition, body = attr(inference, "condition"), attr(inference, "body")
    given, states = inference.tensors, attr(inference, "states")
    check_counts(inference, states=states)
    _check_turns(attr(inference, "turns"), attr(inference, "most"), inference)
    for graph in (condition, body):
        check_body(inference, graph, given)
    if len(condition.outputs) != 1:
        inference.fail(f"the condition must give one value, not {len(condition.outputs)}")
    (goes_on,) = types_of(condition.outputs)
    if goes_on.shape != () or not goes_on.dtype.is_bool:
        inference.fail(f"the condition must be bool[], not {goes_on}")
    returned = types_of(body.outputs)
    check_same(inference, "the state given and returned", given[:states], returned[:states])
    length = symbol(attr(inference, "turns"))
    return TupleType((*given[:states], *(stacked(type_, length) for type_ in returned[states:])))


def _check_turns(turns: str, most: int, inference: Inference) -> None:
    if not turns.startswith(FOUND):
        inference.fail(f"turns must be a name with {FOUND}, not {turns!r}")
    if most < 0:
        inference.fail(f"the most turns must be at least 0, not {most}")


def limit_text(most: int) -> str:
    """What an error says of a loop that has taken more turns than it may."""
    return f"the condition still holds after {most} turns, as many as max_iterations allows"


def _reference(attrs: dict[str, Any], *given: Array) -> tuple[Array, ...]:
    states, most = attrs["states"], attrs["most"]
    state, captures = list(given[:states]), given[states:]
    rows: list[list[Array]] = []
    while attrs["condition"](*state, *captures)[0]:
        if most and len(rows) == most:
            raise IterationLimitError(limit_text(most))
        made = attrs["body"](*state, *captures)
        state = made[:states]
        rows.append(made[states:])
    return (*state, *stacks_of(attrs["body"], states, rows))


def _vjp(result: Node, g: tuple[Node | None, ...]) -> tuple[Node | None, ...]:
    """A scan over the tape, from the last turn to the first."""
    attrs, states = result.attrs, result.attrs["states"]
    given = [part is not None for part in g]
    made = adjoint(attrs["body"], states, 0, given, again=attrs["recompute"], counts=True)
    tape = recording(result, made.recorded)
    state, captures = result.inputs[:states], result.inputs[states:]
    return unwound(made, g, Turns(state, (), captures, tape, symbol(attrs["turns"]), True))


def _jvp(result: Node, tangents: tuple[Node | None, ...]) -> tuple[Node | None, ...]:
    """A loop of as many turns, with the tangents of the state beside the state."""
    attrs, states = result.attrs, result.attrs["states"]
    body: Graph = attrs["body"]
    condition: Graph = attrs["condition"]
    made = moving(body, states, 0, tangents)
    whole = made.body.graph
    places = whole.placeholders
    own = result.inputs[states:]
    mine = [*places[:states], *places[states + len(made.carried) :][: len(own)]]
    test = extract(condition.name, applied(condition, mine), inputs=places)
    moves = [or_zeros(tangents[k], result.inputs[k]) for k in made.carried]
    state, fixed = [*result.inputs[:states], *moves], [*own, *present(tangents[states:])]
    loop = while_loop(
        *state, *fixed, *made.body.captures,
        condition=test, body=whole, states=len(state), turns=attrs["turns"],
        most=attrs["most"], recompute=attrs["recompute"],
    )  # fmt: skip
    return tuple(made.tangents_of(results(loop), states, len(body.outputs)))


while_loop = declare(
    OpDef(
        "while_loop", Kind.CONTROL, None,
        {
            "condition": AttrKind.GRAPH, "body": AttrKind.GRAPH, "states": AttrKind.INT,
            "turns": AttrKind.TEXT, "most": AttrKind.INT, "recompute": AttrKind.BOOL,
        },
        _type, _reference, _vjp, _jvp, batched_while, Control(), ALL, (),
        "A loop that goes on while a condition on its state holds.",
    )
)  # fmt: skip
