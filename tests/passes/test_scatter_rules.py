"""Scatters of one element along an axis as selects, and the sums of such selects."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import graphc as gc
from graphc.errors import OutOfRangeError
from graphc.ir.dims import Size, symbol
from graphc.ir.dtypes import DType, float32, int8, int32, int64
from graphc.ir.graph import extract
from graphc.ir.node import Node
from graphc.ir.verifier import verify
from graphc.ops import ops
from graphc.ops.declaring import scalar_like
from graphc.passes.canonicalize import canonicalize
from graphc.passes.scatter_rules import SCATTER_RULES
from tests.passes.values import (
    Array,
    assert_same_bits,
    placeholder,
    random_array,
    rule_named,
    run,
)

N, M = symbol("n"), symbol("m")
Shape = tuple[Size, ...]
SIZES = {"n": 4, "m": 3}


def count(shape: Shape, axis: int, dtype: DType = int64) -> Node:
    return ops.iota(shape=shape, axis=axis, dtype=dtype)


def scattered(
    shape: Shape,
    indices: list[Node],
    axes: tuple[int, ...],
    position: int,
    picked: Shape,
    start: float = 0.0,
    dtype: DType = float32,
) -> Node:
    base = scalar_like(placeholder("like", dtype, shape), start)
    updates = placeholder("updates", dtype, picked)
    return ops.scatter_add(base, *indices, updates, axes=axes, position=position)


def index(shape: Shape, dtype: DType = int64) -> Node:
    return placeholder("index", dtype, shape)


# each as in the derivative of picking one element along an axis
ONE: dict[str, Callable[[], Node]] = {
    "a class of each row": lambda: scattered(
        (N, 5), [count((N, 1), 0), index((N, 1))], (0, 1), 0, (N, 1)
    ),
    "narrow labels": lambda: scattered(
        (N, 5), [count((N, 1), 0), index((N, 1), int8)], (0, 1), 0, (N, 1)
    ),
    "a row of each column": lambda: scattered(
        (5, N), [index((1, N)), count((1, N), 1)], (0, 1), 0, (1, N)
    ),
    "two counted dims": lambda: scattered(
        (N, M, 5), [count((N, M, 1), 0), count((N, M, 1), 1), index((N, M, 1))], (0, 1, 2), 0,
        (N, M, 1),
    ),
    "counted the other way round": lambda: scattered(
        (M, N, 5), [index((N, M)), count((N, M), 0), count((N, M), 1)], (2, 1, 0), 0, (N, M)
    ),
    "whole rows": lambda: scattered(
        (N, 5, M), [count((N,), 0), index((N,))], (0, 1), 0, (N, M)
    ),
    "rows put last": lambda: scattered(
        (N, 5, M), [count((N,), 0), index((N,))], (0, 1), 1, (M, N)
    ),
    "one row in all": lambda: scattered((5, N), [index(())], (0,), 0, (N,)),
    "one row in all, of dims of size 1": lambda: scattered(
        (5, N), [index((1, 1))], (0,), 1, (N, 1, 1)
    ),
    "onto negative zeros": lambda: scattered((5, N), [index(())], (0,), 0, (N,), start=-0.0),
    "onto ones": lambda: scattered((5, N), [index(())], (0,), 0, (N,), start=1.0),
    "integers": lambda: scattered((5, N), [index(())], (0,), 0, (N,), dtype=int32),
    "onto threes": lambda: scattered((5, N), [index(())], (0,), 0, (N,), 3.0, int32),
}  # fmt: skip

MANY: dict[str, Callable[[], Node]] = {
    "several classes of a row": lambda: scattered(
        (N, 5), [count((N, 2), 0), index((N, 2))], (0, 1), 0, (N, 2)
    ),
    "rows of a table": lambda: scattered((5, M), [index((N,))], (0,), 0, (N, M)),
    "a count that may wrap around": lambda: scattered(
        (N, 5), [count((N, 1), 0, int8), index((N, 1))], (0, 1), 0, (N, 1)
    ),
    "one count for two axes": lambda: scattered(
        (N, N, 5), [count((N, 1), 0), count((N, 1), 0), index((N, 1))], (0, 1, 2), 0, (N, 1)
    ),
    "not the whole axis": lambda: scattered(
        (7, 5), [count((4, 1), 0), index((4, 1))], (0, 1), 0, (4, 1)
    ),
    "nothing computed": lambda: scattered((N, 5), [count((N,), 0)], (0,), 0, (N, 5)),
}  # fmt: skip


def fed(node: Node, seed: int) -> tuple[Array, Array]:
    """What a scatter gives before and after canonicalization, for telling updates."""
    graph = extract("scatter", [node])
    after = canonicalize(graph)
    verify(after)
    rng = np.random.default_rng(seed)
    arrays = []
    for given in graph.placeholders:
        shape = tuple(SIZES[str(s)] if not isinstance(s, int) else s for s in given.shape)
        if given.name == "index":
            arrays.append(rng.integers(-5, 5, shape).astype(given.dtype.numpy))
        else:
            arrays.append(random_array(rng, given.dtype, shape))
    return run(graph, arrays, SIZES)[0], run(after, arrays, SIZES)[0]


@pytest.mark.parametrize("title", ONE)
def test_one_element_along_an_axis_is_selected(title: str) -> None:
    node = ONE[title]()
    better = rule_named(SCATTER_RULES, "scatter_of_one").apply(node)
    assert better is not None and better.type == node.type
    assert ops.scatter_add not in {n.op for n in canonicalize(extract("s", [node])).nodes}
    for seed in range(4):
        assert_same_bits(*fed(node, seed), title)


@pytest.mark.parametrize("title", MANY)
def test_other_scatters_stay(title: str) -> None:
    assert rule_named(SCATTER_RULES, "scatter_of_one").apply(MANY[title]()) is None


def test_a_base_that_varies_stays() -> None:
    base, updates = placeholder("base", float32, (5, N)), placeholder("u", float32, (N,))
    node = ops.scatter_add(base, index(()), updates, axes=(0,), position=0)
    assert rule_named(SCATTER_RULES, "scatter_of_one").apply(node) is None


# Sums ----------------------------------------------------------------------------------------


SUMS = {
    "a class of each row": 1, "a row of each column": 0, "two counted dims": 2, "whole rows": 1,
    "one row in all": 0, "onto negative zeros": 0, "integers": 0,
}  # fmt: skip


def sums_left(total: Node) -> int:
    after = canonicalize(extract("s", [total]))
    return sum(node.op is ops.sum for node in after.nodes)


@pytest.mark.parametrize("title", SUMS)
@pytest.mark.parametrize("turned", [False, True])
def test_the_sum_of_one_element_is_that_element(title: str, turned: bool) -> None:
    node = ONE[title]()
    total = ops.sum(ops.neg(node) if turned else node, axes=(SUMS[title],))
    assert sums_left(total) == 0
    for seed in range(4):
        assert_same_bits(*fed(total, seed), title)


@pytest.mark.parametrize("title", ["onto ones", "onto threes"])
def test_the_sum_of_one_element_among_others_stays(title: str) -> None:
    assert sums_left(ops.sum(ONE[title](), axes=(0,))) == 1


@pytest.mark.parametrize("axes", [(0,), (0, 1)])
def test_sums_over_other_axes_stay(axes: tuple[int, ...]) -> None:
    assert sums_left(ops.sum(ONE["a class of each row"](), axes=axes)) == 1


def test_a_position_that_is_not_checked_may_hit_nothing() -> None:
    place = ops.broadcast_to(placeholder("p", int64, (N, 1)), shape=(N, 5))
    u = ops.broadcast_to(placeholder("u", float32, (N, 1)), shape=(N, 5))
    chosen = ops.where(ops.eq(place, count((N, 5), 1)), u, scalar_like(u, 0))
    assert rule_named(SCATTER_RULES, "sum_of_one").apply(ops.sum(chosen, axes=(1,))) is None


# In programs ---------------------------------------------------------------------------------


@pytest.mark.parametrize("label", [5, -6])
def test_a_wrong_label_names_the_line_of_the_loss(label: int) -> None:
    with gc.Graph() as graph:
        x = gc.placeholder(gc.float64, ("n", 5), name="x")
        y = gc.placeholder(gc.int32, ("n",), name="y")
        loss = gc.nn.softmax_cross_entropy(x, y)
        (slope,) = gc.gradients(loss, [x])
    with gc.Session(graph) as session:
        for fetch in (slope, [loss, slope]):
            with pytest.raises(OutOfRangeError, match=f"index {label} is out of range") as error:
                session.run(fetch, {x: np.zeros((3, 5)), y: np.array([0, 1, label], np.int32)})
            assert error.value.location is not None
            assert error.value.location.file == __file__


def test_labels_from_the_end_are_the_same_classes() -> None:
    with gc.Graph() as graph:
        x = gc.placeholder(gc.float64, ("n", 5), name="x")
        y = gc.placeholder(gc.int64, ("n",), name="y")
        loss = gc.nn.softmax_cross_entropy(x, y)
        wanted = [loss, *gc.gradients(loss, [x])]
    values = np.random.default_rng(0).standard_normal((4, 5))
    with gc.Session(graph) as session:
        first = session.run(wanted, {x: values, y: np.array([0, 1, 2, 4])})
        other = session.run(wanted, {x: values, y: np.array([-5, -4, 2, -1])})
    for one, two in zip(first, other, strict=True):
        assert_same_bits(np.asarray(one), np.asarray(two))
