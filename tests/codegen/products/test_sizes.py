"""Products of every size: each dim from 1 to 70, the others at a few sizes; and any triples."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from graphc.codegen.target import Target
from graphc.ir.dtypes import DType, float32, float64
from graphc.ir.node import Node
from graphc.ops import ops
from tests.codegen.products.checking import Checked, Given, k, m, n, turned
from tests.codegen.targets import chosen

TARGETS = chosen()
on_targets = pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)

MOST = 70
#: The other two dims, in order, while one takes every size.
FEW = ((13, 37), (64, 7))
Triple = tuple[int, int, int]


def in_every_layout(x: Given, rows: Any, depth: Any, columns: Any) -> list[Node]:
    """Either operand as it is and transposed."""
    left, right = (x(rows, depth), x(depth, rows)), (x(depth, columns), x(columns, depth))
    lefts, rights = (left[0], turned(left[1])), (right[0], turned(right[1]))
    return [ops.matmul(one, other) for one in lefts for other in rights]


def each_dim() -> list[Triple]:
    found = []
    for place in range(3):
        for others in FEW:
            for size in range(1, MOST + 1):
                found.append((*others[:place], size, *others[place:]))
    return found


def some(count: int, seed: int) -> list[Triple]:
    found = np.random.default_rng(seed).integers(1, MOST, (count, 3), endpoint=True)
    return [(int(rows), int(depth), int(columns)) for rows, depth, columns in found]


@on_targets
def test_sizes_known_when_it_runs(target: Target) -> None:
    """One program for all of them, of both dtypes."""
    x = Given()
    outputs = [one for dtype in (float32, float64) for one in in_every_layout(x.of(dtype), m, k, n)]
    run = Checked(x.nodes, outputs, target)
    for sizes in (*each_dim(), *some(150, seed=1)):
        run(dict(zip("mkn", sizes, strict=True)))


PARTLY = [(m, 37, 41), (61, k, 41), (61, 37, n), (m, k, 40), (3, k, n), (m, 520, n), (m, 5, 16)]


@on_targets
@pytest.mark.parametrize("dims", PARTLY, ids=str)
def test_some_sizes_known_when_it_is_compiled(dims: Any, target: Target) -> None:
    x = Given()
    run = Checked(x.nodes, in_every_layout(x, *dims), target)
    for size in (1, 2, 7, 15, 16, 17, 31, 32, 33, 47, 64, 67, 127, 129, 530):
        sizes = {name: size + place for place, name in enumerate("mkn") if dims[place] in (m, k, n)}
        run(sizes, most=4)


def run_known(triples: list[Triple], dtype: DType, target: Target) -> None:
    """Products of sizes known when they are compiled, many in a program, in layouts by turns."""
    x = Given(dtype)
    outputs = []
    for number, sizes in enumerate(triples):
        rows, depth, columns = sizes
        left = turned(x(depth, rows)) if number & 1 else x(rows, depth)
        right = turned(x(columns, depth)) if number & 2 else x(depth, columns)
        outputs.append(ops.matmul(left, right))
    Checked(x.nodes, outputs, target)()


@on_targets
@pytest.mark.parametrize("dtype", [float32, float64], ids=str)
def test_sizes_known_when_it_is_compiled(dtype: DType, target: Target) -> None:
    """A sample of what follows."""
    every = each_dim()
    picked = np.random.default_rng(7).choice(len(every), 8, replace=False)
    run_known([*(every[place] for place in picked), *some(8, seed=2)], dtype, target)


@pytest.mark.long
@on_targets
@pytest.mark.parametrize("dtype", [float32, float64], ids=str)
def test_every_size_known_when_it_is_compiled(dtype: DType, target: Target) -> None:
    triples = [*each_dim(), *some(300, seed=3)]
    for start in range(0, len(triples), 40):
        run_known(triples[start : start + 40], dtype, target)
