"""Jacobians and Hessians as tensors, all rows or columns of them at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

from graphc.api.blame import fail_attribute, fail_gradient
from graphc.api.broadcasting import fitted
from graphc.api.gradients import Tensors, floats_of, in_shape_of
from graphc.api.operands import described, graph_of, with_dtype
from graphc.api.shapes import filled
from graphc.api.tensor import Tensor
from graphc.api.value import Value
from graphc.autodiff.reverse import cotangents
from graphc.autodiff.unit_seeds import jacobians_forward, jacobians_reverse
from graphc.ir.dims import Size, is_nonnegative
from graphc.ir.node import Node
from graphc.ops import ops
from graphc.ops.declaring import scalar_like

Mode: TypeAlias = Literal["forward", "reverse"] | None


def jacobian(ys: Tensors, xs: Tensors, mode: Mode = None) -> Any:
    """The derivatives of all elements of y by all elements of x, of shape y.shape + x.shape.

    They have y's dtype. A list of xs gives a list, a list of ys a list of what each y gives. The
    rows are found by reverse accumulation (a cotangent for each element of the ys), or the columns
    by forward accumulation (a tangent for each element of the xs), all in one batch as by
    `gc.vmap`: by whichever takes fewer, forward if that is known only when fed, or as `mode` says.
    The results can be differentiated again, and have zeros where y does not depend on x.
    GradientError as for `gradients`, and AttributeValueError for another mode.

    >>> import graphc as gc
    >>> with gc.Graph():
    ...     x = gc.placeholder(gc.float64, ("n",))
    ...     j = gc.jacobian(gc.sin(x), x)
    >>> j.shape
    (n, n)
    """
    op = "jacobian"
    y_list, x_list = floats_of(op, "y", ys), floats_of(op, "x", xs)
    if mode not in (None, "forward", "reverse"):
        fail_attribute(op, f'mode must be "forward", "reverse" or None, not {mode!r}')
    graph = graph_of(op, *y_list, *x_list)
    if (mode or _cheaper(y_list, x_list)) == "reverse":
        rows = [_rows(y, x_list) for y in y_list]
    else:
        columns = [_columns(y_list, x) for x in x_list]
        rows = [[column[k] for column in columns] for k in range(len(y_list))]
    found = [[graph.tensor(part) for part in row] for row in rows]
    of_each = [row[0] if isinstance(xs, Value) else row for row in found]
    return of_each[0] if isinstance(ys, Value) else of_each


def hessian(y: Tensor, xs: Tensors) -> Any:
    """The second derivatives of a scalar by all elements of x, of shape x.shape + x.shape.

    A list of xs gives a list of lists: that of x_i and x_j at [i][j]. By forward over reverse
    accumulation, all columns in one batch. The results can be differentiated again. GradientError
    as for `gradients`.

    >>> import graphc as gc
    >>> with gc.Graph():
    ...     x = gc.placeholder(gc.float64, (3,))
    ...     h = gc.hessian(gc.sum(x**3), x)
    >>> h.shape
    (3, 3)
    """
    op = "hessian"
    slopes = gradient_of_scalar(op, y, xs)
    return jacobian(slopes[0] if isinstance(xs, Value) else slopes, xs, mode="forward")


def gradient_of_scalar(op: str, y: Tensor, xs: Tensors) -> list[Tensor]:
    """For each x the derivative of y by it; GradientError if y has dims."""
    (target,), x_list = floats_of(op, "y", [y]), floats_of(op, "x", xs)
    graph = graph_of(op, target, *x_list)
    if target.shape != ():
        fail_gradient(op, f"{described(target)} is not a scalar; gc.sum of it is one")
    found = cotangents([target.node], [x.node for x in x_list], [scalar_like(target.node, 1)])
    return [graph.tensor(in_shape_of(x, part)) for x, part in zip(x_list, found, strict=True)]


def _cheaper(ys: Sequence[Tensor], xs: Sequence[Tensor]) -> Mode:
    """Reverse accumulation if the ys have fewer elements for any feed, be it none."""
    more = _count(xs) - _count(ys)
    return "reverse" if more != 0 and is_nonnegative(more) else "forward"


def _count(tensors: Sequence[Tensor]) -> Size:
    total: Size = 0
    for tensor in tensors:
        total = total + tensor.size
    return total


def _rows(y: Tensor, xs: Sequence[Tensor]) -> list[Node]:
    found = jacobians_reverse(y.node, [x.node for x in xs])
    return [_whole(part, y, x) for part, x in zip(found, xs, strict=True)]


def _columns(ys: Sequence[Tensor], x: Tensor) -> list[Node]:
    found = jacobians_forward([y.node for y in ys], x.node)
    return [_whole(part, y, x) for part, y in zip(found, ys, strict=True)]


def _whole(part: Node | None, y: Tensor, x: Tensor) -> Node:
    """The derivatives in the shape of y and x; zeros if there are none."""
    shape = (*y.shape, *x.shape)
    if part is None:
        return filled(shape, 0, y.dtype)
    part = with_dtype(part, y.dtype)
    return fitted(ops.reshape(part, shape=shape) if len(part.shape) != len(shape) else part, shape)
