"""From what users pass to nodes: tensors, Python numbers, nested lists, NumPy arrays.

Python numbers, alone or in lists, have no dtype of their own and take that of the tensor beside
them, and so do dims that are known when fed. NumPy arrays and scalars keep theirs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard

import numpy as np

from graphc.api import scope
from graphc.api.blame import blamed, fail_dtype, fail_graph, fail_shape
from graphc.api.shapes import size_node
from graphc.api.value import Value
from graphc.errors import DTypeError
from graphc.ir import dtypes
from graphc.ir.dims import Dim
from graphc.ir.dtypes import DType
from graphc.ir.node import Node
from graphc.ops import ops

if TYPE_CHECKING:
    from graphc.api.graph import Graph
    from graphc.api.tensor import Tensor

Array: TypeAlias = np.ndarray[Any, Any]
#: What stands for a tensor in every function.
TensorLike: TypeAlias = (
    "Tensor | Value | bool | int | float | Dim | Array | np.generic | Sequence[Any]"
)

_KINDS = "bif"  # Python's numbers, each kind able to hold those before it


def is_operand(value: object) -> TypeGuard[TensorLike]:
    """Whether the value can stand for a tensor."""
    plain = bool | int | float | Dim | np.ndarray | np.generic
    return isinstance(value, Value | plain | list | tuple)


def graph_of(op: str, *operands: object) -> Graph:
    """The graph of the tensors among the operands, or else the one under construction."""
    found = [operand for operand in operands if isinstance(operand, Value)]
    if not found:
        return scope.current(op)
    first, graph = found[0], scope.innermost()
    for other in found[1:]:
        if other.graph is not first.graph:
            fail_graph(
                op,
                f"{described(first)} and {described(other)} are of different graphs, "
                f"{first.graph!r} and {other.graph!r}",
            )
    if graph is not None and graph is not first.graph:
        fail_graph(
            op, f"{described(first)} is of {first.graph!r}, not of {graph!r}, which is being built"
        )
    return first.graph


def described(value: Value) -> str:
    """The value for a message: what it is, and where it was created."""
    return f"{value!r}" + (f" ({value.location})" if value.location else "")


def to_node(op: str, operand: object, dtype: DType | None = None) -> Node:
    """The node of one operand; Python numbers and dims take the dtype, or else their default."""
    if isinstance(operand, Value):
        return operand.node
    if isinstance(operand, Dim):
        if dtype is dtypes.bool_:
            fail_dtype(op, f"the size {operand} is no bool")
        return size_node(operand, dtype or dtypes.int64)
    return ops.constant(value=to_array(op, operand, dtype))


def to_nodes(op: str, *operands: object) -> list[Node]:
    """The nodes of operands, brought to one dtype by the array API's promotion rules."""
    dtype = common_dtype(op, *operands)
    return [with_dtype(to_node(op, operand, dtype), dtype) for operand in operands]


def with_dtype(node: Node, dtype: DType) -> Node:
    """The node converted, if it is of another dtype."""
    return node if node.dtype is dtype else ops.astype(node, dtype=dtype)


def common_dtype(op: str, *operands: object) -> DType:
    """The dtype to which operands promote; that of Python numbers only where all are such."""
    with blamed(op):
        strong = [own for operand in operands if (own := _own_dtype(op, operand)) is not None]
        if strong:
            return reduce(dtypes.promote, strong)
    return _default_dtype(max((_kind(operand) for operand in operands), key=_KINDS.index))


def to_array(op: str, value: object, dtype: DType | None = None) -> Array:
    """A read-only array of the value's numbers, in row-major order and native byte order.

    With a dtype, Python numbers take it (DTypeError for one that does not fit); NumPy data keeps
    its own.
    """
    if isinstance(value, np.ndarray | np.generic):
        with blamed(op):
            own = dtypes.as_dtype(value.dtype)
        return _frozen(np.array(value, own.numpy, order="C"))
    if not isinstance(value, bool | int | float | list | tuple):
        fail_dtype(op, f"{type(value).__name__} is no tensor, number, array or list of numbers")
    leaves = list(_leaves(op, value))
    if any(isinstance(leaf, np.generic | np.ndarray) for leaf in leaves):
        return to_array(op, _stacked(op, value))
    chosen = dtype or _default_dtype(_kind(value))
    with blamed(op):
        for leaf in leaves:
            _check_fits(leaf, chosen)
    return _frozen(_stacked(op, value, chosen))


def _own_dtype(op: str, operand: object) -> DType | None:
    """The dtype of an operand that has one; None for Python numbers."""
    if isinstance(operand, Value):
        return operand.dtype
    if isinstance(operand, np.ndarray | np.generic):
        return dtypes.as_dtype(operand.dtype)
    if isinstance(operand, list | tuple) and any(
        isinstance(leaf, np.generic | np.ndarray) for leaf in _leaves(op, operand)
    ):
        return dtypes.as_dtype(_stacked(op, operand).dtype)
    return None


def _leaves(op: str, value: object) -> Iterator[Any]:
    if isinstance(value, list | tuple):
        for part in value:
            yield from _leaves(op, part)
    elif isinstance(value, Value):
        fail_dtype(op, "a list that holds tensors is no tensor; put them together with gc.stack")
    elif isinstance(value, bool | int | float | np.generic | np.ndarray):
        yield value
    else:
        fail_dtype(op, f"a list that holds {value!r} is no tensor")


def _kind(value: object) -> str:
    """The widest kind (`b`, `i` or `f`) among Python numbers; `f` for an empty list."""
    if isinstance(value, list | tuple):
        return max((_kind(part) for part in value), key=_KINDS.index, default="f")
    return "b" if isinstance(value, bool) else "i" if isinstance(value, int | Dim) else "f"


def _default_dtype(kind: str) -> DType:
    return {"b": dtypes.bool_, "i": dtypes.int64, "f": dtypes.float32}[kind]


def _check_fits(number: bool | int | float, dtype: DType) -> None:
    dtypes.check_python_scalar(number, dtype)
    if dtype.is_float and math.isfinite(number):
        limit = float(np.finfo(dtype.numpy).max)
        if not -limit <= number <= limit:
            raise DTypeError(f"the Python scalar {number!r} is out of the range of {dtype.name}")


def _stacked(op: str, value: object, dtype: DType | None = None) -> Array:
    try:
        return np.array(value, None if dtype is None else dtype.numpy, order="C")
    except ValueError:
        fail_shape(op, "the rows of a nested list have different lengths")


def _frozen(array: Array) -> Array:
    array.setflags(write=False)
    return array
