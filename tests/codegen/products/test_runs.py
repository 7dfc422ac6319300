"""Axes that count through dims of unknown sizes, and products that have them."""

from __future__ import annotations

from itertools import product as pairs
from typing import Any

import numpy as np
import pytest

from graphc.codegen.products.runs import Runs, runs_of
from graphc.codegen.target import Target
from graphc.ir import dims, scalar
from graphc.ir.dims import floordiv, remainder, symbol
from graphc.ir.dtypes import DType, float32, float64
from graphc.ir.node import Node
from graphc.ops import ops
from graphc.schedule.statements import Axis, Store
from tests.codegen.products.checking import Checked, Given, known
from tests.codegen.products.test_same_bits import numbers
from tests.codegen.running import Program
from tests.codegen.targets import chosen

TARGETS = chosen()
n, d, e, base = (symbol(name) for name in ("n", "d", "e", "base"))
AXIS = Axis("$0", n)
i = AXIS.position


@pytest.mark.parametrize(
    ("offset", "expected"),
    [
        (7 * i + base, None),
        (floordiv(i, d) * e + remainder(i, d), (0, d)),
        (floordiv(i + base, d) * e + i, (base, d)),
        (remainder(remainder(i + base, d * e), d), (base, d * e)),
        (floordiv(floordiv(i + 5, d), e), (5, d)),
        (floordiv(2 * i, d), None),
        (floordiv(base, d) * i, None),
        (remainder(i, 7), None),
    ],
)
def test_which_axes_have_runs(offset: Any, expected: Any) -> None:
    """Those that are divided, as they are, by a size that is not known."""
    found = runs_of(AXIS, scalar.load("a0", offset, float32))
    assert (None if found is None else (found.base, found.size)) == expected


@pytest.mark.parametrize(
    ("start", "count", "size"), list(pairs((0, 3, 7, 11), (1, 2, 5, 20), (1, 4, 9)))
)
def test_runs_take_every_position_once_and_in_order(start: int, count: int, size: int) -> None:
    runs = Runs(AXIS, base, d)
    offset = floordiv(i + base, d) * 1000 + remainder(i + base, d)
    value = scalar.load("a0", offset, float32)
    store = runs.within(Store("to", i, value))
    sizes = {"base": start, "n": count, "d": size}
    first, end = (dims.evaluate(row, sizes) for row in runs.rows)
    taken = []
    for row in range(first, end):
        here = sizes | {runs.row: row}
        low, high = (dims.evaluate(bound, here) for bound in runs.bounds)
        assert low < high
        here[runs.begin] = low
        for along in range(high - low):
            place = here | {runs.along.name: along}
            pair = (dims.evaluate(x, place) for x in (store.offset, store.value.offset))
            taken.append(tuple(pair))
    every = [(k, (k + start) // size * 1000 + (k + start) % size) for k in range(count)]
    assert taken == every


SUBSCRIPTS = (
    "abc,cde->edba", "abcd,cdef->abef", "abcd,dcef->abef", "acbd,cdef->abef", "abij,cbij->ac",
    "aib,bja->ij", "abc,bcd->bad", "abc,cad->bad", "abcd,cebd->ae",
)  # fmt: skip
SIZES = [(0, 3, 2, 5, 4, 3), (1, 1, 1, 1, 1, 1), (3, 7, 5, 2, 9, 4), (20, 13, 6, 11, 17, 3),
         (2, 33, 40, 19, 1, 70), (5, 3, 400, 7, 5, 2)]  # fmt: skip


def contracted(x: Given, subscripts: str, sizes: dict[str, Any]) -> Node:
    left, right = subscripts.split("->")[0].split(",")
    operands = (x(*(sizes[label] for label in part)) for part in (left, right))
    return ops.contract(*operands, subscripts=_lettered(subscripts))


def _lettered(subscripts: str) -> str:
    """Labels named in the order in which they occur."""
    names = dict.fromkeys(letter for letter in subscripts if letter.isalpha())
    order = dict(zip(names, "abcdefgh", strict=False))
    return "".join(order.get(letter, letter) for letter in subscripts)


def sizes_of(subscripts: str) -> list[dict[str, int]]:
    labels = sorted({letter for letter in subscripts if letter.isalpha()})
    return [dict(zip(labels, sizes, strict=False)) for sizes in SIZES]


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
@pytest.mark.parametrize("subscripts", SUBSCRIPTS)
def test_values(subscripts: str, target: Target) -> None:
    x = Given()
    letters = {letter: symbol(letter) for letter in subscripts if letter.isalpha()}
    run = Checked(x.nodes, [contracted(x, subscripts, letters)], target)
    for sizes in sizes_of(subscripts):
        run(sizes, most=3)


@pytest.mark.parametrize("dtype", [float32, float64], ids=str)
@pytest.mark.parametrize("subscripts", SUBSCRIPTS)
def test_bits_are_those_of_known_sizes(subscripts: str, dtype: DType) -> None:
    """Steps of depth are taken in one order, whether one axis counts through them or several."""
    x = Given(dtype)
    letters = {letter: symbol(letter) for letter in subscripts if letter.isalpha()}
    made = contracted(x, subscripts, letters)
    first = Program(x.nodes, [made])
    for sizes in sizes_of(subscripts)[2:4]:
        y = Given(dtype)
        second = Program(y.nodes, [contracted(y, subscripts, sizes)])
        feeds = [numbers(known(node.shape, {}), dtype, k) for k, node in enumerate(y.nodes)]
        for one, other in zip(first(*feeds), second(*feeds), strict=True):
            np.testing.assert_array_equal(one.view(np.uint8), other.view(np.uint8))
