"""Tensors with some elements replaced, or combined with others, at positions that are computed.

Results are new tensors. Where positions repeat, the last value stays: that with the largest number,
so it does not depend on threads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from graphc.api import elementwise as el
from graphc.api.blame import fail_attribute
from graphc.api.broadcasting import repeated_to
from graphc.api.gathering import scatter_add, take, take_along_axis
from graphc.api.indexing import index
from graphc.api.manipulation import flatten, reshaped
from graphc.api.operands import TensorLike, graph_of, to_nodes
from graphc.api.shapes import filled
from graphc.api.value import Value
from graphc.ir.dims import product
from graphc.ir.dtypes import int64
from graphc.ops import ops

if TYPE_CHECKING:
    from graphc.api.tensor import Tensor

Mode = Literal["set", "add", "mean", "max", "min"]


def put(x: TensorLike, key: object, values: TensorLike, /, *, mode: Mode = "set") -> Tensor:
    """x with the elements that x[key] selects replaced by values, which broadcast to its shape.

    `key` is whatever may stand in the brackets of `x[...]`. By `mode`, values are "set", or what
    is there is combined with all of them that belong there: "add", "mean" (of it and them), "max",
    "min".

    >>> import graphc as gc
    >>> with gc.Graph() as graph:
    ...     y = gc.put(gc.zeros((2, 3)), (slice(None), 1), [5, 6])
    >>> with gc.Session(graph) as session:
    ...     print(session.run(y))
    [[0. 5. 0.]
     [0. 6. 0.]]
    """
    places = index(_numbered("put", x), key)
    return _combined("put", x, places, values, mode)


def put_along_axis(
    x: TensorLike, indices: TensorLike, values: TensorLike, /, *, axis: int, mode: Mode = "set"
) -> Tensor:
    """x with the elements that `take_along_axis(x, indices, axis=axis)` takes replaced by values.

    `values` broadcast to the shape of `indices`. For `mode` see `put`.
    """
    places = take_along_axis(_numbered("put_along_axis", x), indices, axis=axis)
    return _combined("put_along_axis", x, places, values, mode)


def _numbered(op: str, x: TensorLike) -> Tensor:
    """The position of each element in row-major order."""
    graph, (node,) = graph_of(op, x), to_nodes(op, x)
    numbers = ops.iota(shape=(product(node.shape),), axis=0, dtype=int64)
    return graph.tensor(reshaped(numbers, node.shape))


def _combined(op: str, x: TensorLike, places: Value, values: TensorLike, mode: str) -> Tensor:
    """x with values at positions in its row-major order."""
    graph, (node, given) = graph_of(op, x, values), to_nodes(op, x, values)
    base, at = flatten(graph.tensor(node)), flatten(graph.tensor(places.node))
    line = flatten(graph.tensor(repeated_to(op, given, places.shape)))
    match mode:
        case "set":
            found = _replaced(base, at, line)
        case "add":
            found = scatter_add(base, at, line)
        case "mean":
            ones = graph.tensor(filled(line.shape, 1, line.dtype))
            counts = scatter_add(graph.tensor(filled(base.shape, 1, base.dtype)), at, ones)
            found = scatter_add(base, at, line) / counts
        case "max" | "min":
            extreme = ops.scatter_max if mode == "max" else ops.scatter_min
            found = graph.tensor(extreme(base.node, at.node, line.node, axes=(0,), position=0))
        case _:
            fail_attribute(op, f"mode must be 'set', 'add', 'mean', 'max' or 'min', not {mode!r}")
    return graph.tensor(reshaped(found.node, node.shape))


def _replaced(base: Tensor, at: Tensor, values: Tensor) -> Tensor:
    """Of values at one position the last stays; the others add -0.0, which changes nothing."""
    graph = base.graph
    number = graph.tensor(ops.iota(shape=at.shape, axis=0, dtype=int64))
    none = graph.tensor(filled(base.shape, -1, int64))
    last = graph.tensor(ops.scatter_max(none.node, at.node, number.node, axes=(0,), position=0))
    nothing = -0.0 if base.dtype.is_float else 0
    alone = el.where(el.equal(take(last, at), number), values, nothing)
    start = graph.tensor(filled(base.shape, nothing, base.dtype))
    return el.where(last >= 0, scatter_add(start, at, alone), base)
