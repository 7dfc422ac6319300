"""Sums of products of labelled tensors, compiled: how many kernels, and which values."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.compiler import compile_graph

SIZES = {
    "a": 72, "b": 8, "c": 24, "d": 32, "h": 4, "i": 64, "j": 48, "k": 96, "l": 40, "m": 56, "q": 90,
}  # fmt: skip

#: Subscripts, and the kernels they take with known sizes and with symbols.
KERNELS = {
    "bij,bjk->bik": (1, 1),
    "bhqd,bhkd->bhqk": (1, 1),
    "bqhd,bkhd->bhqk": (1, 1),
    "bhqk,bkhd->bqhd": (1, 1),
    "ijk,jl->ikl": (1, 1),
    "bij,jk->kib": (1, 1),
    "ab,cb->ac": (1, 1),
    "ij,kj->ki": (1, 1),
    "abc,bcd->ad": (1, 1),
    "acb,bdc->ad": (1, 1),
    "bij,bjk->ik": (1, 1),
    "bij,j->bi": (1, 1),
    "bij,bj->bi": (1, 1),
    "ij,ij->": (1, 2),  # a long sum over everything is taken in two steps
    "i,j->ij": (1, 1),
    "bi,bj->bij": (1, 1),
    "ij,jk,kl->il": (2, 2),
    "ij,jk,kl,lm->im": (3, 3),
    "abc,ai,bj,ck->ijk": (3, 3),
}


def _arrays(subscripts: str, sizes: dict[str, int], dtype: Any) -> list[Any]:
    rng = np.random.default_rng(0)
    terms = subscripts.partition("->")[0].split(",")
    return [rng.normal(size=[sizes[k] for k in term]).astype(dtype) for term in terms]


def _declared(subscripts: str, symbols: str) -> list[list[Any]]:
    terms = subscripts.partition("->")[0].split(",")
    return [[k if k in symbols else SIZES[k] for k in term] for term in terms]


@pytest.mark.parametrize("symbolic", [False, True])
@pytest.mark.parametrize("subscripts", KERNELS)
def test_no_tensor_is_copied(subscripts: str, symbolic: bool) -> None:
    with gc.Graph() as graph:
        shapes = _declared(subscripts, subscripts if symbolic else "")
        total = gc.einsum(subscripts, *(gc.placeholder(gc.float32, shape) for shape in shapes))
    made = compile_graph(graph.extract([total]), stop="kernels").schedule
    assert made is not None
    assert len(made.launches) == KERNELS[subscripts][symbolic]


@pytest.mark.parametrize("symbolic", [False, True])
@pytest.mark.parametrize("subscripts", KERNELS)
def test_values_and_gradients(subscripts: str, symbolic: bool) -> None:
    arrays = _arrays(subscripts, SIZES, np.float32)
    with gc.Graph() as graph:
        shapes = _declared(subscripts, subscripts if symbolic else "")
        xs = [gc.placeholder(gc.float32, shape) for shape in shapes]
        total = gc.einsum(subscripts, *xs)
        slopes = gc.gradients(total, xs, total)
    with gc.Session(graph) as session:
        found = session.run([total, *slopes], dict(zip(xs, arrays, strict=True)))
    expected = np.einsum(subscripts, *(a.astype(np.float64) for a in arrays), optimize=True)
    assert_close(found[0], expected)
    inputs, _, to = subscripts.partition("->")
    terms = inputs.split(",")
    for k, (term, slope) in enumerate(zip(terms, found[1:], strict=True)):
        others = [to, *terms[:k], *terms[k + 1 :]]
        values = [expected, *(a.astype(np.float64) for a in arrays[:k] + arrays[k + 1 :])]
        assert_close(slope, np.einsum(f"{','.join(others)}->{term}", *values, optimize=True))


def assert_close(found: Any, expected: Any) -> None:
    """Within rounding of the largest result: sums of products cancel."""
    np.testing.assert_allclose(found, expected, rtol=0, atol=4e-6 * np.abs(expected).max())


def _drawn(seed: int) -> tuple[str, list[Any], list[Any]]:
    rng = random.Random(seed)
    letters = "abcdef"[: rng.randrange(3, 7)]
    terms = ["".join(rng.sample(letters, rng.randrange(1, 4))) for _ in range(rng.randrange(2, 5))]
    there = sorted(set("".join(terms)))
    output = "".join(rng.sample(there, rng.randrange(min(5, len(there) + 1))))
    sizes = {letter: rng.choice((1, 3, 8, 13, 17)) for letter in letters}
    dtype = rng.choice((np.float32, np.float64, np.int32))
    symbols = "".join(letter for letter in letters if rng.random() < 0.5)
    subscripts = f"{','.join(terms)}->{output}"
    arrays = [a * 4 for a in _arrays(subscripts, sizes, np.float64)]
    shapes = [[k if k in symbols else sizes[k] for k in term] for term in terms]
    return subscripts, [a.astype(dtype) for a in arrays], shapes


@pytest.mark.parametrize("seed", range(60))
def test_random_subscripts(seed: int) -> None:
    subscripts, arrays, shapes = _drawn(seed)
    for declared in ([array.shape for array in arrays], shapes):
        with gc.Graph() as graph:
            xs = [
                gc.placeholder(array.dtype.name, s)
                for array, s in zip(arrays, declared, strict=True)
            ]
            total = gc.einsum(subscripts, *xs)
        with gc.Session(graph) as session:
            found = session.run(total, dict(zip(xs, arrays, strict=True)))
        expected = np.einsum(subscripts, *arrays, optimize=True)
        if arrays[0].dtype == np.int32:
            np.testing.assert_array_equal(found, expected)
        else:
            scale = np.einsum(subscripts, *map(np.abs, arrays), optimize=True).max(initial=0)
            eps = np.finfo(arrays[0].dtype).eps
            np.testing.assert_allclose(found, expected, rtol=0, atol=64 * eps * scale)


def test_parts_of_one_result_have_lengths_of_their_own() -> None:
    with gc.Graph() as graph:
        x, y = gc.placeholder(gc.float64, (1, "i", "j")), gc.placeholder(gc.float64, ("j", "i", 1))
        total = gc.einsum("aij,jib->ab", x, y)
    inside = np.full((1, 24, 9), np.nan)  # what is read behind the operand shows
    inside[:, :3] = np.random.default_rng(0).normal(size=(1, 3, 9))
    a, b = inside[:, :3], np.random.default_rng(1).normal(size=(9, 3, 1))
    with gc.Session(graph) as session:
        found = session.run(total, {x: a, y: b})
    np.testing.assert_allclose(found, np.einsum("aij,jib->ab", a, b), rtol=1e-12)
