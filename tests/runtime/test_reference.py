"""The interpreter: values, sizes, the errors of nodes, and that a session by it is the same."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import GraphcError, OutOfRangeError
from graphc.ir.dims import symbol
from graphc.runtime.reference import bind_sizes, evaluate, known

Array = np.ndarray[Any, Any]


def test_outputs_and_new_values_are_fresh_rows(graph: gc.Graph) -> None:
    x = gc.placeholder(gc.float32, (2, 3), name="x")
    v = gc.variable(np.zeros((3, 2), np.float32), name="v")
    program = graph.extract([x, x.T, v, gc.broadcast_to(x[0], (4, 3))], [gc.assign(v, x.T)])
    given = np.arange(6, dtype=np.float32).reshape(2, 3)
    held = np.ones((3, 2), np.float32)
    outputs, updates = evaluate(program, {x.node: given, v.node: held})
    wanted = [given, given.T, held, np.tile(given[0], (4, 1)), given.T]
    for got, expected in zip([*outputs, *updates], wanted, strict=True):
        assert np.array_equal(got, expected)
        assert got.flags.c_contiguous and got.flags.owndata and got.flags.writeable
        assert not np.may_share_memory(got, given) and not np.may_share_memory(got, held)


def test_sizes_are_read_off_inputs(graph: gc.Graph) -> None:
    x = gc.placeholder(gc.float32, ("n", "2*m"), name="x")
    y = gc.placeholder(gc.float32, ("m", 3), name="y")
    program = graph.extract([x, y, gc.zeros(("n", "m"))])
    inputs = {x.node: np.ones((2, 10), np.float32), y.node: np.ones((5, 3), np.float32)}
    assert bind_sizes(program, inputs) == {"n": 2, "m": 5}
    assert [output.shape for output in evaluate(program, inputs)[0]] == [(2, 10), (5, 3), (2, 5)]


def test_sizes_that_are_given_are_used(graph: gc.Graph) -> None:
    program = graph.extract([gc.zeros(("n", "n + 1"))])
    outputs, _ = evaluate(program, {}, {"n": 3})
    assert outputs[0].shape == (3, 4)


def test_attributes_are_made_known() -> None:
    n = symbol("n")
    assert known((2, n, (n + 1, "text")), {"n": 5}) == (2, 5, (6, "text"))
    assert known(n * n, {"n": 5}) == 25
    assert known(None, {}) is None


def test_an_error_names_the_node_it_is_of(
    graph: gc.Graph, blamed: Callable[[GraphcError], str]
) -> None:
    x = gc.placeholder(gc.float32, ("n",), name="x")
    at = gc.placeholder(gc.int32, (), name="at")
    first = gc.take(x, at)  # the one that fails
    program = graph.extract([first * 2 + gc.take(x, 0)])
    with pytest.raises(OutOfRangeError) as caught:
        evaluate(program, {x.node: np.ones(2, np.float32), at.node: np.array(5, np.int32)})
    assert caught.value.message == "index 5 is out of range for axis 0 with size 2"
    assert caught.value.op == "gather"
    assert blamed(caught.value) == "first = gc.take(x, at)  # the one that fails"


def test_nothing_is_said_about_numbers_that_are_not_finite(graph: gc.Graph) -> None:
    x = gc.placeholder(gc.float64, ("n",), name="x")
    i = gc.placeholder(gc.int32, ("n",), name="i")
    values = [1 / x, gc.log(x), gc.exp(1e3 * x), gc.sqrt(x), i // 0, gc.astype(x * 1e99, gc.int8)]
    program = graph.extract(values)
    given = {x.node: np.array([0.0, -1.0, 1e300]), i.node: np.array([0, 1, -1], np.int32)}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        evaluate(program, given)


#: Programs over x of shape [n, 4], m of ints, and a variable w of shape [4].
PROGRAMS: dict[str, Callable[[gc.Tensor, gc.Tensor, gc.Tensor], gc.Tensor]] = {
    "product": lambda x, m, w: x @ w,
    "layer norm": lambda x, m, w: gc.nn.layer_norm(x) * w,
    "loss": lambda x, m, w: gc.nn.softmax_cross_entropy(x * w, m),
    "gradient": lambda x, m, w: gc.gradients(gc.sum(gc.tanh(x * w)), [w])[0],
    "gather": lambda x, m, w: gc.take(w, m - 4),
    "sorted": lambda x, m, w: gc.sort(x, axis=0) - gc.cumulative_sum(x, axis=1),
    "integers": lambda x, m, w: (m * 7 - 3) // 2 % 5,
    "conditions": lambda x, m, w: gc.where(x > w, x, gc.stop_gradient(w)),
    "joined": lambda x, m, w: gc.concat([x[::-1], gc.pad(x, ((1, 0), (0, 0)))], axis=0),
}


@pytest.mark.parametrize("size", [1, 2, 33])
@pytest.mark.parametrize("make", PROGRAMS.values(), ids=PROGRAMS.keys())
def test_machine_code_and_interpreter_agree(
    make: Callable[[gc.Tensor, gc.Tensor, gc.Tensor], gc.Tensor], size: int, graph: gc.Graph
) -> None:
    x = gc.placeholder(gc.float32, ("n", 4), name="x")
    m = gc.placeholder(gc.int32, ("n",), name="m")
    w = gc.variable(np.array([0.5, -1, 2, 0.25], np.float32), name="w")
    fetches = [make(x, m, w), gc.assign(w, w * 2 + gc.sum(x, axis=0)), w]
    rng = np.random.default_rng(size)
    feeds = {
        x: rng.normal(size=(size, 4)).astype(np.float32),
        m: rng.integers(0, 4, size).astype(np.int32),
    }
    native, reference = gc.Session(graph), gc.Session(graph, reference=True)
    for _ in range(2):
        got, _, before = native.run(fetches, feeds)
        wanted, _, expected = reference.run(fetches, feeds)
        assert (got.shape, got.dtype) == (wanted.shape, wanted.dtype)
        np.testing.assert_allclose(got, wanted, rtol=2e-5, atol=5e-6)
        np.testing.assert_allclose(before, expected, rtol=2e-5, atol=5e-6)
    np.testing.assert_allclose(native.get_value(w), reference.get_value(w), rtol=2e-5, atol=5e-6)
