"""Which nests of loops are cut into tiles, and what comes of them."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from graphc.codegen.nests.turned import TILE, turned_nest
from graphc.ir.dtypes import DType, bool_, float32, float64, int8, int32
from graphc.ir.node import Node
from graphc.ops import ops
from graphc.schedule.kernel import Kernel
from graphc.schedule.statements import Loop
from tests.codegen.running import Program
from tests.codegen.sampling import Compile, assert_same, n, numbers, placeholder

DTYPES = pytest.mark.parametrize("dtype", [float32, float64, int8, int32, bool_], ids=str)
#: Around the sizes of blocks and tiles.
SIZES = (0, 1, 7, 8, 15, 16, 17, 63, 64, 65, 130)


def transposed(x: Node) -> Node:
    return ops.permute_dims(x, axes=(1, 0))


def only_kernel(program: Program) -> Kernel:
    assert program.compilation.schedule is not None
    (launch,) = program.compilation.schedule.launches
    return launch.kernel


def loop_of(kernel: Kernel) -> Loop:
    (loop,) = kernel.body
    assert isinstance(loop, Loop)
    return loop


@DTYPES
def test_transposes_of_all_sizes(dtype: DType, program: Compile) -> None:
    x = placeholder(n, 70, dtype=dtype)
    run = program([x], [transposed(x)])
    back = program([x], [transposed(ops.flip(x, axes=(0,)))])
    for rows in SIZES:
        values = numbers((rows, 70), dtype)
        assert_same(run(values)[0], values.T)
        assert_same(back(values)[0], values[::-1].T)


@pytest.mark.parametrize("axes", list(permutations(range(3))), ids=str)
def test_permutations_of_three_dims(axes: tuple[int, ...], program: Compile) -> None:
    x = placeholder(n, 19, 33)
    run = program([x], [ops.permute_dims(x, axes=axes)])
    for length in (0, 1, 9, 64, 67):
        values = numbers((length, 19, 33), float32)
        assert_same(run(values)[0], values.transpose(axes))


def test_work_before_and_after(program: Compile) -> None:
    """Loads of several arrays, turned and not, in one kernel."""
    m = ops.placeholder(shape=(n, n), dtype=float32, name="m")
    x, y = placeholder(n, n), placeholder(n, n, name="y")
    total = ops.add(ops.mul(transposed(ops.neg(x)), y), ops.add(transposed(m), m))
    run = program([x, y, m], [total, ops.sub(transposed(x), x)])
    for size in (0, 1, 12, 65, 100):
        a, b, c = (numbers((size, size), float32, seed) for seed in range(3))
        got, difference = run(a, b, c)
        np.testing.assert_allclose(got, -a.T * b + (c.T + c), rtol=1e-5, atol=1e-2)
        assert_same(difference, a.T - a)


def test_only_what_is_read_across_is_turned(program: Compile) -> None:
    x, y = placeholder(100, 100), placeholder(100, 100, name="y")
    kernel = only_kernel(program([x, y], [ops.add(transposed(x), y)]))
    nest = turned_nest(loop_of(kernel), frozenset())
    assert nest is not None
    assert [str(square.load.source) for square in nest.squares] == ["a0"]
    assert nest.rows.extent == nest.columns.extent == 100
    assert TILE % 64 == 0  # whole lines of the cache, of elements of a byte


@pytest.mark.parametrize("shape", [(3, 100), (100, 3)], ids=str)
def test_short_dims_are_not_turned(shape: tuple[int, int], program: Compile) -> None:
    x = placeholder(*shape)
    kernel = only_kernel(program([x], [transposed(x)]))
    assert turned_nest(loop_of(kernel), frozenset()) is None


def test_what_the_kernel_writes_is_not_turned(program: Compile) -> None:
    x = placeholder(100, 100)
    loop = loop_of(only_kernel(program([x], [transposed(x)])))
    assert turned_nest(loop, frozenset({"a0"})) is None
    assert turned_nest(loop, frozenset({"a1"})) is not None
