"""Programs with loops and branches, each with values to be fed, for tests that hold for all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import graphc as gc
from graphc.api.nesting import leaves_of

Array = np.ndarray[Any, Any]
#: Builds results from tensors that are fed, in the order of the values.
Build = Callable[..., Any]


@dataclass(frozen=True)
class Program:
    name: str
    build: Build
    feeds: tuple[Array, ...]

    def graph(self) -> tuple[gc.Graph, list[gc.Tensor], list[gc.Tensor]]:
        """The graph, what is fed, and the results."""
        with gc.Graph(self.name) as graph:
            fed = [
                gc.placeholder(value.dtype, value.shape, name=f"x{k}")
                for k, value in enumerate(self.feeds)
            ]
            return graph, fed, leaves_of(self.build(*fed))


_rng = np.random.default_rng(5)


def _floats(*shape: int) -> Array:
    return _rng.uniform(0.2, 1.2, shape)


def _doubled(x: gc.Tensor, w: gc.Tensor) -> Any:
    return gc.while_loop(
        lambda y, k: gc.sum(y) < 40.0, lambda y, k: (y * 1.5 + w * gc.sin(y), k + 1), (x, 0)
    )


def _recurrent(h: gc.Tensor, w: gc.Tensor, xs: gc.Tensor) -> Any:
    def cell(h: gc.Tensor, x: gc.Tensor) -> Any:
        h = gc.tanh(h @ w + x)
        return h, gc.sum(h * h)

    return gc.scan(cell, h, xs)


def _fibonacci(a: gc.Tensor, b: gc.Tensor) -> Any:
    return gc.fori_loop(0, 7, lambda i, ab: (ab[1], ab[0] + ab[1] * 0.5), (a, b))


def _counted(x: gc.Tensor, n: gc.Tensor) -> Any:
    return gc.fori_loop(0, n, lambda i, y: y * 1.1 + gc.astype(i, gc.float64), x)


def _nested(x: gc.Tensor, xs: gc.Tensor) -> Any:
    def inner(v: gc.Tensor) -> gc.Tensor:
        return gc.while_loop(lambda v: gc.sum(v * v) < 50.0, lambda v: v * 1.5 + gc.sin(x), v)

    return gc.scan(lambda c, t: (gc.tanh(inner(c) * 0.1) + t, gc.sum(inner(t + c))), x, xs)


def _scan_in_scan(x: gc.Tensor, xs: gc.Tensor) -> Any:
    def row(c: gc.Tensor, t: gc.Tensor) -> Any:
        c, ys = gc.scan(lambda d, e: (gc.sin(d) * e, d * e), c, t)
        return c, gc.sum(ys)

    return gc.scan(row, x, xs, reverse=True)


def _branching(x: gc.Tensor, p: gc.Tensor) -> Any:
    return gc.cond(p > 0.5, lambda v: (gc.sqrt(v) * p, v), lambda v: (v * v, gc.exp(v) * p), x)


def _branch_in_loop(x: gc.Tensor, w: gc.Tensor) -> Any:
    def step(y: gc.Tensor, k: gc.Tensor) -> Any:
        y = gc.cond(gc.sum(y) > 3.0, lambda y: y * 0.5, lambda y: y * w + 1.0, y)
        return y, k + 1

    return gc.while_loop(lambda y, k: k < 9, step, (x, 0))


def _loop_in_branch(x: gc.Tensor, p: gc.Tensor) -> Any:
    def grown(v: gc.Tensor) -> gc.Tensor:
        return gc.while_loop(lambda v: gc.max(v) < 9.0, lambda v: v * v + 1.0, v)

    return gc.cond(p > 0.5, grown, lambda v: v * p, x)


def _switched(x: gc.Tensor, k: gc.Tensor) -> Any:
    return [
        gc.switch(k + d, [gc.sin, gc.exp, lambda v: v * v, lambda v: v * gc.sum(x), gc.log], x)
        for d in range(-2, 5)
    ]


def _stretched(x: gc.Tensor, xs: gc.Tensor) -> Any:
    def turn(c: gc.Tensor, t: gc.Tensor) -> Any:
        return gc.sin(c + t), c * t

    scans = [
        gc.scan(turn, x, xs, reverse=reverse, checkpoint_every=every)
        for reverse in (False, True)
        for every in (2, 5)
    ]
    grown = gc.while_loop(lambda v: gc.sum(v) < 50.0, lambda v: v * 1.3 + x, x, checkpoint_every=3)
    return scans, grown


def _of_integers(k: gc.Tensor, x: gc.Tensor) -> Any:
    def step(state: dict[str, gc.Tensor]) -> dict[str, gc.Tensor]:
        n = state["n"]
        odd = n % 2 == 1
        return {
            "n": gc.where(odd, 3 * n + 1, n // 2),
            "y": gc.where(odd, state["y"] * x, state["y"]),
        }

    return gc.while_loop(lambda s: s["n"] != 1, step, {"n": k, "y": x})


def _gathering(x: gc.Tensor, k: gc.Tensor) -> Any:
    def step(c: gc.Tensor, i: gc.Tensor) -> Any:
        return c + gc.take(x, i), gc.take(c * x, i)

    return gc.scan(step, x, k)


def _wide(x: gc.Tensor, w: gc.Tensor) -> Any:
    return gc.fori_loop(0, 3, lambda i, y: gc.tanh(y @ w) + gc.sum(y, axis=0), x)


def _long(x: gc.Tensor, xs: gc.Tensor) -> Any:
    return gc.scan(lambda c, t: (c * t + 0.1, gc.cos(c)), x, xs)


def _solving(a: gc.Tensor, b: gc.Tensor) -> Any:
    def step(y: gc.Tensor, row: gc.Tensor) -> Any:
        y = gc.linalg.solve(a, y + row)
        return y, gc.sum(y)

    return gc.scan(step, b[0], b)


PROGRAMS = (
    Program("doubled", _doubled, (_floats(4), _floats(4))),
    Program("no_turns", _doubled, (_floats(4) + 90.0, _floats(4))),
    Program("recurrent", _recurrent, (_floats(2, 3), _floats(3, 3), _floats(6, 2, 3))),
    Program("no_rows", _recurrent, (_floats(2, 3), _floats(3, 3), _floats(0, 2, 3))),
    Program("fibonacci", _fibonacci, (_floats(), _floats())),
    Program("counted", _counted, (_floats(3), np.array(5))),
    Program("nested", _nested, (_floats(3), _floats(4, 3))),
    Program("scan_in_scan", _scan_in_scan, (_floats(), _floats(3, 5))),
    Program("branch_taken", _branching, (_floats(3), np.array(0.9))),
    Program("branch_not_taken", _branching, (_floats(3), np.array(0.2))),
    Program("branch_in_loop", _branch_in_loop, (_floats(3), _floats(3))),
    Program("loop_in_branch", _loop_in_branch, (_floats(3), np.array(0.7))),
    Program("switched", _switched, (_floats(3), np.array(1))),
    Program("stretched", _stretched, (_floats(3), _floats(7, 3))),
    Program("of_integers", _of_integers, (np.array(7), _floats(2))),
    Program("gathering", _gathering, (_floats(5), np.array([1, 4, 0, -1]))),
    Program("wide", _wide, (_floats(40, 60), _floats(60, 60))),
    Program("long", _long, (_floats(2), _floats(700, 2))),
    Program("solving", _solving, (_floats(3, 3) + 3 * np.eye(3), _floats(4, 3))),
)
