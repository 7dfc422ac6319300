from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import AttributeValueError, OutOfRangeError, ShapeError

pytestmark = pytest.mark.usefixtures("graph")

X = np.array([-90.0, -3.0, -0.5, -0.0, 0.0, 0.5, 3.0, 90.0])


def _softmax(x: Any, axis: Any = -1) -> Any:
    grown = np.exp(x - x.max(axis, keepdims=True))
    return grown / grown.sum(axis, keepdims=True)


_erf = np.vectorize(math.erf)
ACTIVATIONS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any], Any]] = {
    # the function, NumPy's twin, and the derivative at 0
    "relu": (gc.nn.relu, lambda x: np.maximum(x, 0), 0),
    "leaky_relu": (lambda x: gc.nn.leaky_relu(x, 0.1), lambda x: np.where(x > 0, x, 0.1 * x), 0.1),
    "elu": (lambda x: gc.nn.elu(x, 2.0), lambda x: np.where(x > 0, x, 2 * np.expm1(x)), 2),
    "gelu": (gc.nn.gelu, lambda x: x * (1 + _erf(x / np.sqrt(2))) / 2, 0.5),
    "gelu tanh": (
        lambda x: gc.nn.gelu(x, approximate="tanh"),
        lambda x: x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))) / 2,
        0.5,
    ),
    "sigmoid": (gc.nn.sigmoid, lambda x: 1 / (1 + np.exp(-x)), 0.25),
    "silu": (gc.nn.silu, lambda x: x / (1 + np.exp(-x)), 0.5),
    "softplus": (gc.nn.softplus, lambda x: np.logaddexp(x, 0), 0.5),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name: str, compute: Any) -> None:
    function, twin, slope_at_zero = ACTIVATIONS[name]
    x = gc.placeholder(gc.float64, ("n",))
    y = function(x)
    (slope,) = gc.gradients(gc.sum(y), x)
    value, derivative = compute([y, slope], {x: X})
    np.testing.assert_allclose(value, twin(X), rtol=1e-13, atol=1e-15)
    assert np.isfinite(derivative).all()
    step = 1e-6
    away = X != 0
    expected = (twin(X + step) - twin(X - step)) / (2 * step)
    np.testing.assert_allclose(derivative[away], expected[away], rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(derivative[~away], slope_at_zero)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_keep_nan(name: str, compute: Any) -> None:
    x = gc.placeholder(gc.float32, (1,))
    assert np.isnan(compute(ACTIVATIONS[name][0](x), {x: [np.nan]})).all()


@pytest.mark.parametrize("axis", [-1, 0, (0, 1)])
def test_softmax_family(axis: Any, compute: Any) -> None:
    x = gc.placeholder(gc.float64, ("n", 4))
    data = np.random.default_rng(0).normal(size=(3, 4)) * 300
    found = compute(
        [gc.nn.softmax(x, axis), gc.nn.log_softmax(x, axis), gc.nn.logsumexp(x, axis)], {x: data}
    )
    shifted = data - data.max(axis, keepdims=True)
    total = np.log(np.exp(shifted).sum(axis, keepdims=True))
    np.testing.assert_allclose(found[0], _softmax(data, axis), rtol=1e-12)
    np.testing.assert_allclose(found[1], shifted - total, rtol=1e-12)
    expected = (total + data.max(axis, keepdims=True)).squeeze(axis)
    np.testing.assert_allclose(found[2], expected, rtol=1e-12)


def test_logsumexp_of_infinities_and_of_nothing(compute: Any) -> None:
    x = gc.placeholder(gc.float32, (3, "n"))
    result = gc.nn.logsumexp(x, axis=1)
    data = np.array([[-np.inf, -np.inf], [np.inf, 0], [0, -np.inf]])
    np.testing.assert_array_equal(compute(result, {x: data}), [-np.inf, np.inf, 0])
    np.testing.assert_array_equal(compute(result, {x: np.zeros((3, 0))}), [-np.inf] * 3)
    assert gc.nn.logsumexp(x, keepdims=True).shape == (1, 1)


@pytest.mark.parametrize("axis", [-1, (1, 2)])
def test_layer_norm(axis: Any, compute: Any) -> None:
    x = gc.placeholder(gc.float64, ("n", 3, 4))
    scale, shift = np.linspace(1, 2, 4), np.linspace(-1, 1, 4)
    data = np.random.default_rng(0).normal(3, 2, (5, 3, 4))
    found = compute(gc.nn.layer_norm(x, scale, shift, axis=axis, epsilon=1e-3), {x: data})
    centred = data - data.mean(axis, keepdims=True)
    normal = centred / np.sqrt(data.var(axis, keepdims=True) + 1e-3)
    np.testing.assert_allclose(found, normal * scale + shift, rtol=1e-10)


@pytest.mark.parametrize("lead", [(), (5,), (2, 3)])
def test_cross_entropy_of_classes_and_of_probabilities(lead: Any, compute: Any) -> None:
    rng = np.random.default_rng(0)
    scores, classes = rng.normal(size=(*lead, 4)) * 200, rng.integers(0, 4, lead)
    names = tuple("abc"[k] for k in range(len(lead)))
    logits = gc.placeholder(gc.float64, (*names, 4))
    labels = gc.placeholder(gc.int32, names)
    losses = [
        gc.nn.softmax_cross_entropy(logits, labels),
        gc.nn.softmax_cross_entropy(logits, gc.one_hot(labels, 4, dtype=gc.float64)),
    ]
    slopes = [gc.gradients(loss, logits)[0] for loss in losses]
    feeds = {logits: scores, labels: classes}
    chosen = np.take_along_axis(scores - scores.max(-1, keepdims=True), classes[..., None], -1)
    total = np.log(np.exp(scores - scores.max(-1, keepdims=True)).sum(-1))
    for value in compute(losses, feeds):
        np.testing.assert_allclose(value, np.mean(total - chosen[..., 0]), rtol=1e-12)
    expected = (_softmax(scores) - np.eye(4)[classes]) / max(1, math.prod(lead))
    for slope in compute(slopes, feeds):
        np.testing.assert_allclose(slope, expected, atol=1e-12)


def test_cross_entropy_and_its_slope_over_known_dims(compute: Any) -> None:
    """Both in one program, with the place of a class worked out from a row's number."""
    rng = np.random.default_rng(0)
    logits, labels = gc.placeholder(gc.float64, ("n", 3, 5)), gc.placeholder(gc.int32, ("n", 3))
    loss = gc.nn.softmax_cross_entropy(logits, labels)
    scores, classes = rng.normal(size=(2, 3, 5)), rng.integers(0, 5, (2, 3))
    outputs = [loss, *gc.gradients(loss, [logits])]
    _, slope = compute(outputs, {logits: scores, labels: classes})
    np.testing.assert_allclose(slope, (_softmax(scores) - np.eye(5)[classes]) / 6, atol=1e-12)


def test_a_class_out_of_range_is_an_error_when_run(compute: Any) -> None:
    logits, labels = gc.placeholder(gc.float32, ("n", 4)), gc.placeholder(gc.int64, ("n",))
    loss = gc.nn.softmax_cross_entropy(logits, labels)
    with pytest.raises(OutOfRangeError, match="index 4 is out of range"):
        compute(loss, {logits: np.zeros((2, 4)), labels: [0, 4]})


def test_mse(compute: Any) -> None:
    x = gc.placeholder(gc.float64, ("n", 2))
    found = compute(gc.nn.mse(x, [[1, 0]]), {x: [[0, 0], [3, 2]]})
    assert found == (1 + 0 + 4 + 4) / 4


@pytest.mark.parametrize(
    ("logits", "labels", "dtype"),
    [
        (("n", 4), ("n", 4), gc.int32),
        (("n", 4), ("n",), gc.float32),
        (("n", 4), (1,), gc.int32),
        ((1, 4), ("n",), gc.int32),
        ((3, 4), (5,), gc.int32),
        ((3, 4), (3, 5), gc.float32),
        ((), (), gc.float32),
    ],
)
def test_labels_that_do_not_fit(
    logits: Any, labels: Any, dtype: gc.DType, fails: Callable[..., Any]
) -> None:
    x, y = gc.placeholder(gc.float32, logits), gc.placeholder(dtype, labels)
    with fails(ShapeError, "do not fit logits", op="softmax_cross_entropy"):
        gc.nn.softmax_cross_entropy(x, y)


def test_labels_of_another_batch_are_guarded(graph: gc.Graph) -> None:
    x, y = gc.placeholder(gc.float32, ("n", 4)), gc.placeholder(gc.int32, ("m",))
    program = graph.extract([gc.nn.softmax_cross_entropy(x, y)])
    assert [str(guard) for guard in program.guards] == ["m == n"]


def test_gelu_names_its_forms(fails: Callable[..., Any]) -> None:
    x = gc.placeholder(gc.float32, (3,))
    with fails(AttributeValueError, "'none' or 'tanh', not 'fast'", op="gelu"):
        gc.nn.gelu(x, approximate="fast")  # type: ignore[arg-type]
