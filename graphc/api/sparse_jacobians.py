"""Jacobians of which only the elements are computed that may differ from 0."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from graphc.api.blame import blamed, fail_attribute
from graphc.api.gradients import floats_of
from graphc.api.jacobians import Mode
from graphc.api.operands import graph_of, with_dtype
from graphc.api.shapes import filled
from graphc.api.tensor import Tensor
from graphc.autodiff.coloring import colors_of_columns
from graphc.autodiff.dependence import dependence
from graphc.autodiff.forward import tangents
from graphc.autodiff.patterns import Indices, Pattern
from graphc.autodiff.reverse import cotangents
from graphc.autodiff.unit_seeds import for_seeds
from graphc.ir.dims import Size
from graphc.ir.dtypes import int64
from graphc.ir.node import Node
from graphc.ops import ops


@dataclass(frozen=True, eq=False)
class SparseJacobian:
    """A Jacobian as a list of the elements that may differ from 0, row by row.

    `values` is a tensor of one dim and y's dtype. Element k is the derivative of element `rows[k]`
    of y by element `columns[k]` of x, both counted in row-major order; `row_starts` tells where
    each row begins, and at last the number of elements. `shape` is (elements of y, elements of x).
    `colors` is how many directions were enough, forward or in reverse as `mode` says.
    """

    values: Tensor
    rows: Indices
    columns: Indices
    row_starts: Indices
    shape: tuple[int, int]
    colors: int
    mode: Mode
    _dense_shape: tuple[Size, ...]

    def __repr__(self) -> str:
        rows, columns = self.shape
        return (
            f"<gc.SparseJacobian {rows} x {columns}, {len(self.rows)} elements, "
            f"{self.colors} colors, {self.mode}>"
        )

    def to_dense(self) -> Tensor:
        """The Jacobian with its zeros, as `gc.jacobian` gives it: of shape y.shape + x.shape."""
        zeros = filled(self.shape, 0, self.values.dtype)
        places = [ops.constant(value=part) for part in (self.rows, self.columns)]
        whole = ops.scatter_add(zeros, *places, self.values.node, axes=(0, 1), position=0)
        return self.values.graph.tensor(ops.reshape(whole, shape=self._dense_shape))


def sparse_jacobian(y: Tensor, x: Tensor, mode: Mode = None) -> SparseJacobian:
    """The derivatives of all elements of y by all elements of x, without those that are 0.

    Which these are is found from the graph, whatever is fed: op by op, exactly for elementwise ops,
    views, reductions, products and reads at constant places, and all that an op mixes for others.
    Columns of the Jacobian that have no row in common get the same color and are found together,
    by one tangent for all of them; all colors go in one batch, as by `gc.vmap`. In reverse, which
    is taken where columns are fuller than rows or `mode` says so, it is rows and cotangents. The
    values can be differentiated again.

    All sizes must be known, or GradientError, which is also raised as for `gradients` and for a
    Jacobian that is too full. Where a derivative is infinite or NaN, others of its color are NaN.

    >>> import graphc as gc
    >>> with gc.Graph():
    ...     x = gc.placeholder(gc.float64, (1000,))
    ...     gc.sparse_jacobian(x[1:] * x[:-1] ** 2, x)
    <gc.SparseJacobian 999 x 1000, 1998 elements, 2 colors, forward>
    """
    op = "sparse_jacobian"
    (target,), (source,) = floats_of(op, "y", [y]), floats_of(op, "x", [x])
    if mode not in (None, "forward", "reverse"):
        fail_attribute(op, f'mode must be "forward", "reverse" or None, not {mode!r}')
    graph = graph_of(op, target, source)
    with blamed(op):
        pattern = dependence(target.node, source.node)
    turned = pattern.transposed()
    mode = mode or ("reverse" if _fullest(turned) < _fullest(pattern) else "forward")
    rows, columns = pattern.rows, pattern.columns
    if mode == "forward":
        colors = colors_of_columns(pattern)
        found = _compressed(target.node, source.node, colors, mode)
        values = _picked(found, target.node, colors[columns], rows)
    else:
        colors = colors_of_columns(turned)
        found = _compressed(target.node, source.node, colors, mode)
        values = _picked(found, source.node, colors[rows], columns)
    for indices in (rows, columns, pattern.starts):
        indices.setflags(write=False)
    return SparseJacobian(
        graph.tensor(with_dtype(values, target.dtype)), rows, columns, pattern.starts,
        (pattern.height, pattern.width), int(colors.max(initial=-1)) + 1, mode,
        (*target.shape, *source.shape),
    )  # fmt: skip


def _fullest(pattern: Pattern) -> int:
    """The most entries of a row: so many colors are needed at least."""
    return int(pattern.counts.max(initial=0))


def _compressed(y: Node, x: Node, colors: Indices, mode: Mode) -> Node | None:
    """For every color the derivative along all its elements of x, or of all its elements of y."""
    like = x if mode == "forward" else y
    count = int(colors.max(initial=-1)) + 1
    shape = (count, len(colors))
    number = ops.iota(shape=shape, axis=0, dtype=int64)
    own = ops.broadcast_to(ops.constant(value=colors), shape=shape)
    seeds = ops.reshape(
        ops.astype(ops.eq(number, own), dtype=like.dtype), shape=(count, *like.shape)
    )
    if mode == "forward":
        return for_seeds(lambda seed: tangents([y], [x], [seed]), x, seeds)[0]
    return for_seeds(lambda seed: cotangents([y], [x], [seed]), y, seeds)[0]


def _picked(found: Node | None, like: Node, colors: Indices, places: Indices) -> Node:
    """The derivatives at some places of those of some colors."""
    if found is None or not len(places):
        return filled((len(places),), 0, like.dtype)
    flat = ops.reshape(found, shape=(found.shape[0], like.tensor.size))
    indices = [ops.constant(value=np.ascontiguousarray(part)) for part in (colors, places)]
    return ops.gather(flat, *indices, axes=(0, 1), position=0)
