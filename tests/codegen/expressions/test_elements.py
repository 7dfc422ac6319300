"""Loads and stores at every length up to several vectors.

All feeds and results lie beside fences, on either side, so a masked tail that reads or writes one
element too many ends the test.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from graphc.errors import OutOfRangeError
from graphc.ir.dims import symbol
from graphc.ir.dtypes import DType, bool_, float32, float64, int8, int32, int64, uint8
from graphc.ir.node import Node
from graphc.ops import ops
from tests.codegen.sampling import LENGTHS, Compile, assert_same, n, numbers, placeholder

Array = np.ndarray[Any, Any]


# Maps and loads ------------------------------------------------------------------------------

# nodes of one input [n], and the same by NumPy
LOADS: dict[str, tuple[Callable[[Node], Node], Callable[[Array], Array]]] = {
    "straight": (ops.identity, np.copy),
    "reversed": (lambda x: ops.flip(x, axes=(0,)), np.flip),
    "every third": (
        lambda x: ops.slice(x, start=(0,), step=(3,), shape=((n + 2) // 3,)), lambda x: x[::3],
    ),
    "every second, backwards": (
        lambda x: ops.slice(x, start=(n - 1,), step=(-2,), shape=((n + 1) // 2,)),
        lambda x: x[::-2],
    ),
    "all but the first": (
        lambda x: ops.slice(x, start=(n - (n + 1) // 2,), step=(1,), shape=((n + 1) // 2,)),
        lambda x: x[len(x) - (len(x) + 1) // 2 :],
    ),
    "between zeros": (
        lambda x: ops.pad(x, low=(3,), high=(2,), value=0.0), lambda x: np.pad(x, (3, 2)),
    ),
    "before itself backwards": (
        lambda x: ops.concat(x, ops.flip(x, axes=(0,)), axis=0),
        lambda x: np.concatenate([x, x[::-1]]),
    ),
    "spread over zeros": (
        lambda x: ops.slice_adjoint(x, start=(1,), step=(3,), shape=(3 * n + 2,)),
        lambda x: spread(x, 3 * len(x) + 2, 1, 3),
    ),
    "each one four times": (
        lambda x: ops.broadcast_to(ops.reshape(x, shape=(n, 1)), shape=(n, 4)),
        lambda x: np.repeat(x[:, None], 4, 1),
    ),
    "all of it four times": (
        lambda x: ops.broadcast_to(x, shape=(4, n)), lambda x: np.repeat(x[None], 4, 0),
    ),
}  # fmt: skip


def spread(x: Array, size: int, start: int, step: int) -> Array:
    result = np.zeros(size, x.dtype)
    result[start : start + step * len(x) : step] = x
    return result


@pytest.mark.parametrize("dtype", [float32, float64, int8, bool_, int64], ids=str)
@pytest.mark.parametrize("title", LOADS)
def test_loads(title: str, dtype: DType, program: Compile) -> None:
    build, numpy = LOADS[title]
    x = placeholder(n, dtype=dtype)
    run = program([x], [build(x)])
    for length in LENGTHS:
        values = numbers((length,), dtype)
        (got,) = run(values)
        assert_same(got, numpy(values))


@pytest.mark.parametrize("dtype", [float32, int8, bool_], ids=str)
def test_views_of_rows(dtype: DType, program: Compile) -> None:
    """Transposed, and backwards in both axes, for every width of the rows."""
    x = placeholder(3, n, dtype=dtype)
    run = program([x], [ops.permute_dims(x, axes=(1, 0)), ops.flip(x, axes=(0, 1))])
    for length in LENGTHS:
        values = numbers((3, length), dtype)
        turned, flipped = run(values)
        assert_same(turned, values.T)
        assert_same(flipped, values[::-1, ::-1])


def test_mixed_widths_in_one_kernel(program: Compile) -> None:
    """Bytes, floats and doubles side by side; lanes are as many as the widest allows."""
    x, y = placeholder(n, dtype=uint8), placeholder(n, dtype=float64, name="y")
    wide = ops.add(ops.astype(x, dtype=float64), y)
    run = program([x, y], [wide, ops.astype(wide, dtype=float32), ops.gt(wide, y)])
    for length in LENGTHS:
        a, b = numbers((length,), uint8), numbers((length,), float64)
        got = run(a, b)
        expected = [a + b, (a + b).astype(np.float32), a + b > b]
        for mine, other in zip(got, expected, strict=True):
            assert_same(mine, other)


# Positions that are computed ----------------------------------------------------------------


@pytest.mark.parametrize("index_dtype", [int8, int32, int64, uint8], ids=str)
def test_gather(index_dtype: DType, program: Compile) -> None:
    x, i = placeholder(9, 2), placeholder(n, dtype=index_dtype, name="i")
    run = program([x, i], [ops.gather(x, i, axes=(0,), position=0)])
    source = numbers((9, 2), float32)
    for length in LENGTHS:
        low = 0 if index_dtype is uint8 else -9
        positions = np.random.default_rng(length).integers(low, 9, length).astype(index_dtype.numpy)
        (got,) = run(source, positions)
        assert_same(got, source[positions])


@pytest.mark.parametrize("length", [1, 2, 16, 17, 70])
@pytest.mark.parametrize("bad", [9, -10, 10**12, -(10**15), 2**62, -(2**63)])
def test_positions_out_of_range(length: int, bad: int, program: Compile) -> None:
    """An error that names the op and the index, wherever it stands; nothing wild is read."""
    x, i = placeholder(9), placeholder(n, dtype=int64, name="i")
    u = placeholder(n, name="u")
    reading = program([x, i], [ops.exp(ops.gather(x, i, axes=(0,), position=0))])
    adding = program([x, i, u], [ops.scatter_add(x, i, u, axes=(0,), position=0)])
    source = numbers((9,), float32)
    for place in {0, length // 2, length - 1}:
        positions = np.zeros(length, np.int64)
        positions[place] = bad
        with pytest.raises(OutOfRangeError, match=f"gather: index {bad} is out of range"):
            reading(source, positions)
        with pytest.raises(OutOfRangeError, match=f"scatter_add: index {bad} is out of range"):
            adding(source, positions, np.ones(length, np.float32))


def test_no_positions_in_an_empty_axis(program: Compile) -> None:
    x, i = placeholder(n), placeholder(symbol("m"), dtype=int64, name="i")
    run = program([x, i], [ops.gather(x, i, axes=(0,), position=0)])
    assert run(np.ones(0, np.float32), np.zeros(0, np.int64))[0].shape == (0,)
    with pytest.raises(OutOfRangeError, match="index 0 is out of range"):
        run(np.ones(0, np.float32), np.zeros(1, np.int64))


# Known lengths ------------------------------------------------------------------------------

CASTS = [
    (int32, int8), (int64, int8), (int64, int32), (int8, int64), (uint8, int32), (bool_, int32),
    (float32, int8), (float64, float32), (float32, float64), (int32, bool_),
]  # fmt: skip


@pytest.mark.parametrize(("source", "target"), CASTS, ids=lambda dtype: str(dtype))
@pytest.mark.parametrize("length", [1, 2, 7, 8, 9, 15, 16, 17, 25, 31, 33])
def test_casts_at_known_lengths(
    length: int, source: DType, target: DType, program: Compile
) -> None:
    """What is left over is known when compiling, down to a single element, and so are masks."""
    x, y = placeholder(length, dtype=source), placeholder(length, 3, dtype=source, name="y")
    read = [
        (x, lambda a, b: a),
        (ops.flip(x, axes=(0,)), lambda a, b: a[::-1]),
        (ops.permute_dims(y, axes=(1, 0)), lambda a, b: b.T),
        (ops.pad(x, low=(1,), high=(15,), value=0.0), lambda a, b: np.pad(a, (1, 15))),
        (ops.concat(x, x, axis=0), lambda a, b: np.concatenate([a, a])),
        (ops.slice_adjoint(x, start=(3,), step=(5,), shape=(5 * length + 3,)),
         lambda a, b: spread(a, 5 * length + 3, 3, 5)),
    ]  # fmt: skip
    run = program([x, y], [ops.astype(node, dtype=target) for node, _ in read])
    a, b = small((length,), source), small((length, 3), source)
    for got, (_, numpy) in zip(run(a, b), read, strict=True):
        assert_same(got, numpy(a, b).astype(target.numpy))


def small(shape: tuple[int, ...], dtype: DType) -> Array:
    """Numbers that every dtype holds, or wraps around alike."""
    return np.asarray(np.random.default_rng(shape).integers(0, 100, shape), dtype.numpy)


def test_positions_in_a_dim_of_size_0(program: Compile) -> None:
    """They are divided by the dim's size, though there is nothing to read."""
    m = symbol("m")
    x = placeholder(m, 3, n)
    turned = ops.reshape(ops.permute_dims(x, axes=(1, 0, 2)), shape=(3, m * n))
    run = program([x], [ops.pad(turned, low=(0, 1), high=(0, 1), value=1.0)])
    for rows, columns in ((0, 0), (0, 5), (5, 0), (1, 1), (4, 5)):
        values = numbers((rows, 3, columns), float32)
        flat = values.transpose(1, 0, 2).reshape(3, rows * columns)
        assert_same(run(values)[0], np.pad(flat, ((0, 0), (1, 1)), constant_values=1))


