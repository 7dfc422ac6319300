"""The registry test: every op against its own declaration, on all its samples and dtypes.

A new op is tested by being declared. Its derivatives are tested in `test_derivatives.py`, its
lowering in `test_lowerings.py`, its machine code in `test_registry_native.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest

from graphc.ir import dims
from graphc.ir.graph import Graph, extract
from graphc.ir.node import Node
from graphc.ir.opdef import Array, Kind, OpDef, all_ops
from graphc.ir.parser import parse_graph
from graphc.ir.printer import large_constants, print_graph
from graphc.ir.verifier import verify
from graphc.runtime.reference import evaluate
from tests.ops.sampling import (
    Case,
    all_cases,
    draw_extremes,
    draw_inputs,
    one_dtype_each,
    parametrized,
    place,
    with_symbols,
)

CASES = list(all_cases())
OPS = list(all_ops())


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
def test_the_declaration_reads_well(op: OpDef) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", op.name)
    assert re.fullmatch(r"\S.*\.", op.doc)
    assert op.cost >= 1
    assert len(set(op.dtypes)) == len(op.dtypes) > 0
    assert (op.lowering is None) <= (op.kind is Kind.STRUCTURE)
    assert callable(op.vjp) == callable(op.jvp)


@parametrized(CASES)
@pytest.mark.parametrize("draw", [draw_inputs, draw_extremes])
def test_the_reference_has_the_type_of_the_rule(
    case: Case, draw: Callable[[Case], list[Array]]
) -> None:
    _, result = place(case)
    with np.errstate(all="ignore"):
        value = np.asarray(case.op.reference(case.sample.attrs, *draw(case)))
    assert value.dtype == result.dtype.numpy
    assert value.shape == result.shape


@parametrized([case for case in one_dtype_each(CASES) if case.sample.args])
def test_symbolic_dims_give_the_same_type_and_value(case: Case) -> None:
    shapes, sizes = with_symbols(case)
    symbolic_inputs, symbolic = place(case, shapes)
    inputs, result = place(case)
    assert symbolic.dtype is result.dtype
    assert tuple(dims.evaluate(size, sizes) for size in symbolic.shape) == result.shape
    for guard in symbolic.guards:
        assert dims.evaluate(guard.left, sizes) == dims.evaluate(guard.right, sizes)
    expected = run(extract("op", [result], inputs=inputs), case)
    got = run(extract("op", [symbolic], inputs=symbolic_inputs), case, sizes)
    np.testing.assert_array_equal(got, expected)


@parametrized(one_dtype_each(CASES))
def test_text_round_trip(case: Case) -> None:
    check_round_trip(case, *place(case), {})


@parametrized([case for case in one_dtype_each(CASES) if case.sample.args])
def test_text_round_trip_with_symbolic_dims(case: Case) -> None:
    shapes, sizes = with_symbols(case)
    check_round_trip(case, *place(case, shapes), sizes)


def check_round_trip(case: Case, inputs: list[Node], result: Node, sizes: dict[str, int]) -> None:
    graph = extract("op", [result], inputs=inputs)
    text = print_graph(graph)
    parsed = parse_graph(text, large_constants(graph))
    verify(parsed)
    assert print_graph(parsed) == text
    (got,) = parsed.outputs
    assert (got.op, got.type, got.guards) == (result.op, result.type, result.guards)
    np.testing.assert_array_equal(run(parsed, case, sizes), run(graph, case, sizes))


def run(graph: Graph, case: Case, sizes: dict[str, int] | None = None) -> Array:
    """The graph's only output, by the interpreter, from the inputs drawn for the case."""
    feeds = dict(zip(graph.placeholders, draw_inputs(case), strict=True))
    ((output,), _) = evaluate(graph, feeds, sizes)
    return output
