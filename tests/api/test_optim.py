from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import AttributeValueError, GradientError
from graphc.runtime.reference import evaluate

pytestmark = pytest.mark.usefixtures("graph")

START = np.array([1.0, -2.0, 0.5])
STEPS = 4


def _slope(w: Any) -> Any:
    return 4 * w**3 - 1


def _loss(w: gc.Tensor) -> gc.Tensor:
    return gc.sum(w**4 - w)


def _trained(step: gc.Group, steps: int = STEPS) -> dict[str | None, Any]:
    """The variables after some steps, by name."""
    program = step.graph.extract([], step.assignments)
    values = dict(step.graph.initial_values)
    for _ in range(steps):
        _, new = evaluate(program, {node: values[node] for node in program.variables}, {})
        values.update({node: value for (node, _), value in zip(program.updates, new, strict=True)})
    return {node.name: value for node, value in values.items()}


def _sgd(momentum: float, rate: float) -> Any:
    w, v = START.copy(), np.zeros(3)
    for _ in range(STEPS):
        v = momentum * v + _slope(w)
        w = w - rate * v
    return w


def _adam(rate: float, beta1: float, beta2: float, epsilon: float) -> Any:
    w, m, v = START.copy(), np.zeros(3), np.zeros(3)
    for t in range(1, STEPS + 1):
        g = _slope(w)
        m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g * g
        w = w - rate * (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + epsilon)
    return w


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_sgd(momentum: float) -> None:
    w = gc.variable(START, name="w")
    found = _trained(gc.optim.SGD(0.01, momentum).minimize(_loss(w)))
    np.testing.assert_allclose(found["w"], _sgd(momentum, 0.01), rtol=1e-12)
    assert ("w/momentum" in found) == (momentum > 0)


@pytest.mark.parametrize("settings", [(0.1, 0.9, 0.999, 1e-8), (0.01, 0.0, 0.5, 1e-3)])
def test_adam(settings: tuple[float, float, float, float]) -> None:
    w = gc.variable(START, name="w")
    found = _trained(gc.optim.Adam(*settings).minimize(_loss(w)))
    np.testing.assert_allclose(found["w"], _adam(*settings), rtol=1e-12)
    assert found["adam_step"] == STEPS
    assert {"w/adam_m", "w/adam_v"} <= found.keys()


def test_the_state_has_the_variables_dtype_and_is_not_trained(graph: gc.Graph) -> None:
    w = gc.variable(START.astype(np.float32), name="w")
    gc.optim.Adam(0.1).minimize(_loss(w))
    state = {v.name: (v.dtype, v.trainable) for v in graph.variables}
    assert state == {
        "w": (gc.float32, True),
        "adam_step": (gc.int64, False),
        "w/adam_m": (gc.float32, False),
        "w/adam_v": (gc.float32, False),
    }


def test_corrections_are_precise_in_float32() -> None:
    w = gc.variable(START.astype(np.float32), name="w")
    found = _trained(gc.optim.Adam(0.1).minimize(_loss(w)))
    np.testing.assert_allclose(found["w"], _adam(0.1, 0.9, 0.999, 1e-8), rtol=1e-6)


def test_a_rate_may_be_fed(graph: gc.Graph) -> None:
    rate = gc.placeholder(gc.float32, (), name="rate")
    w = gc.variable(START, name="w")
    for optimiser in (gc.optim.SGD(rate), gc.optim.Adam(rate)):
        step = optimiser.minimize(_loss(w))
        assert graph.extract([], step.assignments).placeholders == (rate.node,)


def test_two_optimisers_keep_their_states_apart(graph: gc.Graph) -> None:
    w = gc.variable(START, name="w")
    first, second = (gc.optim.Adam(0.1).minimize(_loss(w)) for _ in range(2))
    states = [{a.variable.name for a in step.assignments} - {"w"} for step in (first, second)]
    assert states[1] == {"adam_step_1", "w/adam_m_1", "w/adam_v_1"}
    assert not states[0] & states[1]


def test_all_trainable_variables_on_which_the_loss_depends_are_changed() -> None:
    w, other = gc.variable(START, name="w"), gc.variable(START, name="other")
    fixed = gc.variable(START, name="fixed", trainable=False)
    loss = _loss(w * fixed)
    step = gc.optim.SGD(0.1).minimize(loss)
    assert [a.variable for a in step.assignments] == [w]
    step = gc.optim.SGD(0.1).minimize(loss, [fixed])
    assert [a.variable for a in step.assignments] == [fixed]
    assert gc.depends_on(loss, other) == [False]


def test_a_step_can_be_made_outside_the_graphs_block() -> None:
    with gc.Graph() as other:
        loss = _loss(gc.variable(START, name="w"))
    with other:
        step = gc.optim.Adam(0.1).minimize(loss)
    assert step.graph is other


def test_a_loss_must_depend_on_the_variables(fails: Callable[..., Any]) -> None:
    w, other = gc.variable(START, name="w"), gc.variable(START, name="other")
    loss = _loss(w)
    with fails(GradientError, "does not depend on <gc.Variable %other", op="SGD"):
        gc.optim.SGD(0.1).minimize(loss, [w, other])
    constant = gc.sum(gc.stop_gradient(w))
    with fails(GradientError, "depends on no trainable variable", op="Adam"):
        gc.optim.Adam(0.1).minimize(constant)
    with fails(GradientError, "is not a scalar", op="gradients"):
        gc.optim.Adam(0.1).minimize(w * w)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: gc.optim.SGD(-0.1), "the rate must be a number that is not negative, not -0.1"),
        (lambda: gc.optim.SGD(float("nan")), "the rate must be a number that is not negative"),
        (lambda: gc.optim.SGD("fast"), "the rate must be a number"),
        (lambda: gc.optim.SGD(0.1, 1.0), "momentum must be at least 0 and less than 1"),
        (lambda: gc.optim.Adam(0.1, beta1=1.5), "beta1 must be at least 0 and less than 1"),
        (lambda: gc.optim.Adam(0.1, beta2=-1), "beta2 must be at least 0 and less than 1"),
        (lambda: gc.optim.Adam(gc.zeros(3)), "must be a floating-point scalar"),
    ],
)
def test_settings_that_make_no_sense(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(AttributeValueError) as caught:
        make()
    assert message in caught.value.message
    assert caught.value.location is not None
    assert caught.value.location.file == __file__
