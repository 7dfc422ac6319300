"""Every rule, both sides, on every combination of the numbers that tell them apart."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
import pytest

from graphc.errors import DeclarationError, DTypeError
from graphc.ir.dtypes import ALL, DType, bool_, float32, float64, int8, int32, uint8
from graphc.ir.graph import extract
from graphc.ir.node import Node
from graphc.ir.printer import print_graph
from graphc.ir.verifier import verify
from graphc.passes.canonicalize import canonicalize
from graphc.passes.fma import CONTRACTIONS
from graphc.passes.patterns import Call, Found, Hole, Literal, Number, Term, build, commuted
from graphc.passes.rules import RULES, Rule, has_exact_reciprocal
from tests.passes.values import (
    Array,
    assert_same_bits,
    every_combination,
    graph_of,
    placeholder,
    run,
    telling_values,
)

#: Numbers that stand for A, B, C in patterns, besides those that are telling for the dtype.
PLAIN = (0.125, 2.0, 3.0, -4.0)


def terms(term: Term) -> Iterator[Term]:
    yield term
    if isinstance(term, Call):
        for arg in term.args:
            yield from terms(arg)


def holes(rule: Rule, dtype: DType) -> dict[str, DType]:
    """The pattern's names and their dtypes: c is a condition, the others have the dtype."""
    names = [term.name for term in terms(rule.root) if isinstance(term, Hole)]
    return {name: bool_ if name == "c" else dtype for name in dict.fromkeys(names)}


def numbers(rule: Rule, dtype: DType) -> Iterator[Found]:
    """Every choice of the pattern's numbers for which the rule is meant."""
    names = {term.name for term in terms(rule.root) if isinstance(term, Number)}
    plain = np.array(PLAIN, dtype.numpy) if dtype.is_float else np.array([], dtype.numpy)
    choices = [np.asarray(value) for value in (*telling_values(dtype), *plain)]
    for values in product(choices, repeat=len(names)):
        found: Found = dict(zip(sorted(names), values, strict=True))
        if rule.where is None or rule.where(found):
            yield found


def has_literals(rule: Rule, dtype: DType) -> bool:
    return all(term.fits(dtype) for term in terms(rule.root) if isinstance(term, Literal))


def applies_to(rule: Rule, dtype: DType) -> bool:
    if dtype.kind not in rule.kinds or not has_literals(rule, dtype):
        return False
    try:
        pattern_node(rule.root, next(numbers(rule, dtype)), inputs_of(rule, dtype, 1))
    except DTypeError:
        return False
    return True


def inputs_of(rule: Rule, dtype: DType, size: int) -> dict[str, Node]:
    return {name: placeholder(name, d, (size,)) for name, d in holes(rule, dtype).items()}


def pattern_node(pattern: Call, found: Found, inputs: dict[str, Node]) -> Node:
    return build(pattern, {**found, **inputs}, None)


def compare(left: Node, right: Node, inputs: dict[str, Node], arrays: list[Array]) -> None:
    # One graph, so that a side that has forgotten an input is fed it all the same.
    graph = graph_of(left, right, *inputs.values())
    by_name = dict(zip(inputs, arrays, strict=True))
    fed = [by_name[node.name or ""] for node in graph.placeholders]
    expected, actual, *_ = run(graph, fed, {})
    assert_same_bits(expected, actual)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_both_sides_have_the_same_bits(rule: Rule) -> None:
    check_bits(rule)


@pytest.mark.parametrize(
    "rule",
    [
        Rule("add(x, 0)", "x", "f"),
        Rule("sub(x, -0.0)", "x", "f"),
        Rule("sub(0, x)", "neg(x)", "f"),
        Rule("neg(sub(x, y))", "sub(y, x)", "f"),
        Rule("sub(x, x)", "0", "f"),
        Rule("mul(x, 0)", "0", "f"),
        Rule("eq(x, x)", "True", "f"),
        Rule("div(x, C)", "mul(x, 1 / C)", "f"),
        Rule("fma(x, y, 0.0)", "mul(x, y)", "f"),
        Rule("add(mul(x, y), z)", "fma(x, y, z)", "f"),
        Rule("sqrt(mul(x, x))", "abs(x)", "f"),
        Rule("abs(x)", "x", "i"),
        Rule("maximum(x, y)", "where(lt(x, y), y, x)", "f"),
    ],
    ids=lambda rule: rule.name,
)
def test_rules_that_are_not_exact_are_found_out(rule: Rule) -> None:
    with pytest.raises(AssertionError, match="became"):
        check_bits(rule)


