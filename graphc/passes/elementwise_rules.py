"""Rewrites of elementwise ops and constants that a pattern of calls cannot express."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from graphc.ir.dtypes import DType
from graphc.ir.node import Node
from graphc.ir.opdef import Kind, all_ops
from graphc.ir.types import Shape
from graphc.ops import ops
from graphc.passes.numbers import has_one_element, repeated
from graphc.passes.rewriting import NodeRule


def astype_to_same(node: Node) -> Node | None:
    """A conversion to the dtype it has is nothing."""
    (x,) = node.inputs
    return x if node.dtype is x.dtype else None


def astype_of_astype(node: Node) -> Node | None:
    """A dtype in between that holds every number of the first leaves no trace."""
    (x,) = node.inputs
    if x.op is not node.op:
        return None
    (source,) = x.inputs
    if not holds_all(x.dtype, source.dtype):
        return None
    # From floats numbers are kept in an integer's range, from integers they wrap around.
    ends_differ = source.dtype.is_integer and x.dtype.is_float and node.dtype.is_integer
    if ends_differ and not holds_all(node.dtype, source.dtype):
        return None
    return ops.astype(source, dtype=node.dtype)


def holds_all(wide: DType, narrow: DType) -> bool:
    """Whether every number of one dtype is a number of the other."""
    if narrow.is_bool or wide is narrow:
        return True
    if narrow.is_float:
        return wide.is_float and wide.bits >= narrow.bits
    if wide.is_integer:
        return wide.lowest <= narrow.lowest and narrow.highest <= wide.highest
    return wide.is_float and narrow.bits <= np.finfo(wide.numpy).nmant + 1


def uniform_constant(node: Node) -> Node | None:
    """A constant of which all elements have the same bits is one of them, repeated."""
    value: np.ndarray[tuple[int, ...], np.dtype[np.generic]] = node.attrs["value"]
    if value.size < 2:
        return None
    bits = np.ascontiguousarray(value).reshape(-1).view(f"u{value.dtype.itemsize}")
    if bits[0] != bits[-1] or not (bits == bits[0]).all():
        return None
    return repeated(ops.constant(value=np.array(value.flat[0], value.dtype)), node.shape)


def repeated_last(node: Node) -> Node | None:
    """What is computed of repeated elements is computed once and then repeated."""
    for operand in node.inputs:
        if operand.op.name != "broadcast_to":
            return None
    sources = [operand.inputs[0] for operand in node.inputs]
    shape = _common_shape(sources)
    if shape is None or shape == node.shape:
        return None
    operands = (source if source.shape == shape else repeated(source, shape) for source in sources)
    return ops.broadcast_to(node.op(*operands, **node.attrs), shape=node.shape)


def _common_shape(sources: Sequence[Node]) -> Shape | None:
    """The one shape of all sources that hold more than an element; no dims if none does."""
    shapes = {source.shape for source in sources if not has_one_element(source)}
    if len(shapes) > 1:
        return None
    return shapes.pop() if shapes else ()


_ELEMENTWISE = tuple(op.name for op in all_ops() if op.kind is Kind.ELEMENTWISE)

ELEMENTWISE_RULES: tuple[NodeRule, ...] = (
    NodeRule(("astype",), astype_to_same),
    NodeRule(("astype",), astype_of_astype),
    NodeRule(("constant",), uniform_constant),
    NodeRule(_ELEMENTWISE, repeated_last),
)
