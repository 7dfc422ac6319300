"""`scan`: a loop whose number of turns is known before it begins.

A carry goes from turn to turn; each turn takes a row of every sequence and may leave a row of
every stack. The results are the last carry, then the stacks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphc.control.batching import batched_scan
from graphc.control.bodies import results, returning
from graphc.control.moving import moving
from graphc.control.summing import sum_over_turns
from graphc.control.taping import Adjoint, adjoint
from graphc.control.typing import check_body, check_counts, check_same, types_of
from graphc.ir.dims import Size
from graphc.ir.dtypes import ALL
from graphc.ir.graph import Graph
from graphc.ir.inference import Inference
from graphc.ir.lowering import Control
from graphc.ir.node import Node
from graphc.ir.opdef import Array, AttrKind, Kind, OpDef, declare
from graphc.ir.types import TensorType, TupleType
from graphc.ops.declaring import attr, zeros_like


def rows_of(type_: TensorType) -> TensorType:
    """The type of a row of a sequence."""
    return type_.with_shape(type_.shape[1:])


def stacked(type_: TensorType, length: Size) -> TensorType:
    """The type of a stack of such rows."""
    return type_.with_shape((length, *type_.shape))


def _type(inference: Inference) -> TupleType:
    body, lengths = attr(inference, "body"), attr(inference, "length")
    if len(lengths) != 1:
        inference.fail(f"the length must be one dim, not {len(lengths)}")
    (length,) = lengths
    if isinstance(length, int) and length < 0:
        inference.fail(f"the length must be at least 0, not {length}")
    carries, count = attr(inference, "carries"), attr(inference, "xs")
    given = inference.tensors
    check_counts(inference, carries=carries, xs=count)
    for k, type_ in enumerate(given[carries : carries + count]):
        if not type_.shape:
            inference.fail(f"sequence {k} has no dim to go along")
        inference.same_dim(type_.shape[0], length, f"the length of sequence {k} and of the loop")
    xs = tuple(map(rows_of, given[carries : carries + count]))
    check_body(inference, body, (*given[:carries], *xs, *given[carries + count :]))
    returned = types_of(body.outputs)
    check_same(inference, "the carry given and returned", given[:carries], returned[:carries])
    stacks = (stacked(type_, length) for type_ in returned[carries:])
    return TupleType((*given[:carries], *stacks))


def _reference(attrs: dict[str, Any], *given: Array) -> tuple[Array, ...]:
    carries, count, (length,) = attrs["carries"], attrs["xs"], attrs["length"]
    carry = list(given[:carries])
    xs, captures = given[carries : carries + count], given[carries + count :]
    turns = range(length)
    stacks: list[list[Array]] = []
    for t in reversed(turns) if attrs["reverse"] else turns:
        made = attrs["body"](*carry, *(x[t] for x in xs), *captures)
        carry = made[:carries]
        stacks.append(made[carries:])
    if attrs["reverse"]:
        stacks.reverse()
    return (*carry, *stacks_of(attrs["body"], carries, stacks))


def stacks_of(body: Any, states: int, rows: Sequence[Sequence[Array]]) -> list[Array]:
    """The stacks of what a body's function has left, beside its state, in every turn.

    Without any turn they are empty, and of the types that they would have.
    """
    if rows:
        return [np.stack(column) for column in zip(*rows, strict=True)]
    return [np.stack([row])[:0] for row in body.empty()[states:]]


def split(node: Node) -> tuple[list[Node], list[Node], list[Node]]:
    """The initial carry, the sequences, and the captures of a scan."""
    carries, count = node.attrs["carries"], node.attrs["xs"]
    given = list(node.inputs)
    return given[:carries], given[carries : carries + count], given[carries + count :]


def recording(node: Node, recorded: Sequence[Node]) -> list[Node]:
    """Stacks of values of a loop's body, of a loop like it that makes these as well."""
    if not recorded:
        return []
    body = node.attrs["body"]
    attrs = {**node.attrs, "body": returning(body, [*body.outputs, *recorded])}
    return results(node.op(*node.inputs, **attrs))[len(body.outputs) :]


