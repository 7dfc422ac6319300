"""No NaN from the branch that a `where` does not take, in any mode, to second order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.runtime.reference import evaluate
from tests.autodiff.traps import TRAPS, Array, Trap, as_written, made_safe


def derivatives(f: Callable[..., gc.Tensor], xs: list[gc.Tensor]) -> dict[str, gc.Tensor]:
    """First and second derivatives with random weights and along random ways, in every mode."""
    rng = np.random.default_rng(3)
    y = f(*xs)
    weight = rng.normal(size=y.shape)
    ways = [rng.normal(size=x.shape) for x in xs]
    reverse = gc.gradients(y, xs, weight)
    (forward,) = gc.jvp(y, xs, ways)
    modes = {
        "reverse": reverse,
        "forward": [forward],
        "forward over reverse": gc.jvp(reverse, xs, ways),
        "reverse over reverse": gc.gradients(reverse, xs, ways),
        "reverse over forward": gc.gradients(forward, xs, weight),
        "forward over forward": gc.jvp(forward, xs, ways),
    }
    return {f"{mode} {k}": d for mode, found in modes.items() for k, d in enumerate(found)}


def placeholders(trap: Trap) -> list[gc.Tensor]:
    return [gc.placeholder(gc.float64, array.shape) for array in trap.arrays()]


def interpreted(trap: Trap, keep: Any) -> dict[str, Array]:
    with gc.Graph() as graph:
        xs = placeholders(trap)
        found = derivatives(lambda *args: trap.function(keep, *args), xs)
    program = graph.extract([*xs, *found.values()])
    feeds = {x.node: array for x, array in zip(xs, trap.arrays(), strict=True)}
    with np.errstate(all="ignore"):
        outputs, _ = evaluate(program, feeds)
    return dict(zip(found, outputs[len(xs) :], strict=True))


@pytest.mark.parametrize("trap", TRAPS, ids=lambda trap: trap.name)
def test_the_branch_not_taken_does_no_harm(trap: Trap) -> None:
    found, expected = (interpreted(trap, keep) for keep in (as_written, made_safe))
    for mode, value in expected.items():
        assert np.isfinite(value).all(), mode
        np.testing.assert_allclose(found[mode], value, rtol=1e-12, atol=1e-12, err_msg=mode)


def test_native_code_agrees() -> None:
    """All traps in one program."""
    fetches, feeds = [], {}
    with gc.Graph() as graph:
        for trap in TRAPS:
            xs = placeholders(trap)
            feeds.update(zip(xs, trap.arrays(), strict=True))
            fetches.append(derivatives(lambda *args, f=trap.function: f(as_written, *args), xs))
    with gc.Session(graph) as session:
        values = session.run(fetches, feeds)
    for trap, found in zip(TRAPS, values, strict=True):
        for mode, value in interpreted(trap, as_written).items():
            np.testing.assert_allclose(
                found[mode], value, rtol=1e-9, atol=1e-9, err_msg=f"{trap.name}, {mode}"
            )


def ops_of_gradient(y: gc.Tensor, xs: list[gc.Tensor]) -> Counter[str]:
    made = y.graph.extract(gc.gradients(y, xs, 1.0)).nodes
    primal = set(y.graph.extract([y, *xs]).nodes)
    return Counter(node.op.name for node in made if node not in primal)


def test_one_select_serves_a_whole_elementwise_region() -> None:
    with gc.Graph():
        x = gc.placeholder(gc.float64, (5,))
        y = gc.where(x > 0, gc.sqrt(gc.log(x) * gc.exp(x)), 0)
        assert ops_of_gradient(y, [x])["where"] == 1


def test_branches_of_one_value_share_a_select() -> None:
    with gc.Graph():
        x = gc.placeholder(gc.float64, (5,))
        y = gc.where(gc.abs(x) < 1, x * x, gc.sqrt(x))
        assert ops_of_gradient(y, [x])["where"] == 1


def test_a_program_without_where_has_a_gradient_without() -> None:
    with gc.Graph():
        x, w = gc.placeholder(gc.float64, (4, 5)), gc.placeholder(gc.float64, (5, 3))
        y = gc.nn.softmax(gc.log(x @ w)) / gc.sqrt(gc.sum(x * x))
        assert not {"where", "any", "logical_and"} & set(ops_of_gradient(y, [x, w]))


def test_a_relu_costs_its_layer_one_select() -> None:
    with gc.Graph():
        x, w = gc.placeholder(gc.float64, (4, 5)), gc.placeholder(gc.float64, (5, 3))
        y = gc.nn.relu(gc.nn.layer_norm(x @ w))
        found = ops_of_gradient(y, [x, w])
        assert found["any"] == 0
        plain = gc.nn.relu(x @ w + gc.placeholder(gc.float64, (3,)))
        assert ops_of_gradient(plain, [x, w])["where"] == 1


def test_a_branch_that_is_never_taken_gets_zeros() -> None:
    with gc.Graph() as graph:
        x, s = gc.placeholder(gc.float64, (3,)), gc.placeholder(gc.float64, (3,))
        y = gc.where(x > 0, gc.where(s > 0, x, s), 1.0)
        inner = gc.where(x > 0, 1.0, gc.where(x > 0, gc.log(s), x))
        found = gc.gradients([y, inner], [x, s], [[1, 2, 3], [1, 2, 3]])
    with gc.Session(graph) as session:
        by_x, by_s = session.run(found, {x: [1.0, -1.0, 2.0], s: [1.0, 1.0, -1.0]})
    np.testing.assert_array_equal(by_x, [1, 2, 0])
    np.testing.assert_array_equal(by_s, [0, 0, 3])
