"""Usual ways to write attention, each with the tensors by which gradients are wanted."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import graphc as gc
from graphc.ir.dtypes import DType
from tests.schedule.bands.attention import hashed

#: The result, and what it is differentiated by.
Made = tuple[gc.Tensor, list[gc.Tensor]]

BATCH, HEADS, LENGTH, WIDTH = 2, 4, 256, 16
SCALE = 1 / math.sqrt(WIDTH)


def given(*shape: Any, dtype: DType = gc.float32) -> gc.Tensor:
    return gc.placeholder(dtype, shape)


def heads(
    queries: Any = LENGTH, keys: Any = LENGTH, batch: Any = BATCH, dtype: DType = gc.float32
) -> tuple[gc.Tensor, gc.Tensor, gc.Tensor]:
    """Queries, keys and values of several heads."""
    lengths = (queries, keys, keys)
    q, k, v = (given(batch, HEADS, n, WIDTH, dtype=dtype) for n in lengths)
    return q, k, v


def fit(q: gc.Tensor, k: gc.Tensor) -> gc.Tensor:
    return q @ gc.matrix_transpose(k) * SCALE


def distances(length: Any = LENGTH) -> gc.Tensor:
    """How far each key is before each query."""
    at = gc.arange(length)
    return gc.expand_dims(at, 1) - gc.expand_dims(at, 0)


def of_scores(
    change: Callable[[gc.Tensor], gc.Tensor], length: Any = LENGTH, **how: Any
) -> Callable[[], Made]:
    """Attention whose scores are changed before a softmax."""

    def made() -> Made:
        q, k, v = heads(length, length, **how)
        return gc.nn.softmax(change(fit(q, k))) @ v, [q, k, v]

    return made


def of_weights(weigh: Callable[[gc.Tensor], gc.Tensor]) -> Callable[[], Made]:
    """Attention whose weights are made of scores in some other way."""

    def made() -> Made:
        q, k, v = heads()
        return weigh(fit(q, k)) @ v, [q, k, v]

    return made


def of_operands(change: Callable[[gc.Tensor], gc.Tensor]) -> Callable[[], Made]:
    """Attention whose queries and keys are changed before they meet."""

    def made() -> Made:
        q, k, v = heads()
        return gc.nn.softmax(fit(change(q), change(k))) @ v, [q, k, v]

    return made


def where_given(*shape: Any) -> Callable[[gc.Tensor], gc.Tensor]:
    return lambda s: gc.where(given(*shape, dtype=gc.bool), s, -math.inf)


def where_near(s: gc.Tensor) -> gc.Tensor:
    far = distances(s.shape[-1])
    return gc.where(gc.logical_and(far >= 0, far < 32), s, -math.inf)


def linear_bias(s: gc.Tensor) -> gc.Tensor:
    slopes = gc.exp2(-gc.astype(gc.arange(HEADS) + 1, gc.float32))
    far = gc.astype(distances(), gc.float32)
    return gc.where(far >= 0, s - gc.reshape(slopes, (HEADS, 1, 1)) * far, -math.inf)


def lengths_of_keys(s: gc.Tensor) -> gc.Tensor:
    count = given(BATCH, 1, dtype=gc.int64)
    kept = gc.expand_dims(gc.arange(LENGTH), 0) < count
    return gc.where(gc.reshape(kept, (BATCH, 1, 1, LENGTH)), s, -math.inf)


def by_hand(s: gc.Tensor) -> gc.Tensor:
    grown = gc.exp(s - gc.max(s, axis=-1, keepdims=True))
    return grown / gc.sum(grown, axis=-1, keepdims=True)


def by_new_axes(s: gc.Tensor) -> gc.Tensor:
    grown = gc.exp(s - gc.max(s, axis=-1)[..., None])
    return grown / gc.sum(grown, axis=-1)[..., None]


def with_a_sink(s: gc.Tensor) -> gc.Tensor:
    grown = gc.exp(s - gc.max(s, axis=-1, keepdims=True))
    return grown / (1 + gc.sum(grown, axis=-1, keepdims=True))


def dropped_by_sines(s: gc.Tensor) -> gc.Tensor:
    count = gc.reshape(gc.arange(BATCH * HEADS * LENGTH * LENGTH), s.shape)
    noise = gc.sin(gc.astype(count, gc.float32) * 12.9898 + given()) * 43758.547
    kept = gc.astype(noise - gc.floor(noise) > 0.1, gc.float32)
    return gc.nn.softmax(s) * kept / 0.9


def dropped_by_a_hash(s: gc.Tensor) -> gc.Tensor:
    kept = hashed(s.shape, given(dtype=gc.int32)) >= 214748365
    return gc.where(kept, gc.nn.softmax(s) / 0.9, 0)


def unit(x: gc.Tensor) -> gc.Tensor:
    return x * gc.rsqrt(gc.sum(x * x, axis=-1, keepdims=True) + 1e-6)


def turned(x: gc.Tensor) -> gc.Tensor:
    """Rotary positions."""
    speeds = gc.exp(-gc.astype(gc.arange(WIDTH // 2), gc.float32))
    angle = gc.expand_dims(gc.astype(gc.arange(LENGTH), gc.float32), 1) * speeds
    one, other = gc.split(x, 2, axis=-1)
    cos, sin = gc.cos(angle), gc.sin(angle)
    return gc.concat([one * cos - other * sin, one * sin + other * cos], axis=-1)


def divided_after() -> Made:
    q, k, v = heads()
    s = fit(q, k)
    grown = gc.exp(s - gc.max(s, axis=-1, keepdims=True))
    return (grown @ v) / gc.sum(grown, axis=-1, keepdims=True), [q, k, v]


def across(queries: Any, keys: Any) -> Callable[[], Made]:
    def made() -> Made:
        q, k, v = heads(queries, keys)
        return gc.nn.softmax(fit(q, k)) @ v, [q, k, v]

    return made


def wider_values() -> Made:
    q, k, _ = heads()
    v = given(BATCH, HEADS, LENGTH, 3 * WIDTH)
    return gc.nn.softmax(fit(q, k)) @ v, [q, k, v]


def grouped(spread: Callable[[gc.Tensor], gc.Tensor]) -> Callable[[], Made]:
    """Two heads of keys for four of queries."""

    def made() -> Made:
        q, k, v = (given(BATCH, count, LENGTH, WIDTH) for count in (HEADS, 2, 2))
        return gc.nn.softmax(fit(q, spread(k))) @ spread(v), [q, k, v]

    return made


def spread_heads(x: gc.Tensor) -> gc.Tensor:
    wide = gc.broadcast_to(gc.expand_dims(x, 2), (BATCH, 2, 2, LENGTH, WIDTH))
    return gc.reshape(wide, (BATCH, HEADS, LENGTH, WIDTH))


def one_head_of_keys() -> Made:
    q, k, v = (given(BATCH, count, LENGTH, WIDTH) for count in (HEADS, 1, 1))
    return gc.nn.softmax(fit(q, k)) @ v, [q, k, v]


def by_letters(scores: str, results: str, *shapes: tuple[int, ...]) -> Callable[[], Made]:
    def made() -> Made:
        q, k, v = (given(*shape) for shape in shapes)
        weights = gc.nn.softmax(gc.einsum(scores, q, k) * SCALE)
        return gc.einsum(results, weights, v), [q, k, v]

    return made


def heads_first(bias: gc.Tensor) -> gc.Tensor:
    """A bias for each pair of positions and head, with the heads before the positions."""
    return gc.permute_dims(gc.reshape(bias, (LENGTH, LENGTH, HEADS)), (2, 0, 1))


def learned_bias() -> Made:
    q, k, v = heads()
    bias = given(HEADS, LENGTH, LENGTH)
    return gc.nn.softmax(fit(q, k) + bias) @ v, [q, k, v, bias]


def learned_bias_by_distance() -> Made:
    q, k, v = heads()
    table = given(33, HEADS)
    near = gc.reshape(gc.clip(distances() + 16, 0, 32), (-1,))
    bias = heads_first(gc.take(table, near, axis=0))
    return gc.nn.softmax(fit(q, k) + bias) @ v, [q, k, v, table]


def learned_slopes() -> Made:
    q, k, v = heads()
    slopes = given(HEADS, 1, 1)
    far = gc.astype(distances(), gc.float32)
    s = gc.where(far >= 0, fit(q, k) - slopes * far, -math.inf)
    return gc.nn.softmax(s) @ v, [q, k, v, slopes]


def with_a_key_of_no_position() -> Made:
    q, k, v = heads()
    first, other = (given(HEADS, 1, WIDTH) for _ in range(2))

    def longer(one: gc.Tensor, many: gc.Tensor) -> gc.Tensor:
        return gc.concat([gc.broadcast_to(one, (BATCH, HEADS, 1, WIDTH)), many], axis=2)

    return gc.nn.softmax(fit(q, longer(first, k))) @ longer(other, v), [q, k, v, first, other]


def learned_sink() -> Made:
    q, k, v = heads()
    s, sink = fit(q, k), given(HEADS, 1, 1)
    highest = gc.stop_gradient(gc.maximum(gc.max(s, axis=-1, keepdims=True), sink))
    grown = gc.exp(s - highest)
    weights = grown / (gc.sum(grown, axis=-1, keepdims=True) + gc.exp(sink - highest))
    return weights @ v, [q, k, v, sink]


def in_chunks() -> Made:
    q, k, v = heads()
    q, k, v = (gc.reshape(x, (BATCH, HEADS, 2, LENGTH // 2, WIDTH)) for x in (q, k, v))
    return gc.nn.softmax(fit(q, k)) @ v, [q, k, v]


def by_documents(s: gc.Tensor) -> gc.Tensor:
    of = given(BATCH, LENGTH, dtype=gc.int32)
    return gc.where(gc.equal(of[:, None, :, None], of[:, None, None, :]), s, -math.inf)


def of_a_layer(batch: Any, length: Any) -> Callable[[], Made]:
    """With projections of one tensor, and one of the heads put together."""

    def made() -> Made:
        wide = HEADS * WIDTH
        x, w, out = given(batch, length, wide), given(wide, 3 * wide), given(wide, wide)
        b, t, _ = x.shape
        q, k, v = (
            gc.permute_dims(gc.reshape(part, (b, t, HEADS, WIDTH)), (0, 2, 1, 3))
            for part in gc.split(x @ w, 3, axis=-1)
        )
        found = gc.nn.scaled_dot_product_attention(q, k, v, causal=True)
        return gc.reshape(gc.permute_dims(found, (0, 2, 1, 3)), (b, t, wide)) @ out, [x, w, out]

    return made


def again_for_the_way_back() -> Made:
    q, k, v = heads()

    def attention(q: gc.Tensor, k: gc.Tensor, v: gc.Tensor) -> gc.Tensor:
        return gc.nn.softmax(fit(q, k)) @ v

    return gc.checkpoint(attention, q, k, v), [q, k, v]


def for_each_head() -> Made:
    q, k, v = heads()

    def attention(q: gc.Tensor, k: gc.Tensor, v: gc.Tensor) -> gc.Tensor:
        return gc.nn.softmax(fit(q, k)) @ v

    return gc.vmap(gc.vmap(attention))(q, k, v), [q, k, v]


SAME = ((BATCH, LENGTH, HEADS, WIDTH),) * 3

FORMS: dict[str, Callable[[], Made]] = {
    "mask": of_scores(where_given(LENGTH, LENGTH)),
    "mask for each example": of_scores(where_given(BATCH, 1, LENGTH, LENGTH)),
    "padding": of_scores(where_given(BATCH, 1, 1, LENGTH)),
    "padding that is added": of_scores(lambda s: s + (1 - given(BATCH, 1, 1, LENGTH)) * -1e9),
    "padding by lengths": of_scores(lengths_of_keys),
    "bias": of_scores(lambda s: s + given(HEADS, LENGTH, LENGTH)),
    "causal": of_scores(lambda s: gc.where(distances() >= 0, s, -math.inf)),
    "causal by a triangle": of_scores(
        lambda s: gc.where(gc.tril(gc.ones((LENGTH, LENGTH))) > 0, s, -math.inf)
    ),
    "causal by numbers": of_scores(
        lambda s: s + gc.triu(gc.full((LENGTH, LENGTH), -1e9, dtype=gc.float32), k=1)
    ),
    "causal by scores": of_scores(lambda s: gc.where(gc.tril(s) == 0, -math.inf, s)),
    "window": of_scores(where_near),
    "window of any length": of_scores(where_near, "t", batch="b"),
    "linear bias": of_scores(linear_bias),
    "soft cap": of_scores(lambda s: 30 * gc.tanh(s / 30)),
    "doubles": of_scores(lambda s: s, dtype=gc.float64),
    "any length": of_scores(lambda s: s, "t", batch="b"),
    "division": of_scores(lambda s: s / 2),
    "softmax by hand": of_weights(by_hand),
    "softmax with new axes": of_weights(by_new_axes),
    "softmax without a maximum": of_weights(
        lambda s: gc.exp(s) / gc.sum(gc.exp(s), axis=-1, keepdims=True)
    ),
    "softmax with a sink": of_weights(with_a_sink),
    "logsumexp": of_weights(
        lambda s: gc.exp(s - gc.nn.logsumexp(s, axis=-1, keepdims=True))
    ),
    "log_softmax": of_weights(lambda s: gc.exp(gc.nn.log_softmax(s))),
    "sigmoid": of_weights(lambda s: gc.sigmoid(s - 5)),
    "relu": of_weights(lambda s: gc.nn.relu(s) / LENGTH),
    "linear and causal": of_weights(lambda s: gc.where(distances() >= 0, s, 0)),
    "dropout that is fed": of_weights(
        lambda s: gc.nn.softmax(s) * given(BATCH, HEADS, LENGTH, LENGTH)
    ),
    "dropout by sines": of_weights(dropped_by_sines),
    "dropout by a hash": of_weights(dropped_by_a_hash),
    "unit queries and keys": of_operands(unit),
    "normal queries and keys": of_operands(gc.nn.layer_norm),
    "turned queries and keys": of_operands(turned),
    "divided after": divided_after,
    "fewer keys": across(LENGTH, 96),
    "few keys": across(4096, 64),
    "few queries": across(64, 2048),
    "other numbers of both": across("t", "s"),
    "wider values": wider_values,
    "groups, broadcast": grouped(spread_heads),
    "groups, repeated": grouped(lambda x: gc.repeat(x, 2, axis=1)),
    "one head of keys": one_head_of_keys,
    "letters": by_letters("bqhd,bkhd->bhqk", "bhqk,bkhd->bqhd", *SAME),
    "letters, keys first": by_letters("bkhd,bqhd->bhqk", "bhqk,bkhd->bqhd", *SAME),
    "groups by letters": by_letters(
        "bqhgd,bkhd->bhgqk", "bhgqk,bkhd->bqhgd",
        (BATCH, LENGTH, 2, 2, WIDTH), *((BATCH, LENGTH, 2, WIDTH),) * 2,
    ),
    "one head of keys by letters": by_letters(
        "bhqd,bkd->bhqk", "bhqk,bkd->bhqd",
        (BATCH, HEADS, LENGTH, WIDTH), *((BATCH, LENGTH, WIDTH),) * 2,
    ),
    "layer": of_a_layer(BATCH, LENGTH),
    "layer of any size": of_a_layer("b", "t"),
    "groups of one example by letters": by_letters(
        "bqhgd,bkhd->bhgqk", "bhgqk,bkhd->bqhgd",
        (1, LENGTH, 2, 2, WIDTH), *((1, LENGTH, 2, WIDTH),) * 2,
    ),
    "chunks": in_chunks,
    "documents": of_scores(by_documents),
    "a key of no position": with_a_key_of_no_position,
    "learned sink": learned_sink,
    "learned bias": learned_bias,
    "learned bias by distance": learned_bias_by_distance,
    "learned slopes": learned_slopes,
    "checkpoint": again_for_the_way_back,
    "vmap": for_each_head,
}  # fmt: skip


#: Forms with gradients of scores that are summed over examples, which are stored for that.
WITH_BIAS = ("learned bias", "learned bias by distance", "learned slopes")


def outputs(form: str, *, back: bool) -> list[gc.Tensor]:
    """What a form makes, with its gradients if it has a way back."""
    result, by = FORMS[form]()
    if not back:
        return [result]
    seed = given(*result.shape, dtype=result.dtype)
    return [result, *gc.gradients(gc.sum(gc.tanh(result) * seed), by)]
