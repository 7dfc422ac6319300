"""What guards imply, by table and by evaluating."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphc.ir.dim_text import parse_dim
from graphc.ir.dims import Guard, Size, evaluate, symbol
from graphc.ir.dtypes import float32, float64
from graphc.ir.guards import Equalities
from graphc.ir.types import TensorType, TupleType


def guard(text: str) -> Guard:
    left, right = text.split("==")
    return Guard(parse_dim(left), parse_dim(right))


def equalities(*texts: str) -> Equalities:
    return Equalities(map(guard, texts))


# guards, a size, its normal form
NORMAL: list[tuple[tuple[str, ...], str, str]] = [
    ((), "n + 1", "n + 1"),
    (("batch == rows",), "rows", "batch"),
    (("batch == rows",), "batch", "batch"),
    (("n == 3",), "2*n + m", "m + 6"),
    (("3 == n",), "n", "3"),
    (("n == 2*m",), "n//2", "m"),
    (("2*m == n",), "n + m", "3*m"),
    (("2*n == 2*m",), "m", "n"),
    (("n + 1 == m + 1",), "m", "n"),
    (("m - 3 == n",), "m", "n + 3"),
    (("n == m - 3",), "m", "n + 3"),
    (("a == b", "b == c", "c == d"), "d", "a"),
    (("c == d", "b == c", "a == b"), "d", "a"),
    (("a == b", "b == 2*c", "c == 5"), "a", "10"),
    (("c == 5", "b == 2*c", "a == b"), "a", "10"),
    (("n*m == 64*k", "m == 64"), "k", "n"),
    (("2*m == 2*n",), "n", "m"),
    (("n == max(n, m)",), "n", "n"),
    (("k == max(n, m)",), "k", "max(m, n)"),
    (("n == n",), "n", "n"),
    (("n + m == 0*n",), "n", "n"),
    (("n*m == 64*k",), "n*m", "m*n"),
]


@pytest.mark.parametrize(("guards", "size", "normal"), NORMAL)
def test_normal_form(guards: tuple[str, ...], size: str, normal: str) -> None:
    assert str(equalities(*guards).normal(parse_dim(size))) == normal


# guards, an equality, whether it follows
IMPLIED: list[tuple[tuple[str, ...], str, bool]] = [
    ((), "n == n", True),
    ((), "n == m", False),
    ((), "3 == 3", True),
    ((), "3 == 4", False),
    (("n == m",), "m == n", True),
    (("n == m",), "2*n + 1 == 2*m + 1", True),
    (("n == m", "m == k"), "n == k", True),
    (("n == m", "k == j"), "n == k", False),
    (("n*m == 64*k",), "64*k == n*m", True),
    (("n*m == 64*k",), "2*n*m == 128*k", True),
    (("n*m == 64*k",), "n*m + 1 == 64*k + 1", True),
    (("n*m == 64*k", "k == j"), "n*m == 64*j", True),
    (("n*m == 64*k",), "n*m == 64*j", False),
    (("n + m == 10",), "m == 10 - n", True),
    (("n == 3", "m == 4"), "n + m == 7", True),
    (("n == 3", "n == 4"), "n == 4", True),
]


@pytest.mark.parametrize(("guards", "claim", "follows"), IMPLIED)
def test_what_guards_imply(guards: tuple[str, ...], claim: str, follows: bool) -> None:
    assert equalities(*guards).implies(guard(claim)) is follows


IMPOSSIBLE: list[tuple[tuple[str, ...], list[str]]] = [
    (("n == 3", "m == 4"), []),
    (("n == 3", "n == 4"), ["n == 4"]),
    (("n == m", "m == n + 1"), ["m == n + 1"]),
    (("n + 2 == 1",), ["n + 2 == 1"]),
    (("n == m", "n == k", "k == m"), []),
]


@pytest.mark.parametrize(("guards", "impossible"), IMPOSSIBLE)
def test_guards_that_can_never_hold(guards: tuple[str, ...], impossible: list[str]) -> None:
    assert list(map(str, equalities(*guards).impossible)) == impossible


SIDES: list[Size] = [
    *(parse_dim(text) for text in ("a", "b", "c", "2*a", "b + 1", "a*b", "2*c", "b//2", "3")),
]
guards_strategy = st.lists(
    st.builds(Guard, st.sampled_from(SIDES), st.sampled_from(SIDES)), max_size=4
)
FEEDS = [dict(zip("abc", sizes, strict=True)) for sizes in itertools.product(range(5), repeat=3)]


@settings(max_examples=150)
@given(guards_strategy)
def test_normal_forms_are_equal_wherever_the_guards_hold(guards: list[Guard]) -> None:
    known = Equalities(guards)
    sizes = [*SIDES, parse_dim("a + 2*b*c"), parse_dim("max(a, c)")]
    normal = [known.normal(size) for size in sizes]
    assert [known.normal(size) for size in normal] == normal
    assert all(map(known.implies, guards))
    holding = [feed for feed in FEEDS if all(_holds(each, feed) for each in guards)]
    if known.impossible:
        assert holding == []
    pairs = list(itertools.combinations(range(len(sizes)), 2))
    same = [(left, right) for left, right in pairs if known.same(sizes[left], sizes[right])]
    for feed in holding:
        values = [evaluate(size, feed) for size in sizes]
        assert [evaluate(size, feed) for size in normal] == values
        assert all(values[left] == values[right] for left, right in same)


def _holds(each: Guard, feed: dict[str, int]) -> bool:
    return evaluate(each.left, feed) == evaluate(each.right, feed)


def test_types_under_guards() -> None:
    known = equalities("batch == rows", "n == 3")
    batch, rows, n = map(symbol, ("batch", "rows", "n"))
    left, right = TensorType(float32, (batch, 3)), TensorType(float32, (rows, n))
    assert known.same_type(left, right)
    assert known.normal_type(right) == left
    assert known.same_type(TupleType((left,)), TupleType((right,)))
    assert known.normal_type(TupleType((right, right))) == TupleType((left, left))
    for other in (
        right.with_dtype(float64),
        right.with_shape((rows,)),
        right.with_shape((rows, 4)),
        TupleType((right,)),
    ):
        assert not known.same_type(left, other)
    assert not known.same_type(TupleType((left,)), TupleType((right, right)))


def test_without_guards_nothing_is_rebuilt() -> None:
    type_ = TensorType(float32, (symbol("n"),))
    assert Equalities(()).normal_shape(type_.shape) is type_.shape


def test_many_guards_take_little_time() -> None:
    """A chain of 2,000 is settled at once; every link in turn would take minutes."""
    names = [symbol(f"n{k}") for k in range(2000)]
    for pairs in (itertools.pairwise(names), itertools.pairwise(names[::-1])):
        known = Equalities(Guard(left, right) for left, right in pairs)
        assert known.same(names[0], names[-1])
