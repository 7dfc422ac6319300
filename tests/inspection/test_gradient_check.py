"""Whether the check finds what is wrong, and nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import AttributeValueError, FeedError, GradientError
from graphc.inspection.gradient_check import Settings
from tests.ops.undifferentiable import ONCE, OPAQUE

RNG = np.random.default_rng(5)
MATRIX = RNG.normal(size=(3, 4))
MODES = ["reverse", "forward", "forward over reverse", "reverse over reverse"]

RIGHT: dict[str, tuple[Callable[..., Any], list[Any]]] = {
    "product": (lambda x, w: x @ w, [MATRIX, RNG.normal(size=(4, 2))]),
    "scalars": (lambda x, y: gc.sin(x) * y**3, [0.5, -1.5]),
    "loss": (lambda x, y: gc.nn.softmax_cross_entropy(x, y), [MATRIX, np.array([0, 3, 1])]),
    "several results": (lambda x: {"a": gc.exp(x), "b": [x[0], gc.argmax(x)]}, [MATRIX]),
    "float32 is widened": (lambda x: x / 3, [MATRIX.astype(np.float32)]),
    "large numbers": (lambda x: gc.sqrt(x) * 1e6, [MATRIX**2 * 1e8 + 1e7]),
    "small numbers": (lambda x: x * x, [MATRIX * 1e-5]),
    "no elements": (lambda x: gc.sum(x * x), [np.zeros((0, 3))]),
    "kinks elsewhere": (lambda x: gc.abs(x) + gc.nn.relu(x), [MATRIX]),
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_derivatives_agree(name: str) -> None:
    function, inputs = RIGHT[name]
    report = gc.check_gradients(function, inputs).require()
    assert report.ok and not report.notes
    floats = sum(np.asarray(value).dtype.kind == "f" for value in inputs)
    assert Counter(row.mode for row in report.rows) == dict.fromkeys(MODES, 3 * floats)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: gc.stop_gradient(x * x) * x,
        lambda x: x + 1e-4 * gc.stop_gradient(x * x),
        lambda x: gc.floor(x * 1e9) / 1e9,
        lambda x: gc.astype(gc.astype(x * 1e8, gc.int64), gc.float64) + x,
    ],
)
def test_a_wrong_derivative_is_found(function: Callable[..., Any]) -> None:
    report = gc.check_gradients(function, [MATRIX])
    assert not report.ok
    wrong = {row.mode for row in report.rows if row.verdict == "wrong"}
    assert {"reverse", "forward"} <= wrong
    with pytest.raises(GradientError, match="disagree with differences\ninput +mode"):
        report.require()


def test_only_the_second_derivative_may_be_wrong() -> None:
    def half_stopped(x: gc.Tensor) -> gc.Tensor:
        (slope,) = gc.gradients(gc.sum(x**3), x)
        return gc.stop_gradient(slope) * x - gc.stop_gradient(slope * x - x**3)

    report = gc.check_gradients(half_stopped, [MATRIX])
    verdicts = {row.mode: row.verdict for row in report.worst}
    assert verdicts == dict(zip(MODES, ["ok", "ok", "wrong", "wrong"], strict=True))


@pytest.mark.parametrize(
    ("function", "point"),
    [
        (lambda x: gc.where(x > 0, x, -2 * x), 0.0),
        (lambda x: gc.where(x > 0, x, -2 * x), 2e-8),
        (lambda x: gc.sqrt(gc.abs(x)), 1e-7),
    ],
)
def test_a_kink_is_no_error_and_no_agreement(
    function: Callable[[gc.Tensor], gc.Tensor], point: float
) -> None:
    report = gc.check_gradients(function, [np.array([point])], second_order=False)
    assert {row.verdict for row in report.rows} == {"unsure"}
    smaller = gc.check_gradients(function, [np.array([1e-7])], step=1e-8, tolerance=1e-3)
    assert smaller.ok


def test_a_jump_in_the_forward_value_is_unsure() -> None:
    report = gc.check_gradients(lambda x: x * x + gc.floor(x), [np.array([1.0])])
    assert report.worst[0].verdict == "unsure"


def test_nan_is_no_agreement() -> None:
    report = gc.check_gradients(gc.sqrt, [np.array([-1.0])], second_order=False)
    assert [row.verdict for row in report.rows] == ["unsure"] * 6


def test_what_has_no_second_derivative_is_noted() -> None:
    report = gc.check_gradients(lambda x: x.graph.tensor(ONCE(x.node)), [np.array([3.0])])
    assert report.ok
    assert "note: nothing by reverse over reverse: opaque: cannot be differentiated" in str(report)
    with pytest.raises(GradientError, match="opaque"):
        gc.check_gradients(lambda x: x.graph.tensor(OPAQUE(x.node)), [np.array([3.0])])


def test_the_table_has_the_worst_direction_of_each() -> None:
    report = gc.check_gradients(lambda x, other: x * gc.sin(other), [MATRIX, MATRIX], directions=2)
    lines = str(report).splitlines()
    assert lines[0].split() == ["input", "mode", "analytic", "numeric", "error", "verdict"]
    assert [line.split()[0] for line in lines[1:]] == ["x"] * 4 + ["other"] * 4
    assert len(report.rows) == 16


def test_seeds_choose_directions() -> None:
    found = [gc.check_gradients(gc.sin, MATRIX, seed=seed).rows for seed in (0, 0, 1)]
    assert found[0] == found[1] != found[2]


def test_the_interpreter_agrees() -> None:
    native, other = (gc.check_gradients(gc.tanh, [MATRIX], reference=r) for r in (False, True))
    assert other.ok
    for mine, theirs in zip(native.rows, other.rows, strict=True):
        assert mine.analytic == pytest.approx(theirs.analytic, rel=1e-9)


def test_tensors_of_a_graph_with_what_they_are_fed() -> None:
    with gc.Graph():
        x = gc.placeholder(gc.float32, ("n", 4), name="x")
        labels = gc.placeholder(gc.int32, ("n",), name="labels")
        w = gc.variable(RNG.normal(size=(4, 2)).astype(np.float32), name="w")
        frozen = gc.variable(np.float32(2), name="frozen", trainable=False)
        loss = gc.nn.softmax_cross_entropy(x @ w * frozen, labels)
    report = gc.check_gradients(loss, {x: MATRIX, "labels": np.array([0, 1, 1])}).require()
    assert {row.input for row in report.rows} == {"x", "w"}
    with pytest.raises(FeedError, match="labels.*is needed and not fed"):
        gc.check_gradients([loss, w], {x: MATRIX})


@pytest.mark.parametrize(
    ("function", "inputs", "message"),
    [
        (lambda x: 3.0, [1.0], "takes tensors, or a function that gives them, not 3.0"),
        (lambda x: [], [1.0], "there is nothing to differentiate"),
        (lambda x: x > 0, [1.0], "there is no floating-point output to differentiate"),
        (lambda x: x * x, [1], "there is no floating-point input to differentiate by"),
    ],
)
def test_what_cannot_be_checked(function: Callable[..., Any], inputs: Any, message: str) -> None:
    with pytest.raises(GradientError, match=message):
        gc.check_gradients(function, inputs)


@pytest.mark.parametrize("change", [{"step": 0.0}, {"tolerance": -1.0}, {"directions": 0}])
def test_settings_without_sense(change: dict[str, Any]) -> None:
    with pytest.raises(AttributeValueError):
        Settings(**change)
