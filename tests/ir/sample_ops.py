"""Ops that exist only in tests: one that holds graphs, one with several results, one with every
kind of attribute."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from graphc.ir.dims import Guard
from graphc.ir.dtypes import ALL
from graphc.ir.graph import Graph
from graphc.ir.inference import Inference
from graphc.ir.opdef import REGISTRY, AttrKind, Kind, NoBatching, NoDerivative, OpDef
from graphc.ir.types import TensorType, TupleType, Type

_NONE = NoDerivative("is for tests only", zero=False)


def _op(name: str, infer: Any, *, arity: int | None, attrs: dict[str, AttrKind]) -> OpDef:
    return OpDef(
        name=name,
        kind=Kind.STRUCTURE,
        arity=arity,
        attrs=attrs,
        infer=infer,
        reference=lambda attrs, *arrays: np.zeros(()),
        vjp=_NONE,
        jvp=_NONE,
        batch=NoBatching("is for tests only"),
        lowering=None,
        dtypes=ALL,
        samples=(),
        doc="For tests.",
    )


def _call_type(inference: Inference) -> Type:
    """The inputs go to the body's placeholders; its outputs are the results."""
    body: Graph = inference.attrs["body"]
    if len(inference.types) != len(body.placeholders):
        inference.fail("needs an input for each placeholder of its body")
    for given, wanted in zip(inference.types, body.placeholders, strict=True):
        assert isinstance(given, TensorType)
        inference.same_shape(given.shape, wanted.shape)
    inference.guards.extend(guard for guard in body.guards if isinstance(guard, Guard))
    types = tuple(node.tensor for node in body.outputs)
    return types[0] if len(types) == 1 else TupleType(types)


def _halves_type(inference: Inference) -> Type:
    whole = inference.tensor(0)
    half = whole.with_shape((whole.shape[0] // 2, *whole.shape[1:]))
    return TupleType((half, half))


call = _op("call", _call_type, arity=None, attrs={"body": AttrKind.GRAPH})
halves = _op("halves", _halves_type, arity=1, attrs={})
every = _op(
    "every",
    lambda inference: inference.tensor(0),
    arity=1,
    attrs={f"a_{kind.value}": kind for kind in AttrKind if kind is not AttrKind.GRAPH},
)


@pytest.fixture
def sample_ops(monkeypatch: pytest.MonkeyPatch) -> None:
    """Register the ops of this file for one test."""
    for op in (call, halves, every):
        monkeypatch.setitem(REGISTRY, op.name, op)