@pytest.mark.parametrize("shape", [(1,), (1, 1), (n, 1), (1, n)], ids=str)
def test_gather_from_a_computed_axis_of_size_1(shape: tuple[Any, ...], program: Compile) -> None:
    """Its only element is at hand, and positions are still checked."""
    axis = shape.index(1)
    x, i = placeholder(*shape), placeholder(2, dtype=int64, name="i")
    run = program([x, i], [ops.gather(ops.floor(x), i, axes=(axis,), position=axis)])
    costly = program([x, i], [ops.gather(ops.exp(x), i, axes=(axis,), position=axis)])
    for length in (0, 1, 5, 17):
        values = numbers(tuple(length if size is n else size for size in shape), float32) / 1000
        positions = np.array([0, -1])
        got, exact = costly(values, positions)[0], run(values, positions)[0]
        np.testing.assert_allclose(got, np.take(np.exp(values), positions, axis), 1e-6)
        assert_same(exact, np.take(np.floor(values), positions, axis))
        if values.size:
            with pytest.raises(OutOfRangeError, match="gather: index 1 is out of range"):
                costly(values, np.array([0, 1]))


@pytest.mark.parametrize("dtype", [float32, float64, int8], ids=str)
@pytest.mark.parametrize("width", [8, 16, 17])
def test_rows_that_are_there_or_not(width: int, dtype: DType, program: Compile) -> None:
    """All of a row under one condition, turned around: the others are not touched."""
    x = placeholder(n, width, dtype=dtype)
    both_ways = ops.flip(ops.concat(x, x, axis=0), axes=(0, 1))
    run = program(
        [x], [both_ways, ops.pad(ops.flip(x, axes=(1,)), low=(2, 0), high=(3, 0), value=0.0)]
    )
    for length in (0, 1, 2, 5):
        values = numbers((length, width), dtype)
        joined, padded = run(values)
        assert_same(joined, np.concatenate([values, values])[::-1, ::-1])
        assert_same(padded, np.pad(values[:, ::-1], ((2, 3), (0, 0))))


def test_gather_at_positions_reduced_beside_it(program: Compile) -> None:
    """Each lane has found a position of its own; nothing but its name shows that they differ."""
    x, values = placeholder(5, n), placeholder(5, dtype=float64, name="v")
    run = program([x, values], [ops.gather(values, ops.argmax(x, axis=0), axes=(0,), position=0)])
    for length in LENGTHS:
        rows, picked = numbers((5, length), float32), np.arange(5.0)
        assert_same(run(rows, picked)[0], picked[np.argmax(rows, 0)])
