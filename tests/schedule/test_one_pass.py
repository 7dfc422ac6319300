"""Workloads that take one pass over memory: a single kernel reads and writes what is large."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import graphc as gc
from graphc.ir.dims import evaluate
from graphc.ir.graph import extract
from tests.schedule.programs import scheduled

#: Sizes at which what is large is told from what is not.
SIZES = {"n": 5000, "b": 50, "t": 100, "m": 700}


def classified(shape: tuple[object, ...], labels: object = gc.int32) -> list[gc.Tensor]:
    x = gc.placeholder(gc.float32, shape, name="x")
    loss = gc.nn.softmax_cross_entropy(x, gc.placeholder(labels, shape[:-1], name="y"))
    return [loss, *gc.gradients(loss, [x])]


def normalized(rows: object) -> list[gc.Tensor]:
    x, r, seed = (gc.placeholder(gc.float32, (rows, 768), name=name) for name in ("x", "r", "g"))
    scale, shift = (gc.placeholder(gc.float32, (768,), name=name) for name in ("scale", "shift"))
    result = gc.nn.gelu(gc.nn.layer_norm(x + r, scale, shift))
    return [result, *gc.gradients(result, [x, r, scale, shift], grad_ys=[seed])]


def statistics(shape: tuple[object, ...]) -> list[gc.Tensor]:
    x = gc.placeholder(gc.float32, shape, name="x")
    columns = [gc.mean(x, axis=0), gc.var(x, axis=0)]
    rows = [gc.sum(x, axis=1), gc.max(x, axis=1)]
    return [*columns, *rows, gc.sqrt(gc.sum(gc.square(x)))]


def last_first(outputs: list[gc.Tensor]) -> list[gc.Tensor]:
    return outputs[::-1]


# outputs, and how many elements count as large
WORKLOADS: dict[str, tuple[Callable[[], list[gc.Tensor]], int]] = {
    "softmax cross-entropy": (lambda: classified(("n", 1000)), 5000 * 1000),
    "the gradient first": (lambda: last_first(classified(("n", 1000))), 5000 * 1000),
    "the gradient alone": (lambda: classified(("n", 1000))[1:], 5000 * 1000),
    "known sizes": (lambda: last_first(classified((4096, 1000), gc.int64)), 4096 * 1000),
    "sequences": (lambda: classified(("b", "t", 64)), 50 * 100 * 64),
    "classes of any number": (lambda: classified(("n", "m")), 5000 * 700),
    "layer norm, forward and back": (lambda: normalized("n"), 5000 * 768),
    "layer norm of known sizes": (lambda: last_first(normalized(4096)), 4096 * 768),
    "five statistics": (lambda: statistics((4096, 4096)), 4096 * 4096),
    "five statistics of any size": (lambda: last_first(statistics(("n", "m"))), 5000 * 700),
    "variance of all": (
        lambda: [gc.var(gc.placeholder(gc.float32, ("n", 300), name="x"))], 5000 * 300,
    ),
    "variance of channels": (
        lambda: [gc.var(gc.placeholder(gc.float32, ("n", 8, 64), name="x"), axis=(0, 2))],
        5000 * 8 * 64,
    ),
    "variance of what is computed": (
        lambda: [gc.var(gc.tanh(gc.placeholder(gc.float32, ("n", 300), name="x")), axis=0)],
        5000 * 300,
    ),
}  # fmt: skip


@pytest.mark.parametrize("title", WORKLOADS)
def test_one_kernel_touches_what_is_large(title: str) -> None:
    build, large = WORKLOADS[title]
    with gc.Graph():
        outputs = [tensor.node for tensor in build()]
    touching = [
        launch.kernel
        for launch in scheduled(extract("workload", outputs)).launches
        if any(evaluate(argument.size, SIZES) >= large for argument in launch.kernel.arguments)
    ]
    assert len(touching) == 1, "\n".join(map(str, touching))
