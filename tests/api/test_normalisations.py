from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import AttributeValueError, GraphcError, ShapeError
from tests.api.differences import check_gradients

pytestmark = pytest.mark.usefixtures("graph")

RNG = np.random.default_rng(0)
DATA = RNG.normal(size=(2, 6, 3, 4)) * 3 + 1
SCALE, SHIFT = RNG.normal(size=6), RNG.normal(size=6)
COLUMN = (slice(None), None, None)


def normal(x: Any, axes: Any, epsilon: float) -> Any:
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + epsilon)


def by_groups(x: Any) -> Any:
    return normal(x.reshape(2, 3, 2, 3, 4), (2, 3, 4), 0.1).reshape(x.shape)


def response(x: Any) -> Any:
    squares = np.pad(x * x, [(0, 0), (1, 1), (0, 0), (0, 0)])
    total = squares[:, :-2] + squares[:, 1:-1] + squares[:, 2:]
    return x / (2 + 0.5 * total / 3) ** 0.75


#: The function of data, scale and shift, and NumPy's twin.
NORMS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "batch_norm": (
        lambda x, s, t: gc.nn.batch_norm(x, s, t, epsilon=0.1),
        lambda x, s, t: normal(x, (0, 2, 3), 0.1) * s[COLUMN] + t[COLUMN],
    ),
    "batch_norm, known": (
        lambda x, s, t: gc.nn.batch_norm(x, mean=s, variance=t * t),
        lambda x, s, t: (x - s[COLUMN]) / np.sqrt((t * t)[COLUMN] + 1e-5),
    ),
    "instance_norm": (
        lambda x, s, t: gc.nn.instance_norm(x, s, t, epsilon=0.1),
        lambda x, s, t: normal(x, (2, 3), 0.1) * s[COLUMN] + t[COLUMN],
    ),
    "group_norm": (
        lambda x, s, t: gc.nn.group_norm(x, 3, s, t, epsilon=0.1),
        lambda x, s, t: by_groups(x) * s[COLUMN] + t[COLUMN],
    ),
    "rms_norm": (
        lambda x, s, t: gc.nn.rms_norm(x, axis=(2, 3), epsilon=0.1),
        lambda x, s, t: x / np.sqrt((x * x).mean((2, 3), keepdims=True) + 0.1),
    ),
    "local_response_norm": (
        lambda x, s, t: gc.nn.local_response_norm(x, 3, alpha=0.5, k=2.0),
        lambda x, s, t: response(x),
    ),
    "normalize": (
        lambda x, s, t: gc.nn.normalize(x, axis=(1, 2)),
        lambda x, s, t: x / np.sqrt((x * x).sum((1, 2), keepdims=True)),
    ),
}


@pytest.mark.parametrize("name", NORMS)
def test_values_and_slopes(name: str, compute: Any) -> None:
    function, twin = NORMS[name]
    x = gc.placeholder(gc.float64, ("n", 6, 3, "w"))
    scale, shift = gc.placeholder(gc.float64, (6,)), gc.placeholder(gc.float64, (6,))
    found = compute(function(x, scale, shift), {x: DATA, scale: SCALE, shift: SHIFT})
    np.testing.assert_allclose(found, twin(DATA, SCALE, SHIFT), rtol=1e-12)
    check_gradients(compute, function, [DATA, SCALE, SHIFT])


def test_a_length_of_zero(compute: Any) -> None:
    x = gc.placeholder(gc.float64, (2,))
    y = gc.nn.normalize(x)
    assert compute(y, {x: [0.0, 0.0]}).tolist() == [0.0, 0.0]
    assert np.isfinite(compute(gc.gradients(gc.sum(y), x)[0], {x: [0.0, 0.0]})).all()


@pytest.mark.parametrize(
    ("apply", "error", "message", "op"),
    [
        (lambda x: gc.nn.batch_norm(x, mean=[0.0] * 6), AttributeValueError, "both", "batch_norm"),
        (lambda x: gc.nn.layer_norm(x, [1.0, 2.0]), ShapeError, "do not broadcast", "layer_norm"),
        (lambda x: gc.nn.rms_norm(x, [1.0, 2.0]), ShapeError, "do not broadcast", "rms_norm"),
        (lambda x: gc.nn.batch_norm(x, [1.0, 2.0]), ShapeError, "each of 6 channels", "batch_norm"),
        (lambda x: gc.nn.group_norm(x, 4), AttributeValueError, "6 channels do not", "group_norm"),
        (lambda x: gc.nn.instance_norm(x[0, 0]), ShapeError, "needs batch", "instance_norm"),
        (lambda x: gc.nn.local_response_norm(x, 0), AttributeValueError, "at least 1",
         "local_response_norm"),
    ],
)  # fmt: skip
def test_what_does_not_fit(
    apply: Callable[[Any], Any], error: type[GraphcError], message: str, op: str
) -> None:
    with pytest.raises(error, match=message) as caught:
        apply(gc.placeholder(gc.float64, (2, 6, 3, 4)))
    assert caught.value.op == op
