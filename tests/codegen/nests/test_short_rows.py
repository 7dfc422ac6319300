"""Short rows: several worked on together, with the bits that a loop along each would give."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.codegen.nests.short_rows import FEWEST_ROWS, MOST_COPIED, MOST_IN_ROW, flattened
from graphc.ir import scalar
from graphc.ir.dtypes import FLOATS, DType, float32, float64, int8, int32
from graphc.ir.opdef import REGISTRY
from graphc.ops import ops
from graphc.schedule.statements import Axis, Combine, Fold, Loop, Reduction, Store
from tests.codegen.combining import COMBINE, in_lanes
from tests.codegen.running import Program
from tests.codegen.sampling import FEW, Compile, assert_same, n, numbers, placeholder, special

WIDTHS = (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17)
DTYPES = pytest.mark.parametrize("dtype", [float32, float64, int8, int32], ids=str)


def stores_of(program: Program) -> tuple[Store, ...] | None:
    """What one position of the only kernel's outermost loop stores, written out."""
    assert program.compilation.schedule is not None
    (launch,) = program.compilation.schedule.launches
    kernel = launch.kernel
    (loop,) = kernel.body
    assert isinstance(loop, Loop)
    scratch = frozenset(room.name for room in kernel.scratch)
    written = {argument.name for argument in kernel.arguments if argument.written}
    return flattened(loop, scratch | written, scratch)


@pytest.mark.parametrize("width", WIDTHS)
@DTYPES
def test_reductions_along_short_rows(width: int, dtype: DType, program: Compile) -> None:
    """To the bit, in the order that is promised, whatever the width."""
    names = [name for name in COMBINE if dtype in REGISTRY[name].dtypes]
    x = placeholder(n, width, dtype=dtype)
    run = program([x], [REGISTRY[name](x, axes=(1,)) for name in names])
    for length in FEW:
        values = special((length, width), dtype, length)
        for name, got in zip(names, run(values), strict=True):
            expected = [in_lanes(name, values[k : k + 1], dtype) for k in range(length)]
            assert_same(got, np.asarray(expected, dtype.numpy).reshape(length))


@pytest.mark.parametrize("width", WIDTHS)
@DTYPES
def test_positions_of_extremes(width: int, dtype: DType, program: Compile) -> None:
    """The first of several, and of a NaN if there is one."""
    x = placeholder(n, width, dtype=dtype)
    run = program([x], [ops.argmax(x, axis=1), ops.argmin(x, axis=1)])
    for length in FEW:
        values = special((length, width), dtype, length)
        if dtype in FLOATS and values.size:
            values.flat[:: max(1, width - 1)] = np.nan
        most, least = run(values)
        assert_same(most, np.argmax(values, 1))
        assert_same(least, np.argmin(values, 1))


@pytest.mark.parametrize("width", WIDTHS)
@DTYPES
def test_maps_of_short_rows(width: int, dtype: DType, program: Compile) -> None:
    """Broadcast along either dim, joined, and turned around."""
    x, column = placeholder(n, width, dtype=dtype), placeholder(n, 1, dtype=dtype, name="c")
    row = placeholder(width, dtype=dtype, name="r")
    wide = ops.add(
        ops.mul(x, ops.broadcast_to(column, shape=(n, width))),
        ops.broadcast_to(row, shape=(n, width)),
    )
    turned = ops.flip(x, axes=(1,))
    run = program([x, column, row], [wide, turned, ops.concat(x, column, turned, axis=1)])
    for length in FEW:
        a, c, r = (numbers(shape, dtype) for shape in ((length, width), (length, 1), (width,)))
        got, backwards, joined = run(a, c, r)
        with np.errstate(all="ignore"):
            expected = a * c + r
        if dtype in FLOATS:
            np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-3)
        else:
            assert_same(got, expected)
        assert_same(backwards, a[:, ::-1])
        assert_same(joined, np.concatenate([a, c, a[:, ::-1]], 1))


@pytest.mark.parametrize("width", [2, 3, 8])
def test_running_sums_along_short_rows(width: int, program: Compile) -> None:
    x = placeholder(n, width)
    run = program([x], [ops.cumsum(x, axis=1)])
    for length in FEW:
        values = special((length, width), float32, length)
        assert_same(run(values)[0], np.cumsum(values, 1, dtype=np.float32))


def test_a_normalised_row_needs_no_memory(program: Compile) -> None:
    """Several loops along the row, with scratch in between, become stores of the results alone."""
    x = placeholder(n, 3)
    grown = ops.exp(x)
    total = ops.reshape(ops.sum(grown, axes=(1,)), shape=(n, 1))
    made = program([x], [ops.div(grown, ops.broadcast_to(total, shape=(n, 3)))])
    stores = stores_of(made)
    assert stores is not None
    assert [str(store.offset) for store in stores] == ["3*$0", "3*$0 + 1", "3*$0 + 2"]
    values = numbers((50, 3), float64).astype(np.float32) % 4
    expected = np.exp(values) / np.exp(values).sum(1, keepdims=True)
    np.testing.assert_allclose(made(values)[0], expected, rtol=1e-5)


def test_what_is_not_written_out(program: Compile) -> None:
    def copied(rows: object, width: int) -> Program:
        x = placeholder(rows, width)
        return program([x], [ops.flip(x, axes=(1,))])

    def summed(width: int) -> Program:
        x = placeholder(n, width)
        return program([x], [ops.sum(x, axes=(1,))])

    assert stores_of(copied(n, MOST_COPIED)) is not None
    assert stores_of(copied(n, MOST_COPIED + 1)) is None
    assert stores_of(copied(FEWEST_ROWS, 2)) is not None
    assert stores_of(copied(FEWEST_ROWS - 1, 2)) is None
    assert stores_of(summed(MOST_IN_ROW)) is not None
    assert stores_of(summed(MOST_IN_ROW + 1)) is None


def test_what_was_written_before_the_loop_may_be_read() -> None:
    """Short rows of a product's results lie in scratch."""
    axis, inner = Axis("$0", 100), Axis("$1", 4)
    place = 4 * axis.position + inner.position
    value = scalar.load("s0", place, float32)
    fold = Fold(
        (Reduction("%r0", "sum", float32, float32, True),),
        (Loop(inner, (Combine("%r0", (value,)),), vector=True),),
    )
    kept = Store("a0", axis.position, scalar.local("%r0", float32))
    both = frozenset({"s0", "a0"})
    assert flattened(Loop(axis, (fold, kept)), both, frozenset({"s0"}))
    over = Loop(inner, (Store("s0", place, scalar.local("%r0", float32)),), vector=True)
    assert flattened(Loop(axis, (fold, kept, over)), both, frozenset({"s0"})) is None


def test_a_position_that_is_checked_is_not_written_out(program: Compile) -> None:
    table, places = placeholder(9, 3), placeholder(n, dtype=int32, name="places")
    made = program([table, places], [ops.gather(table, places, axes=(0,), position=0)])
    assert stores_of(made) is None
