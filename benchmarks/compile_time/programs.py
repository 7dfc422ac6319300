"""Graphs of about 1,000 nodes, of several kinds, to be built in a process of their own.

Each function builds a graph and returns what is fetched and fed. The graphs are as users write
them; how many nodes there are is counted, not promised.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np

import graphc as gc

Array = np.ndarray[Any, Any]
#: (fetches, feeds by name), for the graph that is the context.
Built = tuple[list[Any], dict[str, Array]]
#: Makes a variable of a name and a shape.
Weights = Callable[..., Any]


def chain() -> Built:
    """1,000 elementwise ops in a row, with a few kinds of them and one sum at the end."""
    x = gc.placeholder(gc.float32, ("n",), name="x")
    value = x
    steps: list[Callable[[Any], Any]] = [
        lambda v: v * 0.75,
        gc.tanh,
        lambda v: v + x,
        lambda v: gc.maximum(v, -0.5),
        lambda v: v - 0.125,
    ]
    for k in range(999):
        value = steps[k % len(steps)](value)
    return [value, gc.sum(value)], {"x": np.linspace(-1, 1, 1000, dtype=np.float32)}


def mlp() -> Built:
    """A network of 30 layers with a residual, its gradients and a step of Adam."""
    rng = np.random.default_rng(0)
    x = gc.placeholder(gc.float32, ("batch", 32), name="x")
    y = gc.placeholder(gc.int32, ("batch",), name="y")
    h = x
    for k in range(30):
        w = gc.variable(rng.normal(0, 0.1, (32, 32)).astype(np.float32), name=f"w{k}")
        b = gc.variable(np.zeros(32, np.float32), name=f"b{k}")
        h = h + gc.tanh(h @ w + b)
    loss = gc.nn.softmax_cross_entropy(h, y)
    step = gc.optim.Adam(1e-3).minimize(loss)
    feeds = {"x": rng.normal(size=(16, 32)).astype(np.float32), "y": np.zeros(16, np.int32)}
    return [loss, step], feeds


def varied_mlp() -> Built:
    """As `mlp`, with another width in every layer: hardly a kernel is like another."""
    rng = np.random.default_rng(0)
    x = gc.placeholder(gc.float32, ("batch", 32), name="x")
    y = gc.placeholder(gc.int32, ("batch",), name="y")
    h, width = x, 32
    for k in range(24):
        shape = (width, 33 + k)
        w = gc.variable(rng.normal(0, 0.1, shape).astype(np.float32), name=f"w{k}")
        b = gc.variable(np.zeros(33 + k, np.float32), name=f"b{k}")
        h, width = gc.tanh(h @ w + b), 33 + k
    loss = gc.nn.softmax_cross_entropy(h, y)
    step = gc.optim.SGD(1e-3, momentum=0.9).minimize(loss)
    feeds = {"x": rng.normal(size=(16, 32)).astype(np.float32), "y": np.zeros(16, np.int32)}
    return [loss, step], feeds


def mixed() -> Built:
    """Ops of all kinds drawn at random: elementwise, reductions, products, views, joins."""
    draw = random.Random(0)
    inputs = [gc.placeholder(gc.float32, ("n", 16), name=f"x{k}") for k in range(4)]
    w = gc.variable(np.eye(16, dtype=np.float32) * 0.5, name="w")
    pool = list(inputs)
    recipes: list[Callable[[Any, Any], Any]] = [
        lambda a, b: a + b * 0.5,
        lambda a, b: gc.tanh(a) - b,
        lambda a, b: gc.where(a > b, a, 0.5 * b),
        lambda a, b: a - gc.mean(b, axis=1, keepdims=True),
        lambda a, b: a + gc.max(b, axis=0),
        lambda a, b: gc.nn.softmax(a) + b,
        lambda a, b: a @ w + b,
        lambda a, b: gc.concat([a[:, :8], b[:, 8:]], axis=1),
        lambda a, b: gc.flip(a, axis=1) + b,
        lambda a, b: gc.sigmoid(a) * gc.roll(b, 3, axis=1),
    ]
    for _ in range(240):
        recipe = draw.choice(recipes)
        pool.append(recipe(pool[-1], draw.choice(pool[-12:])))
    outputs = [pool[-1], gc.mean(pool[-1])]
    rng = np.random.default_rng(0)
    feeds = {str(x.name): rng.normal(size=(24, 16)).astype(np.float32) for x in inputs}
    return outputs, feeds


def transformer() -> Built:
    """Four blocks of attention and a feed-forward layer, with gradients and a step of Adam."""
    rng = np.random.default_rng(0)
    x = gc.placeholder(gc.float32, ("batch", 8, 32), name="x")
    y = gc.placeholder(gc.int32, ("batch", 8), name="y")
    h = _blocks(x, _weights(rng), 4)
    step = gc.optim.Adam(1e-3).minimize(loss := gc.nn.softmax_cross_entropy(h, y))
    feeds = {"x": rng.normal(size=(2, 8, 32)).astype(np.float32), "y": np.zeros((2, 8), np.int32)}
    return [loss, step], feeds


def gpt() -> Built:
    """The step of a small language model: the sizes of `gpt_step`, for batches of any size."""
    rng = np.random.default_rng(0)
    words, positions, width, vocabulary = "tokens", 128, 256, 512
    x = gc.placeholder(gc.int32, ("batch", positions), name=words)
    y = gc.placeholder(gc.int32, ("batch", positions), name="y")
    weight = _weights(rng)
    h = gc.take(weight("words", vocabulary, width), x, axis=0)
    mask = np.where(np.tril(np.ones((positions, positions))) > 0, 0, -1e9).astype(np.float32)
    h = _blocks(h + weight("positions", positions, width), weight, 2, gc.constant(mask))
    logits = _normed(h, weight, "norm") @ weight("out", width, vocabulary)
    step = gc.optim.Adam(1e-3).minimize(loss := gc.nn.softmax_cross_entropy(logits, y))
    feeds = {name: np.zeros((8, positions), np.int32) for name in (words, "y")}
    return [loss, step], feeds


def _weights(rng: np.random.Generator) -> Weights:
    def weight(name: str, *shape: int) -> Any:
        values = rng.random(shape, np.float32) * np.float32(0.1) - np.float32(0.05)
        return gc.variable(values, name=name)

    return weight


def _normed(h: Any, weight: Weights, name: str) -> Any:
    width = h.shape[-1]
    return gc.nn.layer_norm(h, weight(f"{name}/scale", width), weight(f"{name}/shift", width))


def _blocks(h: Any, weight: Weights, count: int, mask: Any = 0.0, heads: int = 4) -> Any:
    """Blocks of a transformer."""
    width = h.shape[-1]

    def dense(h: Any, name: str, outputs: int) -> Any:
        return h @ weight(f"{name}/w", h.shape[-1], outputs) + weight(f"{name}/b", outputs)

    def split(h: Any) -> Any:
        parts = gc.reshape(h, (*h.shape[:-1], heads, width // heads))
        return gc.permute_dims(parts, (0, 2, 1, 3))

    def attention(h: Any, name: str) -> Any:
        q, k, v = (split(dense(h, f"{name}/{part}", width)) for part in "qkv")
        scores = gc.nn.softmax(q @ gc.matrix_transpose(k) * (width // heads) ** -0.5 + mask)
        mixed = gc.reshape(gc.permute_dims(scores @ v, (0, 2, 1, 3)), h.shape)
        return dense(mixed, f"{name}/out", width)

    for k in range(count):
        h = h + attention(_normed(h, weight, f"norm{k}"), f"attention{k}")
        inner = dense(_normed(h, weight, f"between{k}"), f"inner{k}", 4 * width)
        h = h + dense(gc.nn.gelu(inner), f"outer{k}", width)
    return h


PROGRAMS: dict[str, Callable[[], Built]] = {
    program.__name__: program for program in (chain, mlp, varied_mlp, mixed, transformer, gpt)
}