def check_bits(rule: Rule) -> None:
    dtypes = [dtype for dtype in ALL if applies_to(rule, dtype)]
    assert dtypes, "the rule applies to no dtype"
    for dtype in dtypes:
        wanted = holes(rule, dtype)
        arrays = every_combination([telling_values(d) for d in wanted.values()])
        inputs = inputs_of(rule, dtype, arrays[0].size)
        for found in numbers(rule, dtype):
            for order in commuted(rule.root):
                left = pattern_node(order, found, inputs)
                right = rule.apply(left)
                assert right is not None, f"{rule.name} does not see its own pattern"
                assert right.type == left.type
                compare(left, right, inputs, arrays)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_canonicalize_uses_the_rule(rule: Rule) -> None:
    dtype = next(dtype for dtype in ALL if applies_to(rule, dtype))
    found = next(numbers(rule, dtype))
    inputs = inputs_of(rule, dtype, 4)
    left = pattern_node(rule.root, found, inputs)
    right = rule.apply(left)
    assert right is not None
    before, after = (
        extract("rule", [side], inputs=list(inputs.values())) for side in (left, right)
    )
    canonical = canonicalize(before)
    verify(canonical)
    text = print_graph(canonical, locations=False)
    assert text == print_graph(canonicalize(after), locations=False)


@pytest.mark.parametrize("rule", CONTRACTIONS, ids=lambda rule: rule.name)
@pytest.mark.parametrize("dtype", [float32, float64], ids=str)
def test_contraction_rounds_once(rule: Rule, dtype: DType) -> None:
    """Against the sum in twice the precision; where that is exact in float64."""
    rng = np.random.default_rng(1)
    arrays = [rng.standard_normal(1000).astype(np.float32).astype(dtype.numpy) for _ in "xyz"]
    inputs = {name: placeholder(name, dtype, (1000,)) for name in "xyz"}
    left = pattern_node(rule.root, {}, inputs)
    right = rule.apply(left)
    assert right is not None
    graph = graph_of(left, right, *inputs.values())
    by_name = dict(zip(inputs, arrays, strict=True))
    apart, fused, *_ = run(graph, [by_name[node.name or ""] for node in graph.placeholders], {})
    x, y, z = (array.astype(np.longdouble) for array in arrays)
    signs = {"add": (1, 1), "sub": (1, -1)}[left.op.name]
    product, rest = (x * y, z) if left.inputs[0].op.name == "mul" else (z, x * y)
    exact = signs[0] * product + signs[1] * rest
    np.testing.assert_array_equal(fused, exact.astype(dtype.numpy))
    if dtype is float32:
        assert np.any(apart != fused)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(2.0, True), (-0.125, True), (3.0, False), (0.0, False), (np.inf, False), (np.nan, False),
     (2.0**126, True), (2.0**127, False), (2.0**-126, True), (2.0**-149, False), (1.0, True)],
)  # fmt: skip
def test_exact_reciprocals(value: float, expected: bool) -> None:
    assert has_exact_reciprocal({"C": np.asarray(value, np.float32)}) is expected


@pytest.mark.parametrize(
    ("pattern", "replacement", "message"),
    [
        ("x", "x", "must start with an op"),
        ("nop(x)", "x", "needs nop to be an elementwise op without attributes"),
        ("astype(x)", "x", "needs astype to be an elementwise op without attributes"),
        ("sum(x)", "x", "needs sum to be an elementwise op without attributes"),
        ("add(x)", "x", "gives add 1 operands instead of 2"),
        ("add(x,", "x", "is no rule"),
        ("add(x, y[0])", "x", "has y[0], which is not part of the language"),
        ("add(x, neg(y) + 1)", "x", "calculates with neg(y), which is no number"),
        ("add(1, 2)", "x", "applies add to numbers only; folding does that"),
    ],
)
def test_misspelt_rules(pattern: str, replacement: str, message: str) -> None:
    with pytest.raises(DeclarationError) as error:
        _ = Rule(pattern, replacement).root
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("pattern", "dtype", "expected"),
    [("mul(x, -1)", uint8, False), ("mul(x, -1)", int8, True), ("mul(x, 1)", float32, True),
     ("eq(x, True)", int32, False), ("eq(x, True)", bool_, True), ("add(x, -0.0)", int8, False)],
)  # fmt: skip
def test_literals_of_a_dtype(pattern: str, dtype: DType, expected: bool) -> None:
    assert has_literals(Rule(pattern, "x"), dtype) is expected


def test_orders_of_commutative_patterns() -> None:
    assert len(commuted(Rule("mul(x, y)", "x").root)) == 1
    assert len(commuted(Rule("mul(x, x)", "x").root)) == 1
    assert len(commuted(Rule("sub(x, 1)", "x").root)) == 1
    assert len(commuted(Rule("mul(neg(x), 1)", "x").root)) == 2
    assert len(commuted(Rule("maximum(maximum(x, y), y)", "x").root)) == 4
