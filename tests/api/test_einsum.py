from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import AttributeValueError, ShapeError
from tests.api.differences import check_gradients

pytestmark = pytest.mark.usefixtures("graph")

SIZES = {"i": 2, "j": 3, "k": 4, "l": 5, "b": 6}

SUBSCRIPTS = [
    "ij,jk->ik",
    "ij,jk",
    "ij,jk->ki",
    "ij->ji",
    "ji",
    "ij->",
    "ij->j",
    "ii",
    "ii->i",
    "iij->ji",
    "i,i",
    "i,j->ij",
    "i,j->ji",
    "ij,ij->ij",
    "ij,ij->",
    "bij,bjk->bik",
    "bij,bjk->ik",
    "bij,jk->bik",
    "bij,bkl,jk->bil",
    "ij,jk,kl->il",
    "ij,jk,kl->i",
    "ij,i,j->",
    "bijk,bkjl->bjil",
    "i,ij,ijk->k",
    "ij,kl->ijkl",
    " i j , j k -> i k ",
    "jij->i",
    "ij,jj->i",
]


def _operands(subscripts: str) -> list[Any]:
    rng = np.random.default_rng(0)
    terms = "".join(subscripts.split()).partition("->")[0].split(",")
    return [rng.normal(size=[SIZES[letter] for letter in term]) for term in terms]


@pytest.mark.parametrize("fed", [False, True])
@pytest.mark.parametrize("subscripts", SUBSCRIPTS)
def test_against_numpy(subscripts: str, fed: bool, compute: Any) -> None:
    arrays = _operands(subscripts)
    names = {size: f"d{size}" for size in SIZES.values()}
    tensors = [
        gc.placeholder(gc.float64, [names[n] for n in a.shape] if fed else a.shape) for a in arrays
    ]
    found = compute(gc.einsum(subscripts, *tensors), dict(zip(tensors, arrays, strict=True)))
    np.testing.assert_allclose(found, np.einsum(subscripts, *arrays), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    ("subscripts", "shapes"),
    [
        ("...ij,...jk->...ik", [(6, 2, 3), (6, 3, 4)]),
        ("...ij,...jk", [(6, 2, 3), (3, 4)]),
        ("...ij,jk->...ik", [(5, 6, 2, 3), (3, 4)]),
        ("i...,i...->...", [(2, 5, 6), (2, 1, 6)]),
        ("...i->...", [(3, 4, 2)]),
        ("...", [(3, 4)]),
        ("...,...", [(3, 1), (1, 4)]),
        ("i...i->i...", [(2, 3, 2)]),
        ("...i,...i->i...", [(1, 4, 2), (3, 1, 2)]),
    ],
)
def test_ellipsis(subscripts: str, shapes: list[tuple[int, ...]], compute: Any) -> None:
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=shape) for shape in shapes]
    found = compute(gc.einsum(subscripts, *map(gc.constant, arrays)))
    np.testing.assert_allclose(found, np.einsum(subscripts, *arrays), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    "subscripts",
    [
        "ij,jk->ik", "bij,bkl,jk->bil", "ii,i->", "ij,ij->j", "i,j->ij", "ij,j->i", "bij,bj->ib",
        "ijk,jl->lik", "bijk,bkjl->ilb", "ijk,li,jl->k", "i,ij,j->", "ij,jk,kl,lb->bi",
    ],
)  # fmt: skip
def test_gradients(subscripts: str, compute: Any) -> None:
    arrays = _operands(subscripts)
    check_gradients(compute, lambda *xs: gc.einsum(subscripts, *xs), arrays)


def _drawn(seed: int) -> tuple[str, list[Any], list[Any]]:
    """Subscripts, arrays, and a declared shape for each, of which some sizes are symbols."""
    rng = random.Random(seed)
    letters = "abcdef"[: rng.randrange(2, 7)]
    terms = ["".join(rng.choices(letters, k=rng.randrange(4))) for _ in range(rng.randrange(1, 5))]
    there = sorted(set("".join(terms)))
    output = "".join(rng.sample(there, rng.randrange(len(there) + 1)))
    sizes = {letter: rng.choice((1, 2, 3, 5, 0 if rng.random() < 0.1 else 4)) for letter in letters}
    names = {letter: letter if rng.random() < 0.4 else sizes[letter] for letter in letters}
    values = np.random.default_rng(seed)
    arrays = [values.normal(size=[sizes[letter] for letter in term]) for term in terms]
    return f"{','.join(terms)}->{output}", arrays, [[names[k] for k in term] for term in terms]


