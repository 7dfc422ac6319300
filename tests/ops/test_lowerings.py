"""The registry test's lowerings: what they compute is what the reference computes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from graphc.ir.dtypes import float32, int64
from graphc.ir.lowering import Buffer, Pointwise
from graphc.ir.node import Node
from graphc.ir.opdef import Array, Kind, OpDef, all_ops
from graphc.ir.scalar import walk
from graphc.ops import ops
from tests.ops.closeness import assert_close
from tests.ops.lowering_interpreter import compute, loops, reader
from tests.ops.sampling import (
    Case,
    all_cases,
    draw_extremes,
    draw_inputs,
    few_dtypes,
    one_dtype_each,
    parametrized,
    place,
    with_symbols,
)

#: What LAPACK does has no formula that could be followed element by element.
CASES = few_dtypes([case for case in all_cases() if case.op.kind is not Kind.FACTORIZATION])
POINTWISE = [case for case in CASES if isinstance(case.op.lowering, Pointwise)]

#: Scalar operations of which IEEE 754 or integer arithmetic fixes every bit.
EXACT_SCALARS = {
    "const", "index", "load", "checked", "select", "cast", "and", "or", "xor", "not", "eq", "ne",
    "lt", "le", "gt", "ge", "add", "sub", "mul", "div", "neg", "abs", "sqrt", "fma", "floor",
    "ceil", "trunc", "round", "maximum", "minimum", "copysign", "shift_left", "shift_right",
}  # fmt: skip
#: Elementwise ops that are not exact though nothing in them is transcendental, and why.
NOT_EXACT = {
    "floor_divide": "the quotient of floats is rounded in more than one place",
    "remainder": "the quotient of floats is rounded in more than one place",
    "pow": "only integers are exact",
}


def compare(got: Array, expected: Array, exact: bool) -> None:
    assert got.dtype == expected.dtype
    if exact or got.dtype.kind != "f":
        np.testing.assert_array_equal(got, expected)
        if got.dtype.kind == "f":
            number = ~np.isnan(expected)
            np.testing.assert_array_equal(np.signbit(got[number]), np.signbit(expected[number]))
    else:
        tolerance = 16 * np.finfo(got.dtype).eps
        np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance)


@parametrized(CASES)
def test_the_lowering_computes_the_reference(case: Case) -> None:
    check(case, *place(case), draw_inputs(case), {})


@parametrized([case for case in one_dtype_each(CASES) if case.sample.args])
def test_the_lowering_serves_symbolic_dims(case: Case) -> None:
    shapes, sizes = with_symbols(case)
    check(case, *place(case, shapes), draw_inputs(case), sizes)


@parametrized([case for case in POINTWISE if case.sample.args])
def test_the_lowering_keeps_extreme_values(case: Case) -> None:
    check(case, *place(case), draw_extremes(case), {})


def check(
    case: Case, inputs: Sequence[Node], node: Node, values: list[Array], sizes: dict[str, int]
) -> None:
    got, out_of_range = compute(node, values, sizes)
    with np.errstate(all="ignore"):
        expected = np.asarray(case.op.reference(case.sample.attrs, *values))
    if case.op.kind is Kind.CONTRACTION:  # terms cancel, so that the sum may be any times smaller
        assert_close(case, values, got)
    else:
        compare(got, expected, case.op.exact)
    assert not out_of_range


def scalars(case: Case) -> set[str]:
    """The scalar operations in a pointwise op's lowering."""
    assert isinstance(case.op.lowering, Pointwise)
    _, node = place(case)
    index = loops(node.shape, {}).index
    return {expr.name for expr in walk((case.op.lowering.element(node, index, reader(node)),))}


@parametrized(POINTWISE)
def test_exact_ops_are_made_of_exact_scalars(case: Case) -> None:
    if case.op.exact:
        assert scalars(case) <= EXACT_SCALARS
    elif case.op.name not in NOT_EXACT:
        assert not scalars(case) <= EXACT_SCALARS, "nothing in it is inexact: declare it exact"


def test_reductions_of_floats_are_not_exact() -> None:
    """Their order differs from NumPy's, so folding them would change bits."""
    summing = [op for op in all_ops() if op.kind in (Kind.REDUCTION, Kind.CONTRACTION, Kind.SCAN)]
    assert summing
    assert not any(op.exact for op in summing)


LOWERED = [op for op in all_ops() if op.kind is not Kind.STRUCTURE]


@pytest.mark.parametrize("op", LOWERED, ids=lambda op: op.name)
def test_sources_are_buffers_or_computed(op: OpDef) -> None:
    assert op.lowering is not None
    assert isinstance(op.lowering, Buffer) <= (op.kind is Kind.SOURCE)


@pytest.mark.parametrize("position", [-6, 5, 100])
def test_an_index_out_of_range_is_reported_and_nothing_is_read(position: int) -> None:
    x = ops.placeholder(shape=(5,), dtype=float32)
    index = ops.placeholder(shape=(2,), dtype=int64)
    node = ops.gather(x, index, axes=(0,), position=0)
    values = [np.arange(1, 6, dtype=np.float32), np.array([-1, position])]
    got, out_of_range = compute(node, values, {})
    assert out_of_range == [node]
    np.testing.assert_array_equal(got, [5, 0])
