"""The derivative of a strided convolution by its data, as derivatives of convolutions without.

Along a dim with stride s, what lies at position s*j + r is made of every s-th weight only, and of
neighbouring cotangents: for each r that is the derivative of a convolution with a stride of 1. So
nothing is multiplied by the zeros between cotangents. The phases r are put together by views,
which what reads them does on its way, and computed by products that go side by side.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from math import prod

import numpy as np

from graphc.ir import dims
from graphc.ir.dims import Size
from graphc.ir.node import Node
from graphc.ir.types import Shape
from graphc.ops import ops
from graphc.ops.windows import Windows

#: Phases at most: each is a kernel.
MOST = 16


@dataclass(frozen=True, slots=True)
class _Phase:
    """Along one dim: which weights, how many, and the windows of the convolution that they make."""

    first: int
    step: int
    count: int
    low: int
    dilation: int


def has_phases(node: Node) -> bool:
    """Whether a node is such a derivative, its windows known."""
    if node.op is not ops.convolution_input or not node.dtype.is_float:
        return False
    windows = Windows.of(node)
    kernel = node.inputs[1].shape[-windows.rank :]
    known = all(isinstance(size, int) for size in (*windows.low, *kernel))
    return known and 1 < prod(windows.strides) <= MOST


def in_phases(node: Node) -> Node:
    """The phases of a node that has them, put together."""
    windows, rank = Windows.of(node), len(Windows.of(node).strides)
    sizes, lead = node.shape[-rank:], node.shape[:-rank]
    counts = tuple(
        dims.floordiv(size + s - 1, s) for size, s in zip(sizes, windows.strides, strict=True)
    )
    along = [list(_phases(node, windows, k)) for k in range(rank)]
    parts = [_part(node, chosen, counts) for chosen in product(*along)]
    for k in reversed(range(rank)):
        parts = list(_woven(parts, windows.strides[k], len(lead) + k))
    (whole,) = parts
    if whole.shape == node.shape:
        return whole
    rank = len(node.shape)
    return ops.slice(whole, start=(0,) * rank, step=(1,) * rank, shape=node.shape)


def _phases(node: Node, windows: Windows, k: int) -> Iterator[_Phase]:
    """Position s*j + r and place p belong to window j + low - dilation*m for the m-th such p."""
    stride, dilation, low = windows.strides[k], windows.dilations[k], windows.low[k]
    kernel = node.inputs[1].shape[k - windows.rank]
    assert isinstance(kernel, int) and isinstance(low, int)
    for r in range(stride):
        found = [p for p in range(kernel) if (r + low - p * dilation) % stride == 0]
        first = found[0] if found else 0
        step = found[1] - first if len(found) > 1 else 1
        start = (r + low - first * dilation) // stride
        yield _Phase(first, step, len(found), start, max(1, step * dilation // stride))


def _part(node: Node, phases: tuple[_Phase, ...], counts: Shape) -> Node:
    """The elements of one phase along every dim."""
    cotangents, weights = node.inputs
    rank = len(phases)
    shape = (*node.shape[:-rank], *counts)
    if not all(phase.count for phase in phases):
        return ops.broadcast_to(
            ops.constant(value=np.zeros((), node.tensor.dtype.numpy)), shape=shape
        )
    lead = len(weights.shape) - rank
    some = ops.slice(
        weights,
        start=(*(0,) * lead, *(phase.first for phase in phases)),
        step=(*(1,) * lead, *(phase.step for phase in phases)),
        shape=(*weights.shape[:lead], *(phase.count for phase in phases)),
    )
    high = tuple(
        _high(phase, count, there)
        for phase, count, there in zip(phases, counts, cotangents.shape[-rank:], strict=True)
    )
    return ops.convolution_input(
        cotangents, some, shape=counts, strides=(1,) * rank, high=high,
        low=tuple(phase.low for phase in phases),
        dilations=tuple(phase.dilation for phase in phases),
    )  # fmt: skip


def _high(phase: _Phase, count: Size, there: Size) -> Size:
    """The padding with which so many positions have as many windows as there are cotangents."""
    return there - count - phase.low + phase.dilation * (phase.count - 1)


def _woven(parts: list[Node], stride: int, axis: int) -> Iterator[Node]:
    """Phases along an axis, those that follow one another, element by element in turn."""
    for k in range(0, len(parts), stride):
        some = parts[k : k + stride]
        if stride == 1:
            yield some[0]
            continue
        shape = some[0].shape
        apart = [
            ops.reshape(part, shape=(*shape[: axis + 1], 1, *shape[axis + 1 :])) for part in some
        ]
        together = ops.concat(*apart, axis=axis + 1)
        yield ops.reshape(together, shape=(*shape[:axis], shape[axis] * stride, *shape[axis + 1 :]))
