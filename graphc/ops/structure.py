"""Ops that pass values on: conversion, names, barriers to derivatives, and parts of tuples."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.ir import scalar
from graphc.ir.dims import Size
from graphc.ir.dtypes import ALL, DType, bool_
from graphc.ir.inference import Inference
from graphc.ir.lowering import Part, Pointwise, Read
from graphc.ir.node import Node
from graphc.ir.opdef import (
    Arg,
    Array,
    AttrKind,
    Kind,
    NoBatching,
    NoDerivative,
    Sample,
)
from graphc.ir.scalar import Expr, Index
from graphc.ir.types import TensorType, TupleType
from graphc.ops.declaring import attr, member_by_member, ops, repeated, structured, zeros_like


def _pass_on(node: Node, index: Index, read: Read) -> Expr:
    return read(0, index)


identity = structured(
    "identity", "The input itself, under a name of its own.", Kind.VIEW, attrs={},
    infer=lambda inference: inference.tensor(0), reference=lambda attrs, x: x,
    vjp=lambda r, g: (g,), batch=member_by_member, lowering=Pointwise(_pass_on), dtypes=ALL,
    samples=(Sample((Arg((3, 5)),)), Sample((Arg(()),))), exact=True,
)  # fmt: skip

stop_gradient = structured(
    "stop_gradient", "The input itself, taken as constant by derivatives.", Kind.VIEW, attrs={},
    infer=lambda inference: inference.tensor(0), reference=lambda attrs, x: x,
    vjp=NoDerivative("is told to be constant"), jvp=NoDerivative("is told to be constant"),
    batch=member_by_member,
    lowering=Pointwise(_pass_on), dtypes=ALL, samples=(Sample((Arg((3, 5)),)),), exact=True,
)  # fmt: skip


def saturating_cast(x: Array, dtype: DType) -> Array:
    """The array converted; floats out of an integer's range give its ends, and NaN gives 0."""
    if dtype.is_bool:
        return np.asarray(x != 0)
    if x.dtype.kind != "f" or not dtype.is_integer:
        return x.astype(dtype.numpy)
    info = np.iinfo(dtype.numpy)
    whole = np.trunc(np.nan_to_num(x, nan=0.0, posinf=np.inf, neginf=-np.inf))
    below, above = whole <= float(info.min), whole >= float(info.max)
    inside = np.where(below | above, 0, whole).astype(dtype.numpy)
    ends = np.where(below, info.min, info.max).astype(dtype.numpy)
    return np.where(below | above, ends, inside)


def _astype_element(node: Node, index: Index, read: Read) -> Expr:
    return scalar.cast(read(0, index), node.dtype)


def _astype_vjp(result: Node, g: Node) -> tuple[Node | None, ...]:
    return (ops.astype(g, dtype=result.inputs[0].dtype),)


def _astype_jvp(result: Node, tangents: tuple[Node | None, ...]) -> Node:
    (tangent,) = tangents
    return zeros_like(result) if tangent is None else ops.astype(tangent, dtype=result.dtype)


astype = structured(
    "astype",
    "The numbers in another dtype; floats are cut towards zero and kept in range for integers.",
    Kind.ELEMENTWISE, attrs={"dtype": AttrKind.DTYPE},
    infer=lambda inference: inference.tensor(0).with_dtype(attr(inference, "dtype")),
    reference=lambda attrs, x: saturating_cast(x, attrs["dtype"]),
    vjp=_astype_vjp, jvp=_astype_jvp, batch=member_by_member,
    lowering=Pointwise(_astype_element), dtypes=ALL,
    samples=tuple(
        Sample((Arg(shape, -100.0, 300.0),), {"dtype": dtype})
        for dtype in ALL for shape in ((), (37,))
    ),
    exact=True,
)  # fmt: skip


def _item_type(inference: Inference) -> TensorType:
    whole, k = inference.types[0], attr(inference, "k")
    if not isinstance(whole, TupleType):
        inference.fail("takes a result of an op that has several")
    if not 0 <= k < len(whole.elements):
        inference.fail(f"there is no result {k}")
    element: TensorType = whole.elements[k]
    return element


def _item_reference(attrs: dict[str, Any], whole: tuple[Array, ...]) -> Array:
    element: Array = whole[attrs["k"]]
    return element


item = structured(
    "item", "One result of an op that has several.", Kind.STRUCTURE,
    attrs={"k": AttrKind.INT}, infer=_item_type, reference=_item_reference,
    vjp=NoDerivative("is differentiated with the op that made the tuple", zero=False),
    jvp=NoDerivative("is differentiated with the op that made the tuple", zero=False),
    batch=NoBatching("is done with the op that made the tuple"),
    lowering=Part(), dtypes=ALL, samples=(), exact=True,
)  # fmt: skip


def _after_type(inference: Inference) -> TensorType:
    return inference.tensor(0)


def _after_jvp(result: Node, tangents: tuple[Node | None, ...]) -> Node:
    tangent = tangents[0]
    return zeros_like(result) if tangent is None else tangent


def _after_batched(
    node: Node, inputs: tuple[Node, ...], batched: tuple[bool, ...], size: Size
) -> Node:
    x, signal = inputs
    return node.op(x if batched[0] else repeated(x, size), signal)


after = structured(
    "after", "The first input, read once the second is known: what is computed of it is so again.",
    Kind.STRUCTURE, arity=2, attrs={}, infer=_after_type, reference=lambda attrs, x, signal: x,
    vjp=lambda r, g: (g, None), jvp=_after_jvp, batch=_after_batched,
    lowering=Pointwise(_pass_on), dtypes=ALL,
    samples=tuple(Sample((Arg(shape), Arg((2,), dtype=bool_))) for shape in ((3, 5), ())),
    exact=True,
)  # fmt: skip
