from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import AttributeValueError, ShapeError
from tests.api.differences import check_gradients

pytestmark = pytest.mark.usefixtures("graph")

RNG = np.random.default_rng(0)
Q, K, V = (RNG.normal(size=shape) for shape in ((2, 4, 3), (2, 5, 3), (2, 5, 2)))
attend = gc.nn.scaled_dot_product_attention


def expected(scale: float, bias: Any) -> Any:
    scores = Q @ K.swapaxes(-1, -2) * scale + bias
    grown = np.exp(scores - scores.max(-1, keepdims=True))
    return grown / grown.sum(-1, keepdims=True) @ V


@pytest.mark.parametrize(
    ("settings", "scale", "bias"),
    [
        ({}, 3**-0.5, 0.0),
        ({"scale": 2.0}, 2.0, 0.0),
        ({"causal": True}, 3**-0.5, np.where(np.tri(4, 5) > 0, 0, -np.inf)),
        ({"mask": np.eye(4, 5) == 0}, 3**-0.5, np.where(np.eye(4, 5) > 0, -np.inf, 0)),
        ({"mask": np.eye(4, 5)}, 3**-0.5, np.eye(4, 5)),
    ],
)
def test_attention(settings: Any, scale: float, bias: Any, compute: Any) -> None:
    xs = [gc.placeholder(gc.float64, x.shape) for x in (Q, K, V)]
    found = compute(attend(*xs, **settings), dict(zip(xs, (Q, K, V), strict=True)))
    np.testing.assert_allclose(found, expected(scale, bias))
    check_gradients(compute, lambda *xs: attend(*xs, **settings), [Q, K, V])


def test_what_does_not_fit(fails: Callable[..., Any]) -> None:
    x, rows = gc.placeholder(gc.float64, (3,)), gc.placeholder(gc.float64, (2, "d"))
    with fails(ShapeError, "needs rows", op="scaled_dot_product_attention"):
        attend(x, x, x)
    wide = gc.placeholder(gc.float64, (2, 4))
    with fails(ShapeError, "rows of one length", op="scaled_dot_product_attention"):
        attend(wide, wide[:, 1:], wide)
    with fails(ShapeError, "as many rows in key", op="scaled_dot_product_attention"):
        attend(wide, wide, wide[1:])
    with fails(AttributeValueError, "needs a scale", op="scaled_dot_product_attention"):
        attend(rows, rows, rows)
