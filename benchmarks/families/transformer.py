"""A training step of a small transformer that predicts the next token, with Adam."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.families.adam import RATE, adam_step, state_names, with_state
from benchmarks.families.transformer_by_hand import loss_and_gradients
from benchmarks.workload import Array, Reach, Sizes, Work, Workload, normal

BLOCKS = 2
_BLOCK = ("scale1", "shift1", "qkv", "out", "scale2", "shift2", "w1", "b1", "w2", "b2")
WEIGHTS = (
    "embedding",
    "position",
    *(f"{name}_{k}" for k in range(BLOCKS) for name in _BLOCK),
    "scale",
    "shift",
    "head",
)


def _shapes(sizes: Sizes) -> dict[str, tuple[int, ...]]:
    width, words = sizes["width"], sizes["words"]
    line, square, wide = (width,), (width, width), (width, 4 * width)
    block = [line, line, (width, 3 * width), square, line, line, wide, wide[1:], wide[::-1], line]
    shapes = [(words, width), (sizes["positions"], width), *block * BLOCKS, line, line]
    return dict(zip(WEIGHTS, [*shapes, (width, words)], strict=True))


def _weight(rng: np.random.Generator, dtype: str, name: str, shape: tuple[int, ...]) -> Array:
    """Small numbers; around 1 for scales."""
    numbers: Array = normal(rng, dtype, *shape) / 20 + np.array(name.startswith("scale"), dtype)
    return numbers


def _inputs(rng: np.random.Generator, dtype: str, sizes: Sizes) -> dict[str, Array]:
    batch, positions, words = sizes["batch"], sizes["positions"], sizes["words"]
    weights = {name: _weight(rng, dtype, name, shape) for name, shape in _shapes(sizes).items()}
    later = np.triu(np.ones((positions, positions), bool), 1)
    return {
        "tokens": rng.integers(0, words, (batch, positions), np.int32),
        "targets": rng.integers(0, words, batch * positions, np.int32),
        # What is added to the scores: nobody looks at later positions.
        "mask": np.where(later, -np.inf, 0).astype(dtype),
        **with_state(weights),
    }


def _block(t: Any, x: Any, mask: Any, shape: tuple[int, ...], weights: Any) -> Any:
    """Attention and two dense layers, each added to what it is applied to; x is [tokens, width]."""
    scale1, shift1, qkv, out, scale2, shift2, w1, b1, w2, b2 = weights
    batch, positions, heads, each = shape
    mixed = t.reshape(t.layer_norm(x, scale1, shift1) @ qkv, (batch, positions, 3, heads, each))
    queries, keys, values = t.unstack(t.permute_dims(mixed, (2, 0, 3, 1, 4)))
    seen = t.permute_dims(t.attention(queries, keys, values, mask), (0, 2, 1, 3))
    x = x + t.reshape(seen, (batch * positions, heads * each)) @ out
    return x + t.gelu(t.layer_norm(x, scale2, shift2) @ w1 + b1, "tanh") @ w2 + b2


def _step(heads: int) -> Any:
    def formula(t: Any, tokens: Any, targets: Any, mask: Any, *state: Any) -> Any:
        batch, positions = tokens.shape

        def loss(embedding: Any, position: Any, *rest: Any) -> Any:
            width = position.shape[1]
            shape = (batch, positions, heads, width // heads)
            x = t.reshape(t.rows(embedding, tokens) + position, (batch * positions, width))
            for k in range(BLOCKS):
                x = _block(t, x, mask, shape, rest[k * len(_BLOCK) : (k + 1) * len(_BLOCK)])
            *_, scale, shift, head = rest
            return t.softmax_cross_entropy(t.layer_norm(x, scale, shift) @ head, targets)

        return adam_step(t, loss, state)

    return formula


def _step_by_hand(heads: int) -> Any:
    def formula(t: Any, tokens: Array, targets: Array, mask: Array, *state: Array) -> Any:
        count = len(WEIGHTS)
        weights, means, squares = (state[k * count : (k + 1) * count] for k in range(3))
        fed = (tokens, targets, mask, heads)
        value, gradients = loss_and_gradients(t, *fed, weights, BLOCKS)
        return [value], t.adam(weights, gradients, means, squares, state[-1], RATE)

    return formula


def _work(sizes: Sizes, itemsize: int) -> Work:
    """Each product three times; in attention only earlier positions count."""
    shapes = _shapes(sizes)
    width, positions = sizes["width"], sizes["positions"]
    tokens = sizes["batch"] * positions
    dense = [np.prod(s) for name, s in shapes.items() if name[:3] in ("qkv", "out", "hea")]
    dense += [np.prod(s) for name, s in shapes.items() if name[0] == "w"]
    attention = BLOCKS * 2 * width * (positions + 1) // 2
    state = 3 * sum(int(np.prod(shape)) for shape in shapes.values()) + 1
    moved = (2 * state + positions * positions + 1) * itemsize + 8 * tokens
    return Work(moved, 6 * tokens * (int(sum(dense)) + attention))


def _transformer(name: str, summary: str, heads: int) -> Workload:
    formula = _step(heads)
    return Workload(
        name=name,
        summary=summary,
        sizes={"batch": 8, "positions": 128, "width": 256, "words": 512},
        small={"batch": 2, "positions": 5, "width": 8, "words": 7},
        inputs=_inputs,
        builders={
            **dict.fromkeys(("graphc", "jax", "torch", "tensorflow"), formula),
            "numpy": _step_by_hand(heads),
        },
        work=_work,
        state=state_names(WEIGHTS),
        tolerance={"float32": 1e-3, "float64": 1e-11},
        reach=Reach(ratio=1.5, compile_seconds=1.5),
    )


FAMILY = (
    _transformer(
        "gpt_step",
        "a step of Adam on two transformer blocks of width 256 with 4 heads, 8x128 tokens, "
        "512 words, weights inside",
        heads=4,
    ),
)
