"""Losses by element, of classes and of pairs, beside formulas told in NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import AttributeValueError, DTypeError, GraphcError, ShapeError
from tests.api.differences import check_gradients

pytestmark = pytest.mark.usefixtures("graph")

RNG = np.random.default_rng(1)
A, B = RNG.normal(size=(4, 5)) * 2, RNG.normal(size=(4, 5)) * 2
C = RNG.normal(size=(4, 5))
P, Q = RNG.uniform(0.1, 0.9, (4, 5)), RNG.uniform(0.1, 0.9, (4, 5))
SIGNS = np.array([1.0, -1.0, 1.0, -1.0])
nn = gc.nn


def _huber(d: Any, delta: float) -> Any:
    d = np.abs(d)
    return np.where(d < delta, d * d / 2, delta * (d - delta / 2))


def _distance(a: Any, b: Any) -> Any:
    return np.linalg.norm(a - b + 1e-6, axis=-1)


def _cosine(a: Any, b: Any) -> Any:
    return (a * b).sum(-1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)


#: The loss without a reduction, NumPy's twin, and what both are given.
ELEMENTS: dict[str, tuple[Callable[..., Any], Callable[..., Any], list[Any]]] = {
    "mse": (nn.mse, lambda a, b: (a - b) ** 2, [A, B]),
    "l1_loss": (nn.l1_loss, lambda a, b: np.abs(a - b), [A, B]),
    "huber_loss": (
        lambda a, b, **k: nn.huber_loss(a, b, delta=1.5, **k),
        lambda a, b: _huber(a - b, 1.5), [A, B],
    ),
    "smooth_l1_loss": (
        lambda a, b, **k: nn.smooth_l1_loss(a, b, beta=0.5, **k),
        lambda a, b: _huber(a - b, 0.5) / 0.5, [A, B],
    ),
    "smooth_l1_loss, 0": (
        lambda a, b, **k: nn.smooth_l1_loss(a, b, beta=0.0, **k),
        lambda a, b: np.abs(a - b), [A, B],
    ),
    "poisson_nll_loss": (nn.poisson_nll_loss, lambda a, q: np.exp(a) - q * a, [A, Q]),
    "poisson_nll_loss, full": (
        lambda p, q, **k: nn.poisson_nll_loss(p, q, log_input=False, full=True, **k),
        lambda p, q: p - q * np.log(p + 1e-8)
        + np.where(q > 1, q * np.log(q) - q + np.log(2 * np.pi * q) / 2, 0),
        [P, 3 * Q],
    ),
    "gaussian_nll_loss": (
        lambda a, b, v, **k: nn.gaussian_nll_loss(a, b, v, full=True, **k),
        lambda a, b, v: (np.log(2 * np.pi * v) + (a - b) ** 2 / v) / 2, [A, B, P],
    ),
    "binary_cross_entropy": (
        nn.binary_cross_entropy, lambda p, q: -q * np.log(p) - (1 - q) * np.log(1 - p), [P, Q]
    ),
    "binary_cross_entropy_with_logits": (
        lambda a, q, w, **k: nn.binary_cross_entropy_with_logits(
            a, q, weight=w, positive_weight=[2.0], **k
        ),
        lambda a, q, w: w * (2 * q * np.logaddexp(0, -a) + (1 - q) * np.logaddexp(0, a)),
        [A, Q, P],
    ),
    "kl_div": (nn.kl_div, lambda a, q: q * (np.log(q) - a), [A, Q]),
    "kl_div, log_target": (
        lambda a, b, **k: nn.kl_div(a, b, log_target=True, **k),
        lambda a, b: np.exp(b) * (b - a), [A, B],
    ),
    "soft_margin_loss": (
        lambda a, **k: nn.soft_margin_loss(a, SIGNS[:, None], **k),
        lambda a: np.log1p(np.exp(-SIGNS[:, None] * a)), [A],
    ),
    "hinge_embedding_loss": (
        lambda a, **k: nn.hinge_embedding_loss(a, SIGNS[:, None], margin=0.7, **k),
        lambda a: np.where(SIGNS[:, None] > 0, a, np.maximum(0.7 - a, 0)), [A],
    ),
    "margin_ranking_loss": (
        lambda a, b, **k: nn.margin_ranking_loss(a, b, SIGNS[:, None], margin=0.2, **k),
        lambda a, b: np.maximum(0.2 - SIGNS[:, None] * (a - b), 0), [A, B],
    ),
    "cosine_embedding_loss": (
        lambda a, b, **k: nn.cosine_embedding_loss(a, b, SIGNS, margin=-0.3, **k),
        lambda a, b: np.where(SIGNS > 0, 1 - _cosine(a, b), np.maximum(_cosine(a, b) + 0.3, 0)),
        [A, B],
    ),
    "triplet_margin_loss": (
        lambda a, b, c, **k: nn.triplet_margin_loss(a, b, c, margin=2.0, swap=True, **k),
        lambda a, b, c: np.maximum(
            _distance(a, b) - np.minimum(_distance(a, c), _distance(b, c)) + 2, 0
        ),
        [A, B, C],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ELEMENTS)
def test_elements_sums_and_means(name: str, compute: Any) -> None:
    loss, twin, arrays = ELEMENTS[name]
    xs = [gc.placeholder(gc.float64, ("n", *array.shape[1:])) for array in arrays]
    feeds = dict(zip(xs, arrays, strict=True))
    wanted = twin(*arrays)
    found = [loss(*xs, reduction="none"), loss(*xs, reduction="sum"), loss(*xs)]
    for value, expected in zip(
        compute(found, feeds), (wanted, wanted.sum(), wanted.mean()), strict=True
    ):
        np.testing.assert_allclose(value, expected, rtol=1e-11)


@pytest.mark.parametrize("name", ELEMENTS)
def test_slopes(name: str, compute: Any) -> None:
    loss, _, arrays = ELEMENTS[name]
    check_gradients(compute, lambda *xs: loss(*xs, reduction="none"), arrays)


def test_logarithms_of_impossible_events_are_bounded(compute: Any) -> None:
    p = gc.placeholder(gc.float64, (2,))
    found = compute(nn.binary_cross_entropy(p, [1.0, 0.0], reduction="none"), {p: [0.0, 1.0]})
    assert found.tolist() == [100.0, 100.0]


def test_mean_over_the_batch_alone(compute: Any) -> None:
    a, q = gc.placeholder(gc.float64, ("n", 5)), gc.placeholder(gc.float64, ("n", 5))
    found = compute(nn.kl_div(a, q, reduction="batchmean"), {a: A, q: Q})
    np.testing.assert_allclose(found, (Q * (np.log(Q) - A)).sum() / 4)


def test_small_variances_keep_their_slope(compute: Any) -> None:
    v = gc.placeholder(gc.float64, ())
    loss = nn.gaussian_nll_loss(0.0, 0.0, v, epsilon=0.5)
    found = compute([loss, *gc.gradients(loss, v)], {v: 0.1})
    np.testing.assert_allclose(found, [np.log(0.5) / 2, 1.0])


# Classes -------------------------------------------------------------------------------------

LABELS = np.array([0, 4, -7, 2])
WEIGHTS = np.array([1.0, 2.0, 0.5, 1.0, 3.0])


def _log_softmax(x: Any, axis: int) -> Any:
    return x - np.log(np.exp(x).sum(axis, keepdims=True))


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("axis", [-1, 0])
def test_cross_entropy(axis: int, smoothing: float, compute: Any) -> None:
    scores = A if axis else A.T
    x, labels = gc.placeholder(gc.float64, scores.shape), gc.placeholder(gc.int64, (4,))
    settings: Any = {"axis": axis, "weight": WEIGHTS, "ignore": -7, "smoothing": smoothing}
    found = compute(
        [nn.cross_entropy(x, labels, **settings, reduction=r) for r in ("none", "sum", "mean")],
        {x: scores, labels: LABELS},
    )
    logs = _log_softmax(A, -1)
    kept = LABELS >= 0
    own = np.where(kept, -logs[np.arange(4), LABELS * kept] * WEIGHTS[LABELS * kept], 0)
    even = np.where(kept, -(logs * WEIGHTS).mean(-1), 0)
    wanted = (1 - smoothing) * own + smoothing * even
    np.testing.assert_allclose(found[0], wanted)
    np.testing.assert_allclose(found[1], wanted.sum())
    np.testing.assert_allclose(found[2], wanted.sum() / WEIGHTS[LABELS[kept]].sum())


def test_cross_entropy_of_probabilities(compute: Any) -> None:
    x, q = gc.placeholder(gc.float64, (4, 5)), gc.placeholder(gc.float64, (4, 5))
    found = compute(nn.cross_entropy(x, q, weight=WEIGHTS, smoothing=0.1), {x: A, q: Q})
    smooth = Q * 0.9 + 0.1 / 5
    np.testing.assert_allclose(found, -(smooth * WEIGHTS * _log_softmax(A, -1)).sum(-1).mean())
    check_gradients(compute, lambda x, q: nn.cross_entropy(x, q, smoothing=0.1), [A, Q])


def test_nll_loss_is_cross_entropy_of_logarithms(compute: Any) -> None:
    x, labels = gc.placeholder(gc.float64, ("n", 5)), gc.placeholder(gc.int64, ("n",))
    settings: Any = {"weight": WEIGHTS, "ignore": -7}
    both = [
        nn.nll_loss(nn.log_softmax(x), labels, **settings),
        nn.cross_entropy(x, labels, **settings),
    ]
    first, second = compute(both, {x: A, labels: LABELS})
    np.testing.assert_allclose(first, second)


@pytest.mark.parametrize("power", [1, 2])
def test_multi_margin_loss(power: int, compute: Any) -> None:
    labels = np.array([0, 4, 1, 2])
    x = gc.placeholder(gc.float64, ("n", 5))
    loss = nn.multi_margin_loss(x, labels, power=power, weight=WEIGHTS, margin=0.8)
    own = A[np.arange(4), labels][:, None]
    short = np.maximum(0.8 - own + A, 0) ** power * WEIGHTS[labels][:, None]
    short[np.arange(4), labels] = 0
    np.testing.assert_allclose(compute(loss, {x: A}), short.mean(-1).mean())


def test_multilabel_soft_margin_loss(compute: Any) -> None:
    x = gc.placeholder(gc.float64, ("n", 5))
    found = compute(nn.multilabel_soft_margin_loss(x, (Q > 0.5) * 1.0, reduction="none"), {x: A})
    each = np.where(Q > 0.5, np.logaddexp(0, -A), np.logaddexp(0, A))
    np.testing.assert_allclose(found, each.mean(-1))


@pytest.mark.parametrize(
    ("apply", "error", "message", "op"),
    [
        (lambda x: nn.mse(x, x, reduction="total"), AttributeValueError, "'total'", "mse"),
        (lambda x: nn.cross_entropy(x, [0, 1]), ShapeError, "do not fit", "cross_entropy"),
        (lambda x: nn.cross_entropy(x, [0, 1, 2, 3], smoothing=2.0), AttributeValueError,
         "from 0 to 1", "cross_entropy"),
        (lambda x: nn.cross_entropy(x, [0, 1, 2, 3], weight=[1.0]), ShapeError, "weight",
         "cross_entropy"),
        (lambda x: nn.nll_loss(x, x), DTypeError, "must be integers", "nll_loss"),
        (lambda x: nn.multi_margin_loss(x, [0, 1, 2, 3], power=3), AttributeValueError, "1 or 2",
         "multi_margin_loss"),
    ],
)  # fmt: skip
def test_what_does_not_fit(
    apply: Callable[[Any], Any], error: type[GraphcError], message: str, op: str
) -> None:
    with pytest.raises(error, match=message) as caught:
        apply(gc.placeholder(gc.float64, (4, 5)))
    assert caught.value.op == op
