from __future__ import annotations

import random
from collections.abc import Sequence
from functools import cache
from itertools import combinations, pairwise

import numpy as np
import pytest

from graphc.api.contraction_order import (
    MOST_EXACT,
    Chain,
    Pair,
    Problem,
    best_chain,
    best_pairs,
    problem,
    total_cost,
)
from graphc.ir.dims import Size, symbol

SIZES: dict[str, Size] = {
    "i": 2, "j": 3, "k": 4, "z": 0, "A": 100, "B": 100, "C": 100, "D": 100,
    "n": symbol("n"), "o": symbol("o"), "p": 2 * symbol("n"),
}  # fmt: skip

Order = tuple[Pair, ...]

CASES: dict[str, tuple[str, Order, int]] = {
    "one term": ("ij->i", (), 0),
    "two terms": ("ij,jk->ik", ((0, 1),), 24),
    "a chain with a narrow right end": ("AB,BC,Ci->Ai", ((1, 2), (0, 1)), 40000),
    "a chain with a narrow left end": ("iA,AB,BC->iC", ((0, 1), (0, 1)), 40000),
    "four matrices": ("Ai,iB,Bj,jC->AC", ((1, 2), (1, 2), (0, 1)), 21200),
    "a quadratic form": ("A,Ak,k->", ((0, 1), (0, 1)), 404),
    "ties of matrices": ("AB,BC,CD->AD", ((0, 1), (0, 1)), 2_000_000),
    "ties of vectors": ("A,B,C->ABC", ((0, 1), (0, 1)), 1_010_000),
    "a Tucker form": ("ABC,Ai,Bj,Ck->ijk", ((0, 1), (0, 2), (0, 1)), 2_062_400),
    "one whose last is narrowest": ("ABC,Ak,Bj,Ci->ijk", ((0, 3), (1, 2), (0, 1)), 2_062_400),
    "labels of one term are gone first": ("iA,ij,jk->k", ((0, 1), (0, 1)), 18),
    "an empty dim costs nothing": ("Az,zB,BC->AC", ((1, 2), (0, 1)), 0),
    "all symbols count alike": ("nA,AB,Bo->no", ((0, 1), (0, 1)), 1_049_600),
    "a symbol counts as 64": ("AB,BC,Cn->An", ((1, 2), (0, 1)), 1_280_000),
    "and twice a symbol as 128": ("pA,AB,BC->pC", ((1, 2), (0, 1)), 2_280_000),
}


def _problem(subscripts: str) -> Problem:
    inputs, _, output = subscripts.partition("->")
    terms = inputs.split(",")
    return problem(terms, output, {label: SIZES[label] for term in terms for label in term})


@pytest.mark.parametrize("name", CASES)
def test_orders(name: str) -> None:
    subscripts, pairs, cost = CASES[name]
    given = _problem(subscripts)
    assert best_pairs(given) == pairs
    assert total_cost(given, pairs) == cost


def _random(seed: int, count: int) -> Problem:
    rng = random.Random(seed)
    labels = "abcdefgh"[: 3 + count // 2]
    terms = [rng.sample(labels, rng.randrange(1, 4)) for _ in range(count)]
    there = sorted({label for term in terms for label in term})
    output = rng.sample(there, rng.randrange(min(3, len(there) + 1)))
    return problem(terms, output, {label: rng.choice((1, 2, 3, 7, 20)) for label in labels})


def _least(given: Problem) -> int:
    """The cost of the best order, by trying each way to make one tensor of two."""

    @cache
    def least(todo: tuple[tuple[int, ...], ...]) -> int:
        if len(todo) == 1:
            return 0
        costs = []
        for left, right in combinations(todo, 2):
            rest = [part for part in todo if part not in (left, right)]
            made = tuple(sorted(left + right))
            costs.append(_steps(given, left, right) + least(tuple(sorted([*rest, made]))))
        return min(costs)

    return least(tuple((k,) for k in range(len(given.terms))))


def _steps(given: Problem, left: Sequence[int], right: Sequence[int]) -> int:
    """The size of the loops over two products of terms, each with the labels still in use."""
    sizes = 1
    for label, size in given.sizes.items():
        holders = {k for k, term in enumerate(given.terms) if label in term}
        used = [
            not holders.isdisjoint(part) and (label in given.output or bool(holders - set(part)))
            for part in (left, right)
        ]
        sizes *= size if any(used) else 1
    return sizes


@pytest.mark.parametrize("count", [3, 4, 5])
def test_no_order_is_cheaper(count: int) -> None:
    for seed in range(20):
        given = _random(seed, count)
        assert total_cost(given, best_pairs(given)) == _least(given)


@pytest.mark.parametrize("count", [2, 6, MOST_EXACT, MOST_EXACT + 1, 20])
def test_no_order_is_dearer_than_the_one_as_written(count: int) -> None:
    cheaper = 0
    for seed in range(5):
        given = _random(seed, count)
        pairs = best_pairs(given)
        left = count
        for first, second in pairs:
            assert 0 <= first < second < left
            left -= 1
        assert left == 1
        written = ((0, 1), *((0, count - 1 - k) for k in range(1, count - 1)))
        assert total_cost(given, pairs) <= total_cost(given, written)
        cheaper += total_cost(given, pairs) < total_cost(given, written)
    assert cheaper or count == 2


def test_long_chains_are_ordered_greedily() -> None:
    chain = [(f"d{k}", f"d{k + 1}") for k in range(MOST_EXACT + 4)]
    sizes = {f"d{k}": 10 if k % 2 else 100 for k in range(len(chain) + 1)}
    given = problem(chain, ("d0", f"d{len(chain)}"), sizes)
    written = ((0, 1), *((0, len(chain) - 1 - k) for k in range(1, len(chain) - 1)))
    assert total_cost(given, best_pairs(given)) < total_cost(given, written) / 5


@pytest.mark.parametrize("seed", range(20))
def test_the_cheapest_chain_is_that_of_all_orders(seed: int) -> None:
    rng = np.random.default_rng(seed)
    sizes = [int(size) for size in rng.integers(1, 9, rng.integers(3, 9))]
    labels = [str(k) for k in range(len(sizes))]
    terms = list(pairwise(labels))
    given = problem(terms, (labels[0], labels[-1]), dict(zip(labels, sizes, strict=True)))
    assert _cost(best_chain(sizes), sizes)[0] == total_cost(given, best_pairs(given))


def _cost(chain: Chain, sizes: list[int]) -> tuple[int, int, int]:
    """What a chain costs, and at which of the sizes it begins and ends."""
    if isinstance(chain, int):
        return 0, chain, chain + 1
    (left, start, middle), (right, begun, end) = (_cost(part, sizes) for part in chain)
    assert middle == begun
    return left + right + sizes[start] * sizes[middle] * sizes[end], start, end


def test_chains_of_equal_cost_go_from_left_to_right() -> None:
    assert best_chain([2, 2, 2, 2]) == ((0, 1), 2)
    assert best_chain([symbol("n"), symbol("n"), symbol("m"), 64]) == ((0, 1), 2)
