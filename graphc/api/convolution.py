"""Convolution and transposed convolution along one, two or three spatial dims.

Data is [batch, channels, *spatial], as in NumPy's row-major order: NCW, NCHW, NCDHW. The kernel is
not turned around, as is usual in neural networks (strictly this is correlation).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphc.api.blame import fail_attribute, fail_shape
from graphc.api.broadcasting import fitted
from graphc.api.manipulation import reshaped
from graphc.api.operands import TensorLike, graph_of, to_nodes
from graphc.api.shapes import as_int
from graphc.api.windowing import Padding, Steps, as_pairs, as_steps, windows_of
from graphc.ir.dims import Size, floordiv, is_nonnegative, unify
from graphc.ir.node import Node
from graphc.ir.types import Shape
from graphc.ops import ops
from graphc.ops.windows import Windows

if TYPE_CHECKING:
    from graphc.api.tensor import Tensor


def conv1d(
    x: TensorLike, w: TensorLike, /, stride: Steps = 1, padding: Padding = 0, dilation: Steps = 1,
    groups: int = 1, *, bias: TensorLike | None = None,
) -> Tensor:  # fmt: skip
    """Convolution along one dim; see `conv2d`. x is [N, C, W], w [O, C/groups, W]."""
    return _convolved("conv1d", 1, x, w, stride, padding, dilation, groups, bias)


def conv2d(
    x: TensorLike, w: TensorLike, /, stride: Steps = 1, padding: Padding = 0, dilation: Steps = 1,
    groups: int = 1, *, bias: TensorLike | None = None,
) -> Tensor:  # fmt: skip
    """Sums of products of the weights and the window at every position of the data.

    x is [N, C, H, W] and w [O, C/groups, h, w]; the result is [N, O, H', W'], where
    H' = (H + padding before and after - dilation*(h - 1) - 1)//stride + 1. Dtypes promote.

    - `stride`, `dilation`: one number, or one for each spatial dim.
    - `padding`: zeros around the data; one number, one for each spatial dim, or a pair (before,
      after) for each. "valid" is none. "same" gives ceil(H/stride) positions, the odd zero after.
    - `groups`: channels and outputs are cut into as many groups, which do not see each other; as
      many as channels for a depthwise convolution.
    - `bias`: a number for each output, [O], that is added.

    >>> with gc.Graph():
    ...     x = gc.placeholder(gc.float32, ("batch", 3, 32, 32))
    ...     y = gc.nn.conv2d(x, gc.zeros((8, 3, 5, 5)), stride=2, padding="same")
    >>> y.shape
    (batch, 8, 16, 16)
    """
    return _convolved("conv2d", 2, x, w, stride, padding, dilation, groups, bias)


def conv3d(
    x: TensorLike, w: TensorLike, /, stride: Steps = 1, padding: Padding = 0, dilation: Steps = 1,
    groups: int = 1, *, bias: TensorLike | None = None,
) -> Tensor:  # fmt: skip
    """Convolution along three dims; see `conv2d`.

    x is [N, C, D, H, W] and w [O, C/groups, d, h, w].
    """
    return _convolved("conv3d", 3, x, w, stride, padding, dilation, groups, bias)


def conv_transpose1d(
    x: TensorLike, w: TensorLike, /, stride: Steps = 1, padding: Padding = 0,
    output_padding: Steps = 0, dilation: Steps = 1, groups: int = 1,
    *, bias: TensorLike | None = None,
) -> Tensor:  # fmt: skip
    """Transposed convolution along one dim; see `conv_transpose2d`."""
    op = "conv_transpose1d"
    return _transposed(op, 1, x, w, stride, padding, output_padding, dilation, groups, bias)


def conv_transpose2d(
    x: TensorLike, w: TensorLike, /, stride: Steps = 1, padding: Padding = 0,
    output_padding: Steps = 0, dilation: Steps = 1, groups: int = 1,
    *, bias: TensorLike | None = None,
) -> Tensor:  # fmt: skip
    """The weights times each element of the data, added up at the window of that element.

    This is the derivative of `conv2d` by its data: a result of H' windows becomes data again. x is
    [N, C, H', W'] and w [C, O/groups, h, w]; the result is [N, O, H, W], where
    H = (H' - 1)*stride + dilation*(h - 1) + 1 + output_padding - padding before and after.

    `padding` is in numbers, and cuts off what falls there. `output_padding`, which must be less
    than the stride or the dilation, adds positions at the end, so that every size can be had.
    """
    op = "conv_transpose2d"
    return _transposed(op, 2, x, w, stride, padding, output_padding, dilation, groups, bias)


def conv_transpose3d(
    x: TensorLike, w: TensorLike, /, stride: Steps = 1, padding: Padding = 0,
    output_padding: Steps = 0, dilation: Steps = 1, groups: int = 1,
    *, bias: TensorLike | None = None,
) -> Tensor:  # fmt: skip
    """Transposed convolution along three dims; see `conv_transpose2d`."""
    op = "conv_transpose3d"
    return _transposed(op, 3, x, w, stride, padding, output_padding, dilation, groups, bias)


def _convolved(
    op: str, rank: int, x: TensorLike, w: TensorLike, stride: Steps, padding: Padding,
    dilation: Steps, groups: int, bias: TensorLike | None,
) -> Tensor:  # fmt: skip
    given = (x, w) if bias is None else (x, w, bias)
    graph, (data, weights, *shift) = graph_of(op, *given), to_nodes(op, *given)
    count = _checked_groups(op, rank, data, weights, groups)
    each = _part(op, data.shape[1], count, "channels")
    _same(op, each, weights.shape[1], data, weights, "w's dim 1", f"{each} channels a group")
    sizes, kernel = data.shape[2:], weights.shape[2:]
    windows = windows_of(op, sizes, kernel, stride, padding, dilation)
    outputs = weights.shape[0]
    part = _part(op, outputs, count, "outputs")
    stacks = _stacks(count, part, weights)
    result = ops.convolution(_grouped(data, count, each), stacks, **windows.attrs)
    return graph.tensor(_shifted(op, _ungrouped(result, count, outputs), shift))


def _transposed(
    op: str, rank: int, x: TensorLike, w: TensorLike, stride: Steps, padding: Padding,
    output_padding: Steps, dilation: Steps, groups: int, bias: TensorLike | None,
) -> Tensor:  # fmt: skip
    given = (x, w) if bias is None else (x, w, bias)
    graph, (data, weights, *shift) = graph_of(op, *given), to_nodes(op, *given)
    count = _checked_groups(op, rank, data, weights, groups)
    channels = data.shape[1]
    _same(op, channels, weights.shape[0], data, weights, "w's dim 0", f"{channels} channels")
    each = _part(op, channels, count, "channels")
    windows, sizes = _widened(op, data, weights, stride, padding, output_padding, dilation)
    result = ops.convolution_input(
        _grouped(data, count, each),
        _stacks(count, each, weights),
        **windows.attrs,
        shape=sizes,
    )
    return graph.tensor(_shifted(op, _ungrouped(result, count, weights.shape[1] * count), shift))


def _widened(
    op: str, data: Node, weights: Node, stride: Steps, padding: Padding, output_padding: Steps,
    dilation: Steps,
) -> tuple[Windows, Shape]:  # fmt: skip
    """The windows of the convolution that is transposed, and the sizes of its data."""
    kernel = weights.shape[2:]
    rank = len(kernel)
    strides = as_steps(op, stride, "stride", rank)
    dilations = as_steps(op, dilation, "dilation", rank)
    pairs, extra = (
        as_pairs(op, padding, rank),
        as_steps(op, output_padding, "output_padding", rank, 0),
    )
    if any(n and n >= max(s, d) for n, s, d in zip(extra, strides, dilations, strict=True)):
        fail_attribute(
            op, f"output_padding {output_padding!r} must be less than the stride or the dilation"
        )
    low = tuple(pair[0] for pair in pairs)
    high = tuple(pair[1] - n for pair, n in zip(pairs, extra, strict=True))
    sizes = tuple(
        (count - 1) * s + d * (k - 1) + 1 - a - b
        for count, s, d, k, a, b in zip(
            data.shape[2:], strides, dilations, kernel, low, high, strict=True
        )
    )
    if any(is_nonnegative(-size) for size in sizes):
        fail_shape(op, f"padding {padding!r} leaves nothing of the result, {list(sizes)}")
    return Windows(strides, low, high, dilations), sizes


def _checked_groups(op: str, rank: int, data: Node, weights: Node, groups: int) -> int:
    """The number of groups; ShapeError for operands of other ranks."""
    count = as_int(op, groups, "groups")
    if count < 1:
        fail_attribute(op, f"groups must be at least 1, not {count}")
    for name, node in (("x", data), ("w", weights)):
        if len(node.shape) != rank + 2:
            fail_shape(op, f"{name} needs {rank + 2} dims, {rank} of them spatial, not {node.type}")
    return count


def _part(op: str, size: Size, groups: int, what: str) -> Size:
    """The size of a group."""
    each = floordiv(size, groups)
    if isinstance(size, int) and each * groups != size:
        fail_attribute(op, f"{size} {what} do not divide into {groups} groups")
    return each


def _same(
    op: str, size: Size, other: Size, data: Node, weights: Node, where: str, wanted: str
) -> None:
    if unify(size, other) is None:
        fail_shape(op, f"{where} must fit the {wanted} of x, given x {data.type}, w {weights.type}")


def _grouped(data: Node, groups: int, channels: Size) -> Node:
    """Data with a dim for groups, if there are several."""
    batch, _, *sizes = data.shape
    return data if groups == 1 else reshaped(data, (batch, groups, channels, *sizes))


def _stacks(groups: int, each: Size, weights: Node) -> Node:
    """Weights with a dim for groups, if there are several, of which each has so many."""
    return weights if groups == 1 else reshaped(weights, (groups, each, *weights.shape[1:]))


def _ungrouped(result: Node, groups: int, outputs: Size) -> Node:
    if groups == 1:
        return result
    batch, _, _, *sizes = result.shape
    return reshaped(result, (batch, outputs, *sizes))


def _shifted(op: str, result: Node, bias: list[Node]) -> Node:
    """With a number added to each output, if there are any."""
    for node in bias:
        outputs, rank = result.shape[1], len(result.shape)
        if len(node.shape) != 1 or unify(node.shape[0], outputs) is None:
            fail_shape(op, f"bias needs one number for each of {outputs} outputs, not {node.type}")
        column = reshaped(node, (*node.shape, *(1,) * (rank - 2)))
        result = ops.add(result, fitted(column, result.shape))
    return result