@dataclass(frozen=True)
class Turns:
    """The operands of a loop to be gone back through, its tape, and its turns."""

    carry: Sequence[Node]
    xs: Sequence[Node]
    captures: Sequence[Node]
    tape: Sequence[Node]
    length: Size
    reverse: bool


def unwound(made: Adjoint, g: Sequence[Node | None], turns: Turns) -> tuple[Node | None, ...]:
    """Cotangents of the operands of a loop, by one over its turns from the last to the first."""
    inits = [or_zeros(g[k], turns.carry[k]) for k in made.carried]
    inits += [zeros_like(turns.captures[k]) for k in made.summed]
    given = present([g[k] for k in made.stacks])
    rows = [*turns.xs, *given, *turns.tape]
    back = scan(
        *inits, *rows, *turns.captures, *made.body.captures, body=made.body.graph,
        carries=len(inits), xs=len(rows), length=(turns.length,), reverse=turns.reverse,
        recompute=False,
    )  # fmt: skip
    parts = results(back)
    found = dict(zip(made.carried, parts, strict=False))
    before = len(turns.carry) + len(turns.xs)
    summed = (before + k for k in made.summed)
    found |= dict(zip(summed, parts[len(made.carried) :], strict=False))
    along = (len(turns.carry) + k for k in made.rows)
    found |= dict(zip(along, parts[len(inits) :], strict=False))
    stacks = dict(zip(made.given, turns.xs, strict=True))
    stacks |= dict(zip(made.recorded, turns.tape, strict=True))
    stacks |= dict(zip(made.left, parts[len(inits) + len(made.rows) :], strict=True))
    for k, part in made.later:
        found[before + k] = sum_over_turns(part, stacks.__getitem__)
    return tuple(found.get(k) for k in range(before + len(turns.captures)))


def or_zeros(g: Node | None, like: Node) -> Node:
    """The derivative, or zeros like a node where there is none."""
    return zeros_like(like) if g is None else g


def _vjp(result: Node, g: tuple[Node | None, ...]) -> tuple[Node | None, ...]:
    """A scan the other way round over the rows, the cotangents of stacks, and the tape."""
    carry, xs, captures = split(result)
    attrs = result.attrs
    given = [part is not None for part in g]
    made = adjoint(attrs["body"], len(carry), len(xs), given, again=attrs["recompute"])
    tape = recording(result, made.recorded)
    (length,), back = attrs["length"], not attrs["reverse"]
    return unwound(made, g, Turns(carry, xs, captures, tape, length, back))


def _jvp(result: Node, tangents: tuple[Node | None, ...]) -> tuple[Node | None, ...]:
    """A scan with the tangents of the carry, beside the carry, as a further carry."""
    carry, xs, captures = split(result)
    attrs = result.attrs
    body: Graph = attrs["body"]
    made = moving(body, len(carry), len(xs), tangents)
    inits = [*carry, *(or_zeros(tangents[k], carry[k]) for k in made.carried)]
    before = len(carry) + len(xs)
    rows = [*xs, *present(tangents[len(carry) : before])]
    fixed = [*captures, *present(tangents[before:])]
    whole = scan(
        *inits, *rows, *fixed, *made.body.captures, body=made.body.graph, carries=len(inits),
        xs=len(rows), length=attrs["length"], reverse=attrs["reverse"],
        recompute=attrs["recompute"],
    )  # fmt: skip
    return tuple(made.tangents_of(results(whole), len(carry), len(body.outputs)))


def present(tangents: Sequence[Node | None]) -> list[Node]:
    """The tangents that there are."""
    return [tangent for tangent in tangents if tangent is not None]


scan = declare(
    OpDef(
        "scan", Kind.CONTROL, None,
        {
            "body": AttrKind.GRAPH, "carries": AttrKind.INT, "xs": AttrKind.INT,
            "length": AttrKind.SHAPE, "reverse": AttrKind.BOOL, "recompute": AttrKind.BOOL,
        },
        _type, _reference, _vjp, _jvp, batched_scan, Control(), ALL, (),
        "A loop along sequences, with a carry from turn to turn and rows that it leaves.",
    )
)  # fmt: skip
