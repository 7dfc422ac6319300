"""Patterns of dependence, op by op, against derivatives that are there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from graphc.autodiff.dependence import Constants, dependence
from graphc.autodiff.patterns import Pattern
from graphc.autodiff.unit_seeds import jacobians_reverse
from graphc.errors import GradientError
from graphc.ir.dims import symbol
from graphc.ir.dtypes import DType, float64, int64
from graphc.ir.graph import extract
from graphc.ir.node import Node
from graphc.ir.opdef import Array, Kind, NoDerivative, all_ops
from graphc.ops import ops
from graphc.runtime.reference import evaluate
from tests.ops.sampling import Case, all_cases, draw_inputs, parametrized, place

#: Ops on whose way a derivative does not exist.
_UNDEFINED = ("digamma", "lu_solve")
#: Ops whose patterns have no entry too many, if no derivative happens to be 0.
EXACT = {
    "sum", "cumsum", "cumprod", "matmul", "contract", "gather",
    "scatter_add", "resize_linear", "resize_linear_adjoint", "add", "mul", "sin", "where",
    *(op.name for op in all_ops() if op.kind is Kind.VIEW and op.name != "stop_gradient"),
}  # fmt: skip
#: By data alone: a window in the padding leaves a weight without effect.
BY_DATA = ("convolution", "convolution_input")


#: Elements of a Jacobian that are worth the time.
MOST = 50_000


def smooth_cases() -> list[Case]:
    return [
        case
        for case in all_cases([float64])
        if not isinstance(case.op.vjp, NoDerivative)
        and case.op.name not in _UNDEFINED
        and most_derivatives(case) <= MOST
    ]


def most_derivatives(case: Case) -> int:
    """The number of elements of the largest Jacobian."""
    _, result = place(case)
    return int(np.prod(result.shape, dtype=int)) * max(
        int(np.prod(arg.shape, dtype=int)) for arg in case.sample.args
    )


@pytest.mark.parametrize("fixed", [True, False], ids=["constants", "feeds"])
@parametrized(smooth_cases())
def test_no_derivative_is_outside_of_the_pattern(case: Case, fixed: bool) -> None:
    """Inputs that are no floats are constants, or fed."""
    values = draw_inputs(case)
    inputs = [
        ops.constant(value=value)
        if fixed and not case.dtype_of(arg).is_float
        else place_for(value, case.dtype_of(arg))
        for value, arg in zip(values, case.sample.args, strict=True)
    ]
    result = case.op(*inputs, **case.sample.attrs)
    feeds = dict(zip(inputs, values, strict=True))
    for k, x in enumerate(inputs):
        if not x.dtype.is_float:
            continue
        pattern, jacobian = dependence(result, x), dense(result, x, feeds)
        assert (pattern.height, pattern.width) == jacobian.shape
        assert not np.any(jacobian[~matrix(pattern)])
        exact = case.op.name in EXACT or (case.op.name in BY_DATA and k == 0)
        if exact and fixed and case.op.name != "where":
            np.testing.assert_array_equal(jacobian != 0, matrix(pattern))


def place_for(value: Array, dtype: DType) -> Node:
    return ops.placeholder(shape=value.shape, dtype=dtype)


def dense(y: Node, x: Node, feeds: dict[Node, Array]) -> Array:
    """The Jacobian as a matrix."""
    (found,) = jacobians_reverse(y, [x])
    size = int(np.prod(y.shape, dtype=int)), int(np.prod(x.shape, dtype=int))
    if found is None:
        return np.zeros(size)
    program = extract("jacobian", [found], inputs=[n for n in feeds if n.op.name == "placeholder"])
    ((value,), _) = evaluate(program, {node: feeds[node] for node in program.placeholders})
    return value.reshape(size)


def matrix(pattern: Pattern) -> Array:
    found = np.zeros((pattern.height, pattern.width), bool)
    found[pattern.rows, pattern.columns] = True
    return found


def vector(size: int) -> Node:
    return ops.placeholder(shape=(size,), dtype=float64)


def constant(value: Any) -> Node:
    return ops.constant(value=np.asarray(value))


def test_chains_of_ops_keep_the_pattern_of_a_band() -> None:
    x = vector(6)
    slices = [ops.slice(x, start=(k,), step=(1,), shape=(4,)) for k in range(3)]
    y = ops.exp(ops.mul(ops.add(slices[0], slices[1]), slices[2]))
    expected = np.zeros((4, 6), bool)
    for k in range(3):
        expected[np.arange(4), np.arange(4) + k] = True
    np.testing.assert_array_equal(matrix(dependence(y, x)), expected)


def test_zeros_of_constants_cut_the_way() -> None:
    x = vector(3)
    weights = np.array([[1.0, 0, 0], [0, 2, 3]])
    column = ops.reshape(x, shape=(3, 1))
    for y in (
        ops.matmul(constant(weights), column),
        ops.matmul(ops.reshape(x, shape=(1, 3)), constant(weights.T)),
        ops.contract(constant(weights), x, subscripts="ab,b->a"),
    ):
        np.testing.assert_array_equal(matrix(dependence(y, x)), weights != 0)
    mask = constant([True, False, True])
    kept = ops.where(mask, x, ops.neg(ops.flip(x, axes=(0,))))
    expected = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1]], bool)
    np.testing.assert_array_equal(matrix(dependence(kept, x)), expected)
    zeroed = ops.mul(constant([0.0, 1.0, 0.0]), x)
    np.testing.assert_array_equal(matrix(dependence(zeroed, x)), np.diag([False, True, False]))


def test_what_is_no_derivative_is_no_dependence() -> None:
    x = vector(2)
    for y in (ops.stop_gradient(x), ops.floor(x), vector(2)):
        assert len(dependence(y, x).columns) == 0
    picked = ops.gather(x, ops.astype(x, dtype=int64), axes=(0,), position=0)
    assert matrix(dependence(picked, x)).all()


def test_the_walk_begins_where_it_is_told() -> None:
    x = vector(3)
    middle = ops.cumsum(x, axis=0)
    y = ops.add(ops.sin(middle), x)
    np.testing.assert_array_equal(matrix(dependence(y, middle)), np.eye(3, dtype=bool))


def test_constants_are_what_no_feed_changes() -> None:
    known, x = Constants(), vector(2)
    row = ops.iota(shape=(3,), axis=0, dtype=int64)
    value = known(ops.add(row, ops.broadcast_to(ops.size(dim=(2,)), shape=(3,))))
    np.testing.assert_array_equal(value, [2, 3, 4])
    assert known(ops.add(x, x)) is None
    assert known(ops.size(dim=(symbol("n"),))) is None
    assert known(ops.variable(shape=(2,), dtype=float64, trainable=True, name="w")) is None
    outside = ops.gather(constant([1.0]), constant([5]), axes=(0,), position=0)
    assert known(outside) is None


def test_sizes_must_be_known() -> None:
    x = ops.placeholder(shape=(symbol("n"),), dtype=float64, name="x")
    with pytest.raises(GradientError, match=r"has the type f64\[n\].*use numbers for dims"):
        dependence(ops.sin(x), x)
