"""Tensors with some elements replaced, or combined with others, at positions that are computed.

Results are new tensors. Where positions repeat, the last value stays: that is found by sorting the
positions, so it does not depend on threads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from graphc.api import elementwise as el
from graphc.api.blame import fail_attribute
from graphc.api.broadcasting import repeated_to
from graphc.api.formulas import astype, isfinite
from graphc.api.gathering import scatter_add, take, take_along_axis
from graphc.api.indexing import index
from graphc.api.manipulation import flatten, reshaped, stop_gradient
from graphc.api.operands import TensorLike, graph_of, to_nodes
from graphc.api.ordering import argsort
from graphc.api.shapes import filled, size_node
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
            found = _extreme(base, at, line, is_least=mode == "min")
        case _:
            fail_attribute(op, f"mode must be 'set', 'add', 'mean', 'max' or 'min', not {mode!r}")
    return graph.tensor(reshaped(found.node, node.shape))


def _replaced(base: Tensor, at: Tensor, values: Tensor) -> Tensor:
    """Of values at one position the last stays; the others add -0.0, which changes nothing."""
    graph, is_last = base.graph, _is_last(at)
    counts = scatter_add(graph.tensor(filled(base.shape, 0, int64)), at, astype(is_last, int64))
    nothing = graph.tensor(filled(base.shape, -0.0 if base.dtype.is_float else 0, base.dtype))
    alone = el.where(is_last, values, -0.0 if base.dtype.is_float else 0)
    return el.where(counts > 0, scatter_add(nothing, at, alone), base)


def _is_last(at: Tensor) -> Tensor:
    """Whether no later one of the positions is the same."""
    order = argsort(at)  # stable: the last of equal ones comes last
    ordered = take(at, order)
    number = at.graph.tensor(ops.iota(shape=at.shape, axis=0, dtype=int64))
    ending = el.equal(number, at.graph.tensor(size_node(at.size - 1)))
    following = take(ordered, el.where(ending, number, number + 1))
    return take(el.logical_or(ending, el.not_equal(ordered, following)), argsort(order))


def _extreme(base: Tensor, at: Tensor, values: Tensor, *, is_least: bool) -> Tensor:
    """The largest or the smallest, whose derivative those that tie share equally."""
    fixed = stop_gradient(values) if values.dtype.is_float else values
    # In order, with NaN last, so that the last one at a position is the one that counts.
    order = (
        argsort(-fixed)
        if is_least and values.dtype.is_float
        else argsort(fixed, descending=is_least)
    )
    of_values = _replaced(base, take(at, order), take(fixed, order))
    counts = scatter_add(
        base.graph.tensor(filled(base.shape, 0, int64)), at, astype(el.equal(at, at), int64)
    )
    choose = el.minimum if is_least else el.maximum
    found = el.where(counts > 0, choose(base, of_values), base)
    if not values.dtype.is_float:
        return found
    found = stop_gradient(found)
    own = astype(el.equal(base, found), base.dtype)
    theirs = astype(el.equal(values, take(found, at)), base.dtype)
    share = 1 / el.maximum(scatter_add(own, at, theirs), 1)
    moved = scatter_add(own * _change(base), at, theirs * _change(values))
    return found + share * moved


def _change(x: Tensor) -> Tensor:
    """0, with the derivative of x."""
    return el.where(isfinite(x), x - stop_gradient(x), 0)
