"""How far an op reads its operands at the positions it writes.

An element of the result at (i0, i1, ...) reads elements of an operand. If the first n positions of
those are always i0 ... i(n-1), the op is *aligned* with the operand in n dims: cut the leading n
dims of both into rows, and a row of the result needs only the same row of the operand. Fusion
by rows rests on this.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import takewhile

from graphc.ir.dtypes import int64
from graphc.ir.node import Node
from graphc.ir.opdef import Kind
from graphc.ir.types import Shape

_PASSING = frozenset({"identity", "stop_gradient"})


def aligned_dims(node: Node, k: int) -> int:
    """The number of leading dims in which the node is aligned with its k-th input."""
    rule = _RULES.get(node.op.name)
    if rule is not None:
        return rule(node, k)
    if node.op.kind is Kind.ELEMENTWISE:
        return len(node.shape)
    if node.op.kind is Kind.REDUCTION:  # in the dims that it runs over, not those of its result
        return len(node.inputs[0].shape)
    return 0


def is_same_position(node: Node, k: int) -> bool:
    """Whether every element reads just the element at its own position of the k-th input."""
    source = node.inputs[k].shape
    if node.op.kind in (Kind.ELEMENTWISE, Kind.REDUCTION) or node.op.name in _PASSING:
        return True
    if node.op.name == "after":
        return k == 0
    return node.op.name == "reshape" and without_ones(source) == without_ones(node.shape)


def without_ones(shape: Shape) -> Shape:
    """The shape without dims of size 1 at its end."""
    end = len(shape)
    while end and shape[end - 1] == 1:
        end -= 1
    return shape[:end]


def _common(left: Shape, right: Shape) -> int:
    pairs = zip(left, right, strict=False)
    return len(list(takewhile(lambda pair: pair[0] == pair[1], pairs)))


def _reshape(node: Node, k: int) -> int:
    source = node.inputs[0].shape
    if without_ones(source) == without_ones(node.shape):
        return min(len(source), len(node.shape))
    return _common(source, node.shape)


def _broadcast(node: Node, k: int) -> int:
    source = node.inputs[0].shape
    return _common(source, node.shape) if len(source) == len(node.shape) else 0


def _permute(node: Node, k: int) -> int:
    axes = node.attrs["axes"]
    return _common(tuple(axes), tuple(range(len(axes))))


def _slice(node: Node, k: int) -> int:
    whole = zip(node.attrs["start"], node.attrs["step"], strict=True)
    plain = list(takewhile(lambda pair: pair == (0, 1), whole))
    return min(len(plain), _common(node.shape, node.inputs[0].shape))


def _pad(node: Node, k: int) -> int:
    low, high = node.attrs["low"], node.attrs["high"]
    return len(list(takewhile(lambda pair: pair == (0, 0), zip(low, high, strict=True))))


def _gather(node: Node, k: int) -> int:
    """Reading along the row that an iota names, as take_along_axis does, stays in the row."""
    axes, position = node.attrs["axes"], node.attrs["position"]
    rank = len(node.inputs[1].shape)
    if k > 0:
        return rank if position == 0 else 0
    if position > 0:
        return min(int(position), *map(int, axes))
    count = 0
    for number, (axis, index) in enumerate(zip(axes, node.inputs[1:], strict=True)):
        straight = index.op.name == "iota" and index.attrs["axis"] == number
        straight = straight and index.dtype is int64  # a narrow count may wrap around
        if axis != number or not straight or index.shape[number] != node.inputs[0].shape[number]:
            break
        count += 1
    return count


_RULES: dict[str, Callable[[Node, int], int]] = {
    "identity": lambda node, k: len(node.shape),
    "stop_gradient": lambda node, k: len(node.shape),
    "after": lambda node, k: len(node.shape) if k == 0 else 0,
    "reshape": _reshape,
    "broadcast_to": _broadcast,
    "permute_dims": _permute,
    "slice": _slice,
    "slice_adjoint": _slice,
    "pad": _pad,
    "flip": lambda node, k: min(node.attrs["axes"], default=len(node.shape)),
    "concat": lambda node, k: int(node.attrs["axis"]),
    "gather": _gather,
    "one_hot": lambda node, k: len(node.shape) - 1,
    "matmul": lambda node, k: 0,
}
