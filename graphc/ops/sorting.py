"""Sorting along an axis."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.ir.dtypes import ALL, FLOATS, INTEGERS, int64
from graphc.ir.inference import Inference
from graphc.ir.lowering import Sort
from graphc.ir.node import Node
from graphc.ir.opdef import Arg, AttrKind, Kind, Sample
from graphc.ir.types import TensorType
from graphc.ops.batching import axes_after
from graphc.ops.declaring import DISCRETE, attr, ops, structured, zeros_like

NUMBERS = FLOATS + INTEGERS
_SAMPLES = tuple(
    Sample((Arg(shape, spread=True),), {"axis": axis})
    for shape, axis in (
        ((7,), 0), ((0,), 0), ((1,), 0), ((3, 35), 1), ((6, 5), 0), ((2, 4, 3), 1), ((2, 0), 0)
    )
)  # fmt: skip


def _axis_of(node: Any) -> int:
    return int(attr(node, "axis"))


def _sorted_type(inference: Inference) -> TensorType:
    inference.axis(_axis_of(inference), inference.tensor(0).rank)
    return inference.tensor(0)


def along_axis(order: Node, axis: int) -> list[Node]:
    """Index tensors, one for every axis, that read `order` along its axis."""
    return [
        order if k == axis else ops.iota(shape=order.shape, axis=k, dtype=int64)
        for k in range(len(order.shape))
    ]


def _reading(order: Node, axis: int) -> tuple[list[Node], dict[str, Any]]:
    rank = len(order.shape)
    return along_axis(order, axis), {"axes": tuple(range(rank)), "position": 0}


def _sort_vjp(result: Node, g: Node) -> tuple[Node | None, ...]:
    (x,) = result.inputs
    indices, attrs = _reading(ops.argsort(x, axis=_axis_of(result)), _axis_of(result))
    return (ops.scatter_add(zeros_like(x), *indices, g, **attrs),)


def _sort_jvp(result: Node, tangents: tuple[Node | None, ...]) -> Node:
    (x,), (tangent,) = result.inputs, tangents
    assert tangent is not None
    indices, attrs = _reading(ops.argsort(x, axis=_axis_of(result)), _axis_of(result))
    return ops.gather(tangent, *indices, **attrs)


sort = structured(
    "sort", "The elements in ascending order along an axis, NaN last.", Kind.SORT,
    attrs={"axis": AttrKind.INT}, infer=_sorted_type,
    reference=lambda attrs, x: np.sort(x, attrs["axis"], kind="stable"),
    vjp=_sort_vjp, jvp=_sort_jvp, batch=axes_after("axis"),
    lowering=Sort(_axis_of, positions=False), dtypes=NUMBERS,
    samples=_SAMPLES, exact=True,
)  # fmt: skip

argsort = structured(
    "argsort", "Positions that sort the elements along an axis; equal ones stay in order.",
    Kind.SORT, attrs={"axis": AttrKind.INT},
    infer=lambda inference: _sorted_type(inference).with_dtype(int64),
    reference=lambda attrs, x: np.argsort(x, attrs["axis"], kind="stable").astype(np.int64),
    vjp=DISCRETE, jvp=DISCRETE, batch=axes_after("axis"),
    lowering=Sort(_axis_of, positions=True), dtypes=ALL,
    samples=_SAMPLES, exact=True,
)  # fmt: skip
