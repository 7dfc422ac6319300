"""Functions in which the branch not taken has a derivative that is infinite or NaN.

Each is written with `keep(condition, value, safe)`. As users write it, that is the value; to have
the right answer to compare with, it is a number without such a derivative where the branch is not
taken.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import graphc as gc

Array = np.ndarray[Any, Any]
Keep = Callable[[gc.Tensor, gc.Tensor, float], gc.Tensor]

INF, NAN = float("inf"), float("nan")
LINE = (0.0, 1.0, -1.0, 4.0, 0.25)


@dataclass(frozen=True)
class Trap:
    name: str
    function: Callable[..., gc.Tensor]
    point: tuple[Any, ...]

    def arrays(self) -> list[Array]:
        return [np.array(values, np.float64) for values in self.point]


def _positive(name: str, formula: Callable[[gc.Tensor], gc.Tensor], *point: float) -> Trap:
    """where(x > 0, formula(x), 0)."""

    def function(keep: Keep, x: gc.Tensor) -> gc.Tensor:
        return gc.where(x > 0, formula(keep(x > 0, x, 1.0)), 0)

    return Trap(name, function, (point or LINE,))


def _if(
    name: str, condition: Callable[[gc.Tensor], gc.Tensor],
    formula: Callable[[gc.Tensor], gc.Tensor], point: tuple[float, ...], safe: float = 0.5,
) -> Trap:  # fmt: skip
    """where(condition(x), formula(x), 3)."""

    def function(keep: Keep, x: gc.Tensor) -> gc.Tensor:
        return gc.where(condition(x), formula(keep(condition(x), x, safe)), 3.0)

    return Trap(name, function, (point,))


def _sinc(keep: Keep, x: gc.Tensor) -> gc.Tensor:
    safe = keep(x != 0, x, 1.0)
    return gc.where(x == 0, 1.0, gc.sin(safe) / safe)


def _quotient(keep: Keep, x: gc.Tensor, y: gc.Tensor) -> gc.Tensor:
    return gc.where(y != 0, x / keep(y != 0, y, 1.0), x)


def _remainder(keep: Keep, x: gc.Tensor, y: gc.Tensor) -> gc.Tensor:
    return gc.where(y != 0, x % keep(y != 0, y, 1.0), x)


def _power(keep: Keep, x: gc.Tensor, y: gc.Tensor) -> gc.Tensor:
    return gc.where(x > 0, keep(x > 0, x, 1.0) ** y, 0)


def _angle(keep: Keep, y: gc.Tensor, x: gc.Tensor) -> gc.Tensor:
    apart = x * x + y * y > 0
    return gc.where(apart, gc.atan2(y, keep(apart, x, 1.0)), 0)


def _norm(keep: Keep, x: gc.Tensor) -> gc.Tensor:
    squares = gc.sum(x * x, axis=-1)
    return gc.where(squares > 0, gc.sqrt(keep(squares > 0, squares, 1.0)), 0)


def _unit(keep: Keep, x: gc.Tensor) -> gc.Tensor:
    squares = gc.sum(x * x, axis=-1, keepdims=True)
    apart = gc.broadcast_to(squares > 0, x.shape)
    return gc.where(apart, x / gc.sqrt(keep(squares > 0, squares, 1.0)), 0)


def _unit_of_some(keep: Keep, x: gc.Tensor, weights: gc.Tensor) -> gc.Tensor:
    """Rows in which nothing counts have a norm of 0: places say so, not rows."""
    counts = weights > 0
    squares = gc.sum(gc.where(counts, x * x, 0), axis=-1, keepdims=True)
    return gc.where(counts, x / gc.sqrt(keep(squares > 0, squares, 1.0)), 0)


def _masked_softmax(keep: Keep, x: gc.Tensor) -> gc.Tensor:
    some = gc.any(gc.isfinite(x), axis=-1, keepdims=True)
    return gc.where(some, gc.nn.softmax(keep(some, x, 0.0)), 0)


def _masked_log_softmax(keep: Keep, x: gc.Tensor, weights: gc.Tensor) -> gc.Tensor:
    counts = weights > 0
    some = gc.any(counts, axis=-1, keepdims=True)
    scores = gc.where(counts, x * weights, -INF)
    return gc.where(counts, gc.nn.log_softmax(keep(some, scores, 0.0)), 0)


def _logsumexp(keep: Keep, x: gc.Tensor) -> gc.Tensor:
    some = gc.any(gc.isfinite(x), axis=-1, keepdims=True)
    found = gc.nn.logsumexp(keep(some, x, 0.0), axis=-1, keepdims=True)
    return gc.where(some, found, -1.0)


def _spread(keep: Keep, x: gc.Tensor) -> gc.Tensor:
    varies = gc.max(x, axis=-1, keepdims=True) > gc.min(x, axis=-1, keepdims=True)
    kept = x if keep is as_written else gc.where(varies, x, gc.arange(3, dtype=gc.float64))
    return gc.where(varies, gc.std(kept, axis=-1, keepdims=True), 0)


def _product(keep: Keep, x: gc.Tensor) -> gc.Tensor:
    found = gc.prod(keep(gc.isfinite(x), x, 1.0), axis=-1, keepdims=True)
    return gc.where(gc.all(gc.isfinite(x), axis=-1, keepdims=True), found, 0)


def _nested(keep: Keep, x: gc.Tensor) -> gc.Tensor:
    inner = gc.where(x > 2, 1 / keep(x > 2, x, 3.0), gc.log(keep(x > 0, x, 1.0)))
    return gc.where(x > 0, inner * gc.sqrt(keep(x > 0, x, 1.0)), x)


def _either(keep: Keep, x: gc.Tensor) -> gc.Tensor:
    up, down = keep(x > 0, x, 1.0), keep(x < 0, x, -1.0)
    return gc.where(x > 0, gc.sqrt(up), gc.where(x < 0, gc.log(-down), 0))


def _two_uses(keep: Keep, x: gc.Tensor) -> gc.Tensor:
    root = gc.sqrt(keep(x > 0, x, 1.0))
    return gc.where(x > 0, root, 0) + gc.where(x > 0.5, root * root * x, x)


def _moved(keep: Keep, x: gc.Tensor) -> gc.Tensor:
    logs = gc.log(keep(x > 0, x, 1.0))
    square = gc.reshape(logs, (2, 3)).mT * 2.0
    return gc.where(gc.reshape(x > 0, (2, 3)).mT, square, 1.0)


def _sliced(keep: Keep, x: gc.Tensor) -> gc.Tensor:
    joined = gc.concat([gc.flip(gc.sqrt(keep(x > 0, x, 1.0))), x])[1:10:2]
    places = gc.concat([gc.flip(x > 0), x < 9])[1:10:2]
    return gc.where(places, joined, 0)


def _gathered(keep: Keep, x: gc.Tensor) -> gc.Tensor:
    rows = np.array([0, 4, 1, 0, 3])
    read = gc.take(gc.log(keep(x > 0, x, 1.0)), rows)
    return gc.where(gc.take(x, rows) > 0, read, 0)


def _running(keep: Keep, x: gc.Tensor) -> gc.Tensor:
    sums = gc.cumulative_sum(gc.sqrt(keep(x > 0, x, 1.0)))
    return gc.where(np.array([True, True, False, False, False]), sums, 0)


def _sorted(keep: Keep, x: gc.Tensor) -> gc.Tensor:
    high = np.array([False, False, True, True, True])
    return gc.where(high, gc.sort(gc.cbrt(keep(x > 0, x, 1e-3))), 0)


def _repeated(keep: Keep, x: gc.Tensor, s: gc.Tensor) -> gc.Tensor:
    scale = gc.log(keep(gc.any(x > 0), s, 1.0))
    return gc.where(x > 0, x * scale, 0)


def _rows_of_a_product(keep: Keep, x: gc.Tensor, w: gc.Tensor) -> gc.Tensor:
    """Rows that are filled up with NaN, and left out of the loss."""
    valid = np.array([True, False, True])
    kept = x if keep is as_written else gc.where(valid[:, None], x, 0.5)
    return gc.where(valid, gc.sum(gc.tanh(kept @ w), axis=-1), 0)


def _columns_of_a_product(keep: Keep, x: gc.Tensor, w: gc.Tensor) -> gc.Tensor:
    valid = np.array([False, True])
    kept = w if keep is as_written else gc.where(valid, w, 0.5)
    return gc.where(valid, gc.einsum("ab,bc->ac", x, kept) ** 2, 0)


def _stacked_product(keep: Keep, x: gc.Tensor, w: gc.Tensor) -> gc.Tensor:
    valid = np.array([True, False])[:, None, None]
    kept = x if keep is as_written else gc.where(valid, x, 0.5)
    return gc.where(valid, gc.exp(gc.einsum("nab,bc->nca", kept, w)), 0)


def _relu(keep: Keep, x: gc.Tensor) -> gc.Tensor:
    return gc.nn.relu(gc.log(keep(x > 1e-9, x, 0.5)))


def _taken_again(keep: Keep, x: gc.Tensor) -> gc.Tensor:
    kept = keep(x > 0, x, 1.0)
    return gc.where(x > 0, gc.checkpoint(lambda v: gc.sqrt(v) * gc.log(v), kept), 0)


def as_written(condition: gc.Tensor, value: gc.Tensor, safe: float) -> gc.Tensor:
    return value


def made_safe(condition: gc.Tensor, value: gc.Tensor, safe: float) -> gc.Tensor:
    return gc.where(condition, value, safe)


TRAPS: tuple[Trap, ...] = (
    _positive("sqrt", gc.sqrt),
    _positive("rsqrt", gc.rsqrt),
    _positive("cbrt", gc.cbrt),
    _positive("log", gc.log),
    _positive("log2", gc.log2),
    _positive("log10", gc.log10),
    _positive("x log x", lambda x: x * gc.log(x)),
    _positive("reciprocal", lambda x: 1 / x),
    _positive("power 1/2", lambda x: x**0.5),
    _positive("power 3/2", lambda x: x**1.5),
    _positive("power -2", lambda x: x**-2.0),
    _positive("power of a power", lambda x: (x**0.3) ** x),
    _positive("abs / x", lambda x: gc.abs(x) / x * x),
    _positive("exp(-1/x)", lambda x: gc.exp(-1 / x)),
    _positive("tie of maximum", lambda x: gc.sqrt(gc.maximum(x, x * x)) * gc.minimum(x, 1 / x)),
    _positive("sqrt of log", lambda x: gc.sqrt(gc.log(x + 1) * 2)),
    _if("log1p", lambda x: x > -1, gc.log1p, (-1.0, -2.0, 0.5)),
    _if("asin", lambda x: gc.abs(x) < 1, gc.asin, (1.0, -1.0, 0.5, 2.0)),
    _if("acos", lambda x: gc.abs(x) < 1, gc.acos, (1.0, -1.0, 0.5, 2.0)),
    _if("acosh", lambda x: x > 1, gc.acosh, (1.0, 0.0, 2.0), 2.0),
    _if("atanh", lambda x: gc.abs(x) < 1, gc.atanh, (1.0, -1.0, 0.5, 2.0)),
    _if("overflow", lambda x: x < 100, lambda x: gc.exp(x * x), (1e3, 1.0, 0.0)),
    _if("infinite", gc.isfinite, gc.sin, (INF, 1.0, -INF)),
    _if("infinite, twice", gc.isfinite, lambda x: x * x * x - x, (INF, 1.0, -INF)),
    _if("not a number", lambda x: ~gc.isnan(x), gc.tanh, (NAN, 1.0)),
    _if("gamma", lambda x: x > 0, lambda x: gc.exp(gc.erf(1 / x)), (0.0, -1.0, 2.0)),
    Trap("sin x / x", _sinc, (LINE,)),
    Trap("quotient", _quotient, ((0.0, 1.0, 2.0), (0.0, 0.0, 3.0))),
    Trap("remainder", _remainder, ((0.0, 1.0, 7.5), (0.0, 0.0, 3.0))),
    Trap("x to the power y", _power, ((0.0, 0.0, 2.0, 0.0), (0.5, -1.0, 3.0, 0.0))),
    Trap("atan2", _angle, ((0.0, 1.0, 2.0), (0.0, 0.0, 3.0))),
    Trap("norms of rows", _norm, (((0.0, 0.0), (3.0, 4.0)),)),
    Trap("rows of length 1", _unit, (((0.0, 0.0), (3.0, 4.0)),)),
    Trap("rows of which parts count", _unit_of_some, (((1, 2), (3, 4)), ((0, 0), (0, 1)))),
    Trap("softmax of nothing", _masked_softmax, (((-INF, -INF), (0.5, 1.5)),)),
    Trap("log softmax of nothing", _masked_log_softmax, (((1, 2), (3, 4)), ((0, 0), (2, 1)))),
    Trap("logsumexp of nothing", _logsumexp, (((-INF, -INF), (0.5, 1.5)),)),
    Trap("std of equal ones", _spread, (((2, 2, 2), (1, 2, 4)),)),
    Trap("product", _product, (((INF, 2, 0), (1, 2, 4)),)),
    Trap("nested", _nested, (LINE,)),
    Trap("either branch", _either, (LINE,)),
    Trap("two uses", _two_uses, (LINE,)),
    Trap("behind moves", _moved, ((*LINE, 2.0),)),
    Trap("behind slices", _sliced, (LINE,)),
    Trap("behind a gather", _gathered, (LINE,)),
    Trap("behind a running sum", _running, ((4.0, 1.0, 2.0, 0.0, 0.0),)),
    Trap("behind a sort", _sorted, ((4.0, 1.0, 2.0, 0.0, 0.0),)),
    Trap("behind a checkpoint", _taken_again, (LINE,)),
    Trap("rows of a product", _rows_of_a_product, (((1, 2), (NAN, INF), (3, 1)), ((1, 2), (3, 4)))),
    Trap("columns of a product", _columns_of_a_product, (((1, 2), (3, 1)), ((INF, 2), (3, 4)))),
    Trap(
        "a stack of products",
        _stacked_product,
        (
            (((0.1, 0.2), (0.3, 0.1)), ((NAN, 1), (INF, 2))),
            ((1, 2), (3, 4)),
        ),
    ),
    Trap("repeated", _repeated, ((-1.0, 0.0), (0.0))),
    Trap("relu of log", _relu, ((0.0, 2.0, 0.5),)),
)
