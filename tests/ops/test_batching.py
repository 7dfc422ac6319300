"""The registry test's batching: every op for a batch at once against one member after another."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
import pytest

from graphc.ir.dims import Size, symbol
from graphc.ir.graph import extract
from graphc.ir.node import Node
from graphc.ir.opdef import Array, Kind, OpDef, all_ops
from graphc.ir.types import Shape
from graphc.ir.verifier import verify
from graphc.ops import ops
from graphc.ops.vectorization import over_batch
from graphc.runtime.reference import evaluate
from tests.native import run_native
from tests.ops.factors import assert_same_factors
from tests.ops.sampling import (
    Case,
    all_cases,
    draw,
    one_dtype_each,
    parametrized,
    place,
    with_symbols,
)

CASES = [case for case in one_dtype_each(list(all_cases())) if case.sample.args]
FIRST = [case for case in CASES if case.number == 0]
COUNT = 3
BATCH = symbol("batch")


@parametrized(CASES)
def test_a_batch_gives_what_its_members_give(case: Case) -> None:
    for batched in subsets(case):
        members = draw_members(case, batched)
        got = run_batch(case, stacked(members, batched), batched, COUNT)
        np.testing.assert_allclose(got, expected(case, members), rtol=1e-10, atol=1e-12)


@parametrized(CASES)
def test_the_batch_and_the_dims_may_be_symbols(case: Case) -> None:
    shapes, sizes = with_symbols(case)
    for batched in subsets(case):
        members = draw_members(case, batched)
        sizes = {**sizes, "batch": COUNT}
        got = run_batch(case, stacked(members, batched), batched, BATCH, shapes, sizes)
        np.testing.assert_allclose(got, expected(case, members), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("count", [0, 1])
@parametrized(FIRST)
def test_batches_of_none_and_of_one(case: Case, count: int) -> None:
    for batched in subsets(case):
        members = draw_members(case, batched)
        arrays = [
            array[:count] if has else array
            for array, has in zip(stacked(members, batched), batched, strict=True)
        ]
        wanted = expected(case, members)[:count]
        for size in (count, BATCH):
            got = run_batch(case, arrays, batched, size, sizes={"batch": count})
            np.testing.assert_allclose(got, wanted, rtol=1e-10, atol=1e-12)


def subsets(case: Case) -> list[tuple[bool, ...]]:
    """Every choice of inputs that are batched, but for that of none."""
    found = product((True, False), repeat=len(case.sample.args))
    return [batched for batched in found if any(batched)]


def draw_members(case: Case, batched: Sequence[bool]) -> list[list[Array]]:
    """The inputs of every member; one that is not batched is the same for all."""
    rngs = [case.rng(f"member {k}") for k in range(COUNT)]
    drawn = [[draw(arg, case.dtype_of(arg), rng) for arg in case.sample.args] for rng in rngs]
    first = drawn[0]
    return [
        [own if has else one for own, one, has in zip(values, first, batched, strict=True)]
        for values in drawn
    ]


def stacked(members: Sequence[Sequence[Array]], batched: Sequence[bool]) -> list[Array]:
    """The members' inputs as those of the batch."""
    columns = zip(*members, strict=True)
    return [
        np.stack(column) if has else column[0] for column, has in zip(columns, batched, strict=True)
    ]


def expected(case: Case, members: Sequence[Sequence[Array]]) -> Array:
    """The reference's results, one member after another."""
    return np.stack([case.op.reference(case.sample.attrs, *values) for values in members])


def run_batch(
    case: Case,
    arrays: Sequence[Array],
    batched: Sequence[bool],
    size: Size,
    shapes: Sequence[Shape] | None = None,
    sizes: dict[str, int] | None = None,
) -> Array:
    """The result for the whole batch, by the interpreter."""
    takers, result = with_batch(case, batched, size, shapes)
    program = extract("batch", [result], inputs=takers)
    verify(program)
    feeds = dict(zip(takers, arrays, strict=True))
    ((output,), _) = evaluate(program, feeds, sizes)
    return output


def with_batch(
    case: Case, batched: Sequence[bool], size: Size, shapes: Sequence[Shape] | None = None
) -> tuple[list[Node], Node]:
    """(placeholders, the result for the batch), of the members' type with one more dim."""
    inputs, result = place(case, shapes)
    takers = [
        ops.placeholder(shape=(size, *node.shape), dtype=node.dtype, name=node.name)
        if has
        else node
        for node, has in zip(inputs, batched, strict=True)
    ]
    pairs = zip(inputs, takers, batched, strict=True)
    (found,) = over_batch([result], {node: taker for node, taker, has in pairs if has}, size)
    assert found.has_axis
    assert found.node.type == result.tensor.with_shape((size, *result.shape))
    return takers, found.node


@pytest.mark.long
@pytest.mark.parametrize("op", list(all_ops()), ids=lambda op: op.name)
def test_batches_in_machine_code(op: OpDef) -> None:
    """All samples and choices of inputs of an op, compiled together."""
    feeds: dict[Node, Array] = {}
    results: list[Node] = []
    trials: list[tuple[Case, list[list[Array]]]] = []
    for case in CASES:
        for batched in subsets(case) if case.op is op else []:
            members = draw_members(case, batched)
            takers, result = with_batch(case, batched, BATCH)
            feeds.update(zip(takers, stacked(members, batched), strict=True))
            results.append(result)
            trials.append((case, members))
    found = run_native(results, feeds) if results else []
    for (case, members), got in zip(trials, found, strict=True):
        every = stacked(members, [True] * len(members[0]))
        if op.kind is Kind.FACTORIZATION:  # vectors may point the other way
            assert_same_factors(case, every, got, expected(case, members))
        else:
            np.testing.assert_allclose(got, expected(case, members), rtol=1e-8, atol=1e-8)
