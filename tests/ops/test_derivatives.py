"""The registry test's derivatives: vjp, jvp and second order against central differences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from graphc.autodiff.forward import tangents
from graphc.autodiff.reverse import cotangents
from graphc.errors import GradientError
from graphc.ir.dtypes import float64
from graphc.ir.graph import extract
from graphc.ir.node import Node
from graphc.ir.opdef import Array, NoDerivative
from graphc.ir.parser import parse_graph
from graphc.ir.printer import large_constants, print_graph
from graphc.ir.verifier import verify
from tests.ops.differences import (
    Program,
    Values,
    assert_equal_products,
    placeholder_like,
    present,
    random_values,
    slopes,
)
from tests.ops.sampling import (
    Case,
    all_cases,
    draw_inputs,
    few_dtypes,
    parametrized,
    place,
    with_symbols,
)

#: Ops on whose way a derivative does not exist, and why.
UNDEFINED_FIRST = {
    "lu_solve": "only the scheduler uses it",
}

#: (step, relative tolerance) of the central differences, where it is not DEFAULT.
DEFAULT = (1e-4, 1e-7)
ACCURACY = {("astype", "f32"): (8.0, 1e-5)}  # linear, and its results are rounded to float32


def is_smooth(case: Case) -> bool:
    """Whether a derivative flows: from a floating-point input to a floating-point result."""
    inputs, result = place(case)
    has_rule = not isinstance(case.op.vjp, NoDerivative)
    return has_rule and result.dtype.is_float and any(node.dtype.is_float for node in inputs)


CASES = [case for case in few_dtypes(list(all_cases())) if case.op.name not in UNDEFINED_FIRST]
SMOOTH = [case for case in CASES if case.dtype is float64 and is_smooth(case)]
CONSTANT = [case for case in CASES if not is_smooth(case)]


@dataclass(frozen=True)
class Problem:
    """An op at a point: inputs and their values, the result and a value for its cotangent."""

    case: Case
    inputs: list[Node]
    result: Node
    seed: Node
    values: list[Array]
    seed_value: Array

    @property
    def accuracy(self) -> tuple[float, float]:
        return ACCURACY.get((self.case.op.name, str(self.result.dtype)), DEFAULT)

    @property
    def sources(self) -> list[Node]:
        return [*self.inputs, self.seed]

    @property
    def source_values(self) -> list[Array]:
        return [*self.values, self.seed_value]

    def gradient(self) -> list[Node | None]:
        return cotangents([self.result], self.inputs, [self.seed])

    def direction(self, nodes: Sequence[Node | None], like: Values, what: str) -> Values:
        return random_values(nodes, like, self.case.rng(what))


def problem(case: Case, symbolic: bool = False) -> Problem:
    inputs, result = place(case, with_symbols(case)[0] if symbolic else None)
    shape = place(case)[1].shape
    seed_value = case.rng("seed").uniform(-1, 1, shape).astype(result.dtype.numpy)
    seed = placeholder_like(result, "seed")
    return Problem(case, inputs, result, seed, draw_inputs(case), seed_value)


@parametrized(SMOOTH)
def test_vjp_against_central_differences(case: Case) -> None:
    p = problem(case)
    step, tolerance = p.accuracy
    along = p.direction(p.inputs, p.values, "along")
    gradient = Program(p.sources, p.gradient())(p.source_values)
    expected = slopes(Program(p.inputs, [p.result]), p.values, along, step)
    assert_equal_products((gradient, along), ([p.seed_value], expected), tolerance)


@parametrized(SMOOTH)
def test_cotangents_have_the_types_of_their_inputs(case: Case) -> None:
    p = problem(case)
    for node, cotangent in zip(p.inputs, p.gradient(), strict=True):
        if node.dtype.is_float:
            assert cotangent is not None
            assert cotangent.type == node.type
        else:
            assert cotangent is None


@parametrized(SMOOTH)
def test_jvp_against_central_differences(case: Case) -> None:
    p = problem(case)
    along = p.direction(p.inputs, p.values, "along")
    got = forward(p.inputs, p.values, along, [p.result])
    expect_slopes(Program(p.inputs, [p.result]), p.values, along, got, p.accuracy)


@parametrized(SMOOTH)
def test_vjp_is_the_transpose_of_jvp(case: Case) -> None:
    """<vjp(g), t> == <g, jvp(t)>."""
    p = problem(case)
    along = p.direction(p.inputs, p.values, "along")
    gradient = Program(p.sources, p.gradient())(p.source_values)
    pushed = forward(p.inputs, p.values, along, [p.result])
    tolerance = 1e-13 if p.result.dtype is float64 else 1e-6
    assert_equal_products((gradient, along), ([p.seed_value], pushed), tolerance)


@parametrized(SMOOTH)
def test_second_order_in_reverse(case: Case) -> None:
    p = problem(case)
    step, tolerance = p.accuracy
    first = Program(p.sources, p.gradient())
    gradient = first(p.source_values)
    weights = p.direction(first.outputs, gradient, "weights")
    along = p.direction(p.sources, p.source_values, "along")
    second = backward(p.sources, p.source_values, first.outputs, weights)
    expected = slopes(first, p.source_values, along, step)
    assert_equal_products((second, along), (weights, expected), tolerance)


@parametrized(SMOOTH)
def test_second_order_forward_over_reverse(case: Case) -> None:
    p = problem(case)
    first = Program(p.sources, p.gradient())
    along = p.direction(p.sources, p.source_values, "along")
    got = forward(p.sources, p.source_values, along, first.outputs)
    expect_slopes(first, p.source_values, along, got, p.accuracy)


@parametrized(SMOOTH)
def test_derivatives_with_symbolic_dims(case: Case) -> None:
    known, symbolic = problem(case), problem(case, symbolic=True)
    sizes = with_symbols(case)[1]
    expected = Program(known.sources, known.gradient())(known.source_values)
    got = Program(symbolic.sources, symbolic.gradient(), sizes)(symbolic.source_values)
    for mine, other in zip(got, expected, strict=True):
        np.testing.assert_array_equal(mine, other)


@parametrized(SMOOTH)
def test_gradients_are_valid_graphs_with_a_text(case: Case) -> None:
    p = problem(case, symbolic=True)
    outputs = [node for node in p.gradient() if node is not None]
    graph = extract("gradient", outputs, inputs=p.sources)
    verify(graph)
    text = print_graph(graph)
    assert print_graph(parse_graph(text, large_constants(graph))) == text


@parametrized(CONSTANT)
def test_no_derivative_flows_through_constants(case: Case) -> None:
    inputs, result = place(case)
    seed = placeholder_like(result, "seed")
    assert cotangents([result], inputs, [seed]) == [None] * len(inputs)
    ways = [placeholder_like(node, "way") for node in inputs]
    assert tangents([result], inputs, ways) == [None]


@pytest.mark.parametrize("name", UNDEFINED_FIRST)
def test_undefined_first_derivatives_are_errors(name: str) -> None:
    p = problem(next(case for case in all_cases([float64]) if case.op.name == name))
    with pytest.raises(GradientError, match=name):
        p.gradient()
    with pytest.raises(GradientError, match=name):
        tangents([p.result], p.inputs, p.inputs)


def forward(
    inputs: Sequence[Node], values: Sequence[Array], along: Values, ys: Sequence[Node | None]
) -> list[Array | None]:
    """Tangents of ys along a direction, by forward accumulation."""
    moving = [node for node, way in zip(inputs, along, strict=True) if way is not None]
    ways = [placeholder_like(node, f"way{k}") for k, node in enumerate(moving)]
    found = iter(tangents([y for y in ys if y is not None], moving, ways))
    outputs = [None if y is None else next(found) for y in ys]
    return Program([*inputs, *ways], outputs)([*values, *present(along)])


def backward(
    inputs: Sequence[Node], values: Sequence[Array], ys: Sequence[Node | None], weights: Values
) -> list[Array | None]:
    """Cotangents of the inputs from those of ys, by reverse accumulation."""
    weighted = [y for y, weight in zip(ys, weights, strict=True) if weight is not None and y]
    seeds = [placeholder_like(y, f"weight{k}") for k, y in enumerate(weighted)]
    found = cotangents(weighted, inputs, seeds)
    return Program([*inputs, *seeds], found)([*values, *present(weights)])


def expect_slopes(
    program: Program,
    values: Sequence[Array],
    along: Values,
    got: Values,
    accuracy: tuple[float, float],
) -> None:
    """Every element of what was got agrees with the central differences."""
    step, tolerance = accuracy
    expected = slopes(program, values, along, step)
    for mine, other in zip(got, expected, strict=True):
        if other is not None and other.size:
            mine = np.zeros_like(other) if mine is None else mine
            scale = tolerance * max(1.0, np.max(np.abs(other)))
            np.testing.assert_allclose(mine, other, rtol=tolerance, atol=scale)