@pytest.mark.parametrize("seed", range(80))
def test_random_subscripts(seed: int, compute: Any) -> None:
    subscripts, arrays, shapes = _drawn(seed)
    expected = np.einsum(subscripts, *arrays, optimize=True)
    for declared in ([array.shape for array in arrays], shapes):
        xs = [gc.placeholder(gc.float64, shape) for shape in declared]
        found = compute(gc.einsum(subscripts, *xs), dict(zip(xs, arrays, strict=True)))
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize(
    ("subscripts", "shapes", "pairs", "cost"),
    [
        ("ij,jk,kl->il", [(9, 50), (50, 50), (50, 2)], ((1, 2), (0, 1)), "5900"),
        ("ij,jk,k->i", [("n", "m"), ("m", 50), (50,)], ((1, 2), (0, 1)), "m*n + 50*m"),
        ("...ij,...jk->...ik", [(7, "n", 3), (1, 3, 5)], ((0, 1),), "105*n"),
        ("ij,ik->k", [(4, 9), (4, 5)], ((0, 1),), "20"),
        ("ii->", [("n", "n")], (), "0"),
    ],
)
def test_path(subscripts: str, shapes: list[Any], pairs: Any, cost: str) -> None:
    path = gc.einsum_path(subscripts, *(gc.placeholder(gc.float32, shape) for shape in shapes))
    assert path.pairs == pairs
    assert str(path.cost) == cost


def test_path_is_that_of_the_graph() -> None:
    x, y, z = (
        gc.placeholder(gc.float32, s, name=n)
        for s, n in [((9, 50), "x"), ((50, 50), "y"), ((50, 2), "z")]
    )
    total = gc.einsum("ij,jk,kl->il", x, y, z)
    assert total.node.inputs[0] is x.node
    assert total.node.inputs[1].inputs == (y.node, z.node)


@pytest.mark.parametrize(
    ("subscripts", "ops"),
    [
        ("ij,jk->ik", ["matmul"]),
        ("bij,bkj->bik", ["permute_dims", "matmul"]),
        ("bij,jk->bik", ["matmul"]),
        ("jk,bij->bik", ["matmul"]),
        ("ijk,jkl->il", ["reshape", "reshape", "matmul"]),
        ("bij,jk->kbi", ["contract"]),
        ("bijk,bkjl->bil", ["contract"]),
        ("bij,bjk->ibk", ["contract"]),
        ("ij,kl->ijkl", ["reshape", "broadcast_to", "reshape", "broadcast_to", "mul"]),
        ("ij,ij->i", ["mul", "sum"]),
        ("ij,j->i", ["reshape", "broadcast_to", "mul", "sum"]),
        ("ij,jk->k", ["sum", "reshape", "broadcast_to", "mul", "sum"]),
    ],
)
def test_ops(subscripts: str, ops: list[str]) -> None:
    shapes = [array.shape for array in _operands(subscripts)]
    total = gc.einsum(subscripts, *(gc.placeholder(gc.float32, shape) for shape in shapes))
    nodes = total.graph.extract([total]).nodes
    assert [node.op.name for node in nodes if node.op.name != "placeholder"] == ops


def test_products_of_integers_are_matrix_products() -> None:
    x, y = gc.placeholder(gc.int32, (2, "i", 3)), gc.placeholder(gc.int32, ("b", 3, 4))
    total = gc.einsum("aij,bjk->kaib", x, y)
    nodes = total.graph.extract([total]).nodes
    names = [node.op.name for node in nodes]
    assert total.shape == (4, 2, "i", "b")
    assert (names.count("matmul"), names.count("contract")) == (1, 0)


@pytest.mark.parametrize(
    ("subscripts", "error", "message"),
    [
        ("ij", AttributeValueError, "has 1 terms for 2 tensors"),
        ("ij,jk->iq", AttributeValueError, "must name axes of the terms, each once"),
        ("ij,jk->ii", AttributeValueError, "must name axes of the terms, each once"),
        ("i1,jk", AttributeValueError, "something else than letters"),
        ("...j,jk->k", AttributeValueError, "needs the ellipsis of the terms"),
        ("ijk,jk->i", ShapeError, "the subscripts 'ijk' do not fit f32[2, 3]"),
        ("ij,ik->jk", ShapeError, "the axes 'i' must be of one size, but 2 is not 3"),
    ],
)
def test_errors(subscripts: str, error: Any, message: str, fails: Any) -> None:
    x, y = gc.placeholder(gc.float32, (2, 3)), gc.placeholder(gc.float32, (3, 4))
    with fails(error, message, op="einsum"):
        gc.einsum(subscripts, x, y)
    with fails(error, message, op="einsum_path"):
        gc.einsum_path(subscripts, x, y)
