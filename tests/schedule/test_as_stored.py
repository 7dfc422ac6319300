"""Reductions of turned views: which are taken as things lie in memory, and which lay views out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from graphc.ir.dtypes import float32
from graphc.ir.graph import extract
from graphc.ir.node import Node
from graphc.ops import ops
from graphc.schedule.splitting import split_reductions
from tests.native import run_native
from tests.schedule.programs import fused, scheduled

ROWS, COLUMNS = 70, 80


def placeholder(name: str, *shape: int) -> Node:
    return ops.placeholder(shape=shape, dtype=float32, name=name)


def turned(x: Node) -> Node:
    return ops.permute_dims(x, axes=(1, 0))


X, Y, V = placeholder("x", ROWS, COLUMNS), placeholder("y", COLUMNS, ROWS), placeholder("v", ROWS)
T = placeholder("t", 5, ROWS, COLUMNS)

# what is reduced, with NumPy's words for it; what is read turned in the end
AS_STORED: dict[str, tuple[Callable[[], Node], Callable[..., np.ndarray]]] = {
    "rows of a view": (lambda: ops.sum(turned(X), axes=(1,)), lambda x: x.T.sum(1)),
    "columns of a view": (lambda: ops.max(turned(X), axes=(0,)), lambda x: x.T.max(0)),
    "a formula of views": (
        lambda: ops.sum(ops.mul(turned(X), ops.tanh(turned(X))), axes=(1,)),
        lambda x: (x.T * np.tanh(x.T)).sum(1),
    ),
    "a formula with a row": (
        lambda: ops.min(ops.add(turned(X), ops.broadcast_to(V, shape=(COLUMNS, ROWS))), axes=(1,)),
        lambda x, v: (x.T + v).min(1),
    ),
    "positions": (lambda: ops.argmax(turned(X), axis=1), lambda x: x.T.argmax(1)),
    "squared deviations": (
        lambda: ops.squared_deviations(turned(X), axes=(1,)),
        lambda x: ((x.T - x.T.mean(1, keepdims=True)) ** 2).sum(1),
    ),
    "dims that stay are moved afterwards": (
        lambda: ops.sum(ops.permute_dims(T, axes=(2, 0, 1)), axes=(2,)),
        lambda t: t.transpose(2, 0, 1).sum(2),
    ),
}
ARRAYS = {
    node: np.random.default_rng(k).normal(size=node.shape).astype(np.float32)
    for k, node in enumerate((X, Y, V, T))
}


def values(result: Node) -> tuple[np.ndarray, list[np.ndarray]]:
    graph = extract("g", [result])
    feeds = {node: ARRAYS[node] for node in graph.placeholders}
    (found,) = run_native([result], feeds)
    return found, list(feeds.values())


@pytest.mark.parametrize("title", AS_STORED)
def test_it_is_taken_as_it_lies(title: str) -> None:
    made, expected = AS_STORED[title]
    result = made()
    prepared = split_reductions(extract("g", [result]))
    big = [
        node for node in prepared.nodes
        if node.op is ops.permute_dims and node.inputs[0].op is ops.placeholder
    ]  # fmt: skip
    assert not big
    found, arrays = values(result)
    np.testing.assert_allclose(found, expected(*arrays), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("is_fetched", [False, True])
def test_others_are_laid_out_first(is_fetched: bool) -> None:
    """What is read turned along rows, beside what is not, has a kernel that turns it in tiles."""
    view = turned(X)
    result = ops.sum(ops.mul(view, Y), axes=(1,))
    graph = extract("g", [result, view] if is_fetched else [result])
    reasons = fused(graph).reasons
    assert [reason for node, reason in reasons.items() if node.op is ops.permute_dims] == [
        "is laid out by rows for sum"
    ]
    assert len(scheduled(graph).launches) == 2
    found, (x, y) = values(result)
    np.testing.assert_allclose(found, (x.T * y).sum(1), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("axes", [(0,), (2,), (1, 2)])
def test_views_with_the_same_last_axis_stay(axes: tuple[int, ...]) -> None:
    """Their rows lie in memory as they are read."""
    view = ops.permute_dims(T, axes=(1, 0, 2))
    prepared = split_reductions(extract("g", [ops.sum(view, axes=axes)]))
    assert any(node.op is ops.permute_dims for node in prepared.nodes)


def test_views_whose_neighbours_are_near_stay() -> None:
    """Windows side by side: the places of a window in front, positions two elements apart."""
    x = placeholder("image", 5, ROWS, 2, 40, 2)
    view = ops.permute_dims(x, axes=(2, 4, 0, 1, 3))
    prepared = split_reductions(extract("g", [ops.max(view, axes=(0, 1))]))
    assert any(node.op is ops.permute_dims for node in prepared.nodes)
