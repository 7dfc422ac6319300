"""Scatters, scans and kernels of several loops, in the order that is promised."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from graphc.ir.dims import symbol
from graphc.ir.dtypes import FLOATS, INTEGERS, DType, float32, float64, int32
from graphc.ir.opdef import REGISTRY
from graphc.ops import ops
from tests.codegen.combining import by_columns, in_lanes
from tests.codegen.sampling import (
    FEW,
    LENGTHS,
    Compile,
    assert_same,
    n,
    numbers,
    placeholder,
    special,
)

Array = np.ndarray[Any, Any]


@pytest.mark.parametrize("dtype", [float32, float64, int32], ids=str)
def test_scatter_adds_in_order(dtype: DType, program: Compile) -> None:
    """Many updates of one element: rounding shows the order."""
    base, i = placeholder(5, dtype=dtype), placeholder(n, dtype=int32, name="i")
    u = placeholder(n, dtype=dtype, name="u")
    run = program([base, i, u], [ops.scatter_add(base, i, u, axes=(0,), position=0)])
    start = numbers((5,), dtype)
    for length in LENGTHS:
        positions = np.random.default_rng(length).integers(-5, 5, length).astype(np.int32)
        updates = numbers((length,), dtype)
        expected = start.copy()
        np.add.at(expected, positions, updates)
        assert_same(run(start, positions, updates)[0], expected)


def test_scatter_of_rows(program: Compile) -> None:
    """Rows are added with as many lanes as there are."""
    base, i = placeholder(4, n), placeholder(6, dtype=int32, name="i")
    u = placeholder(6, n, name="u")
    run = program([base, i, u], [ops.scatter_add(base, i, u, axes=(0,), position=0)])
    positions = np.array([0, 3, 3, 1, 0, 3], np.int32)
    for length in LENGTHS:
        start, updates = numbers((4, length), float32), numbers((6, length), float32, seed=1)
        expected = start.copy()
        np.add.at(expected, positions, updates)
        assert_same(run(start, positions, updates)[0], expected)


def test_chains_of_reductions(program: Compile) -> None:
    """A reduction of a reduction, with what follows it in the same kernel."""
    x = placeholder(n, 5, 3)
    inner = ops.sqrt(ops.max(x, axes=(2,)))
    run = program([x], [inner, ops.sum(inner, axes=(1,)), ops.prod(inner, axes=(0,))])
    for length in FEW:
        values = np.abs(numbers((length, 5, 3), float32))
        roots, sums, products = run(values)
        expected = np.sqrt(values.max(2))
        assert_same(roots, expected)
        rows = [in_lanes("sum", expected[k : k + 1], float32) for k in range(length)]
        assert_same(sums, np.asarray(rows, np.float32).reshape(length))
        assert_same(products, by_columns("prod", expected, float32))


def test_bits_do_not_depend_on_fusion(program: Compile) -> None:
    """Sums along both axes and what follows them, in one pass and each on its own."""
    x = placeholder(n, 37)
    highest = ops.broadcast_to(
        ops.reshape(ops.max(x, axes=(1,)), shape=(n, 1)), shape=(n, 37)
    )  # fmt: skip
    grown = ops.exp(ops.sub(x, highest))
    results = [ops.sum(grown, axes=(1,)), ops.sum(grown, axes=(0,)), ops.sum(grown, axes=(0, 1))]
    together = program([x], [*results, grown])
    apart = [program([x], [result]) for result in [*results, grown]]
    for length in (*FEW, 500):
        values = numbers((length, 37), float32)
        for one, alone in zip(together(values), apart, strict=True):
            assert_same(one, alone(values)[0])


# Scans --------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", FLOATS + INTEGERS, ids=str)
@pytest.mark.parametrize(("name", "ufunc"), [("cumsum", np.add), ("cumprod", np.multiply)])
def test_scans(name: str, ufunc: np.ufunc, dtype: DType, program: Compile) -> None:
    """Element after element, along rows and along columns."""
    x = placeholder(symbol("m"), n, dtype=dtype)
    run = program([x], [REGISTRY[name](x, axis=0), REGISTRY[name](x, axis=1)])
    for rows, columns in [*((3, k) for k in LENGTHS), *((k, 2) for k in FEW)]:
        values = special((rows, columns), dtype, rows + columns)
        with np.errstate(all="ignore"):
            expected = [ufunc.accumulate(values, axis, dtype.numpy) for axis in (0, 1)]
        for mine, other in zip(run(values), expected, strict=True):
            assert_same(mine, other)


# Axes of size 1 -----------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(1,), (1, 1), (1, 3), (3, 1), (1, 17, 1), (2, 1, 3)], ids=str)
def test_axes_of_size_one(shape: tuple[int, ...], program: Compile) -> None:
    """Loops that run once still have only one element to write, along whatever axis."""
    x = placeholder(*shape)
    axes = range(len(shape))
    outputs = [
        REGISTRY[name](x, axis=axis) for name in ("cumsum", "sort", "argmax") for axis in axes
    ]
    outputs += [ops.max(x, axes=(axis,)) for axis in axes] + [ops.flip(x, axes=tuple(axes))]
    values = numbers(shape, float32)
    expected = [np.cumsum(values, axis) for axis in axes]
    expected += [np.sort(values, axis) for axis in axes]
    expected += [np.argmax(values, axis) for axis in axes]
    expected += [np.max(values, axis) for axis in axes] + [np.flip(values)]
    alone = [program([x], [output])(values)[0] for output in outputs]
    for mine, together, other in zip(alone, program([x], outputs)(values), expected, strict=True):
        assert_same(mine, np.asarray(other))
        assert_same(together, np.asarray(other))
