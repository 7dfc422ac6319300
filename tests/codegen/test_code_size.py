"""How much code kernels of each kind have: it decides how long they take to compile.

What is counted are LLVM's instructions as they are emitted, of all kernels of a program, for a
machine that is always the same. LLVM takes 0.05 to 0.1 milliseconds for each.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import graphc as gc
from graphc import nn
from graphc.codegen.kernels import emit_kernel
from graphc.codegen.target import Target
from graphc.compiler import compile_graph

MACHINE = Target("x86_64-unknown-linux-gnu", "x86-64-v4", "-prefer-256-bit", 512)

#: Of the limit, how much a kind must have: a limit that is far away holds nothing.
LEAST = 0.7

Build = Callable[..., Any]


def turned(x: Any) -> Any:
    return gc.matrix_transpose(x)


def gelu(x: Any, w: Any, bias: Any) -> Any:
    return nn.gelu(x @ w + bias)


def adam(x: Any, g: Any, w: Any, m: Any, v: Any) -> list[Any]:
    """The update of weights by a gradient that is a product."""
    by = turned(x) @ g
    m, v = 0.9 * m + 0.1 * by, 0.999 * v + 0.001 * by * by
    return [w - 1e-3 * m / (gc.sqrt(v) + 1e-8), m, v]


def normed(x: Any, w: Any, scale: Any, shift: Any) -> Any:
    return nn.layer_norm(x @ w, scale, shift)


def conv(**options: Any) -> Build:
    return lambda x, w: nn.conv2d(x, w, **options)


def by_data(**options: Any) -> Build:
    return lambda x, w, g: gc.gradients(gc.sum(conv(**options)(x, w) * g), [x])


def by_weights(**options: Any) -> Build:
    return lambda x, w, g: gc.gradients(gc.sum(conv(**options)(x, w) * g), [w])


def attention(q: Any, k: Any, v: Any) -> Any:
    return nn.softmax(q @ turned(k) * 0.125) @ v


def attention_back(q: Any, k: Any, v: Any) -> Any:
    return gc.gradients(gc.sum(attention(q, k, v) * q), [q, k, v])


SQUARE, SMALL = (1024, 1024), (64, 64)
PICTURES, WEIGHTS, EACH = (32, 64, 28, 28), (64, 64, 3, 3), (64, 1, 7, 7)
HEADS = (8, 8, 128, 64)
SYMBOLS = ("b", 8, "t", 64)

#: What is built, the shapes of what it is given, and how many instructions there may be.
KINDS: dict[str, tuple[Build, tuple[Any, ...], int]] = {
    "small": (gc.matmul, (SMALL, SMALL), 240),
    "large": (gc.matmul, (SQUARE, SQUARE), 260),
    "turned": (lambda x, y: x @ turned(y), (SQUARE, SQUARE), 200),
    "symbols": (gc.matmul, (("m", "k"), ("k", "n")), 330),
    "gelu": (gelu, (SQUARE, SQUARE, (1024,)), 370),
    "adam": (adam, (SQUARE,) * 5, 400),
    "layer norm": (normed, (SQUARE, SQUARE, (1024,), (1024,)), 370),
    "convolution": (conv(padding=1), (PICTURES, WEIGHTS), 430),
    "its data": (by_data(padding=1), (PICTURES, WEIGHTS, PICTURES), 530),
    "its weights": (by_weights(padding=1), (PICTURES, WEIGHTS, PICTURES), 480),
    "strided data": (by_data(padding=1, stride=2), (PICTURES, WEIGHTS, (32, 64, 14, 14)), 1380),
    "depthwise": (conv(padding=3, groups=64), (PICTURES, EACH), 1260),
    "attention": (attention, (HEADS,) * 3, 550),
    "attention back": (attention_back, (HEADS,) * 3, 950),
    "attention of symbols": (attention, (SYMBOLS,) * 3, 690),
    "maxima": (lambda x: nn.max_pool2d(x, 3, stride=2, padding=1), (PICTURES,), 240),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_kernels_are_as_large_as_they_were(kind: str) -> None:
    build, shapes, limit = KINDS[kind]
    size = instructions(build, shapes)
    assert size <= limit, "it takes longer to compile: is it worth that?"
    assert size >= LEAST * limit, "it takes less: hold it there"


def instructions(build: Build, shapes: tuple[Any, ...]) -> int:
    """Those of all kernels of a program."""
    graph = gc.Graph()
    with graph:
        made = build(*(gc.placeholder(gc.float32, shape) for shape in shapes))
    results = made if isinstance(made, list | tuple) else [made]
    schedule = compile_graph(graph.extract(results, []), MACHINE, stop="kernels").schedule
    assert schedule is not None
    modules = [emit_kernel(kernel, MACHINE).module for kernel in schedule.distinct()]
    return sum(
        len(block.instructions) for module in modules for one in module.functions
        for block in one.blocks
    )  # fmt: skip
