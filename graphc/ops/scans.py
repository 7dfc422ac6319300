"""Running sums, products and maxima."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.ir.dtypes import FLOATS, INTEGERS, int64
from graphc.ir.inference import Inference
from graphc.ir.lowering import Scan
from graphc.ir.node import Node
from graphc.ir.opdef import Arg, AttrKind, Kind, Sample
from graphc.ir.types import TensorType
from graphc.ops.algebra import mul
from graphc.ops.batching import axes_after
from graphc.ops.declaring import (
    INTEGER_INPUTS,
    attr,
    linear_jvp,
    ops,
    restricted,
    scalar_like,
    structured,
    zeros_like,
)

NUMBERS = FLOATS + INTEGERS
_SAMPLES = tuple(
    Sample((Arg(shape),), {"axis": axis})
    for shape, axis in (((7,), 0), ((0,), 0), ((1,), 0), ((3, 20), 0), ((3, 20), 1), ((2, 3, 5), 1))
)


def _axis_of(node: Any) -> int:
    return int(attr(node, "axis"))


def _scan_type(inference: Inference) -> TensorType:
    source = inference.tensor(0)
    inference.require_kind(0, "fiu", "numbers; convert bool with gc.astype")
    inference.axis(_axis_of(inference), source.rank)
    return source


def _reverse_sum(g: Node, axis: int) -> Node:
    return ops.flip(ops.cumsum(ops.flip(g, axes=(axis,)), axis=axis), axes=(axis,))


structured(
    "cumsum", "Running sum along an axis, each element included.", Kind.SCAN,
    attrs={"axis": AttrKind.INT}, infer=_scan_type,
    reference=lambda attrs, x: np.cumsum(x, attrs["axis"], dtype=x.dtype),
    vjp=lambda r, g: (_reverse_sum(g, _axis_of(r)),), jvp=linear_jvp,
    batch=axes_after("axis"),
    lowering=Scan("sum", _axis_of), dtypes=NUMBERS, samples=_SAMPLES,
)  # fmt: skip


def _sensitivities(result: Node) -> Node:
    """S[..., i, k] = d out_i / d x_k: the product of x_0..x_i without x_k, and 0 for k > i.

    Of quadratic size along the axis, in exchange for being right where elements are 0 and
    differentiable again. The scanned axis comes first in pairs (i, k) at the end.
    """
    (x,) = result.inputs
    axis, rank = _axis_of(result), len(x.shape)
    count = x.shape[axis]
    row = _to_end(x, axis)
    lead = row.shape[:-1]
    pair = (*lead, count, count)
    columns = ops.broadcast_to(ops.reshape(row, shape=(*lead, count, 1)), shape=pair)
    i = ops.iota(shape=pair, axis=rank - 1, dtype=int64)
    k = ops.iota(shape=pair, axis=rank, dtype=int64)
    without = ops.where(ops.eq(i, k), scalar_like(columns, 1.0), columns)
    running = ops.cumprod(without, axis=rank - 1)
    return ops.where(ops.ge(i, k), running, zeros_like(running))


def _along(node: Node, axis: int, pair: tuple[Any, ...], last: bool) -> Node:
    """The node with its scanned axis as one of the two pair axes, repeated along the other."""
    row = _to_end(node, axis)
    lead, count = row.shape[:-1], row.shape[-1]
    shape = (*lead, 1, count) if last else (*lead, count, 1)
    return ops.broadcast_to(ops.reshape(row, shape=shape), shape=pair)


def _to_end(node: Node, axis: int) -> Node:
    others = [k for k in range(len(node.shape)) if k != axis]
    return ops.permute_dims(node, axes=(*others, axis))


def _back(row: Node, axis: int) -> Node:
    rank = len(row.shape)
    order = list(range(rank - 1))
    order.insert(axis, rank - 1)
    return ops.permute_dims(row, axes=tuple(order))


def _cumprod_vjp(result: Node, g: Node) -> tuple[Node | None, ...]:
    table, axis = _sensitivities(result), _axis_of(result)
    rank = len(g.shape)
    weighted = mul(_along(g, axis, table.shape, last=False), table)
    return (_back(ops.sum(weighted, axes=(rank - 1,)), axis),)


def _cumprod_jvp(result: Node, tangents: tuple[Node | None, ...]) -> Node:
    (tangent,) = tangents
    assert tangent is not None
    table, axis = _sensitivities(result), _axis_of(result)
    rank = len(tangent.shape)
    weighted = mul(_along(tangent, axis, table.shape, last=True), table)
    return _back(ops.sum(weighted, axes=(rank,)), axis)


structured(
    "cumprod", "Running product along an axis, each element included.", Kind.SCAN,
    attrs={"axis": AttrKind.INT}, infer=_scan_type,
    reference=lambda attrs, x: np.cumprod(x, attrs["axis"], dtype=x.dtype),
    vjp=_cumprod_vjp, jvp=_cumprod_jvp, batch=axes_after("axis"),
    lowering=Scan("prod", _axis_of), dtypes=NUMBERS, samples=_SAMPLES,
)  # fmt: skip


structured(
    "cummax", "Running maximum of integers along an axis.", Kind.SCAN,
    attrs={"axis": AttrKind.INT}, infer=restricted(_scan_type, "iu", "integers"),
    reference=lambda attrs, x: np.maximum.accumulate(x, attrs["axis"], dtype=x.dtype),
    vjp=INTEGER_INPUTS, jvp=INTEGER_INPUTS, batch=axes_after("axis"),
    lowering=Scan("max", _axis_of), dtypes=INTEGERS, samples=_SAMPLES,
)  # fmt: skip
