"""Ops that have no derivative, made for the tests of what is said then."""

from __future__ import annotations

from dataclasses import replace

from graphc.ir.node import Node
from graphc.ir.opdef import REGISTRY, NoDerivative, OpDef
from graphc.ops.declaring import ops

_REASON = NoDerivative("is made for tests", zero=False)

#: The sine, without a derivative.
OPAQUE: OpDef = replace(REGISTRY["sin"], name="opaque", vjp=_REASON, jvp=_REASON)


def _slope(result: Node, g: Node | None) -> Node:
    assert g is not None
    return ops.neg(ops.mul(g, OPAQUE(*result.inputs)))


#: The cosine, with minus the op above as its derivative.
ONCE: OpDef = replace(
    REGISTRY["cos"], name="once",
    vjp=lambda result, g: (_slope(result, g),), jvp=lambda result, ways: _slope(result, ways[0]),
)  # fmt: skip
