from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import AttributeValueError, ShapeError

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


@pytest.mark.parametrize("subscripts", ["ij,jk->ik", "bij,bkl,jk->bil", "ii,i->", "ij,ij->j"])
def test_gradients(subscripts: str, compute: Any) -> None:
    arrays = _operands(subscripts)
    tensors = [gc.placeholder(gc.float64, a.shape) for a in arrays]
    feeds = dict(zip(tensors, arrays, strict=True))
    total = gc.sum(gc.einsum(subscripts, *tensors))
    step = 1e-6
    for tensor, slope in zip(tensors, compute(gc.gradients(total, tensors), feeds), strict=True):
        for place in np.ndindex(slope.shape):
            moved = [feeds[tensor].copy() for _ in range(2)]
            moved[0][place] += step
            moved[1][place] -= step
            up, down = (compute(total, {**feeds, tensor: value}) for value in moved)
            assert abs((up - down) / (2 * step) - slope[place]) < 1e-6


def test_contractions_are_matrix_products() -> None:
    x, y = gc.placeholder(gc.float32, ("b", 2, 3)), gc.placeholder(gc.float32, ("b", 4, 3))
    product = gc.einsum("bij,bkj->bik", x, y)
    names = [node.op.name for node in product.graph.extract([product]).nodes]
    assert names.count("matmul") == 1
    assert "sum" not in names


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
