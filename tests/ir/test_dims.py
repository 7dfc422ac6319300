"""Symbolic integers against plain ones: every law is checked by evaluating both sides."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from graphc.errors import DimError
from graphc.ir import dims
from graphc.ir.dim_text import check_dim_name, parse_dim, read_dim
from graphc.ir.dims import (
    Dim,
    Guard,
    Size,
    affine,
    divide,
    evaluate,
    floordiv,
    forget,
    is_nonnegative,
    is_within,
    maximum,
    minimum,
    product,
    remainder,
    substitute,
    symbol,
    symbols,
    unify,
)

NAMES = ("batch", "m", "n")
batch, m, n = map(symbol, NAMES)


@dataclass(frozen=True)
class Both:
    """A size, and what it should evaluate to."""

    size: Size
    value: Callable[[dict[str, int]], int]


def _number(value: int) -> Both:
    return Both(value, lambda env: value)


def _named(name: str) -> Both:
    return Both(symbol(name), lambda env: env[name])


BINARY: dict[str, tuple[Callable[[Size, Size], Size], Callable[[int, int], int]]] = {
    "+": (lambda a, b: a + b, lambda a, b: a + b),
    "-": (lambda a, b: a - b, lambda a, b: a - b),
    "*": (lambda a, b: a * b, lambda a, b: a * b),
    "max": (maximum, max),
    "min": (minimum, min),
}
DIVISION: dict[str, tuple[Callable[[Size, Size], Size], Callable[[int, int], int]]] = {
    "//": (floordiv, lambda a, b: a // b),
    "%": (remainder, lambda a, b: a % b),
}


def _combine(name: str, left: Both, right: Both) -> Both:
    symbolic, plain = (BINARY | DIVISION)[name]
    size = symbolic(left.size, right.size)
    return Both(size, lambda env: plain(left.value(env), right.value(env)))


leaves = st.one_of(st.integers(-5, 9).map(_number), st.sampled_from(NAMES).map(_named))
#: Denominators that are positive for every feed: a number, or a symbol plus one.
positive = st.one_of(
    st.integers(1, 6).map(_number),
    st.sampled_from(NAMES).map(lambda name: _combine("+", _named(name), _number(1))),
)


def _grow(inner: st.SearchStrategy[Both]) -> st.SearchStrategy[Both]:
    return st.one_of(
        st.builds(_combine, st.sampled_from(sorted(BINARY)), inner, inner),
        st.builds(_combine, st.sampled_from(sorted(DIVISION)), inner, positive),
    )


sizes = st.recursive(leaves, _grow, max_leaves=8)
feeds = st.fixed_dictionaries({name: st.integers(0, 12) for name in NAMES})
laws = settings(max_examples=300)


@laws
@given(sizes, feeds)
def test_every_expression_evaluates_as_plain_integers_do(both: Both, feed: dict[str, int]) -> None:
    assert evaluate(both.size, feed) == both.value(feed)


@laws
@given(sizes)
def test_text_reads_back_as_the_same_dim(both: Both) -> None:
    again = parse_dim(str(both.size))
    assert again == both.size
    assert str(again) == str(both.size)
    assert hash(again) == hash(both.size)


@laws
@given(sizes, sizes, feeds)
def test_what_prints_alike_is_equal_and_what_is_equal_evaluates_alike(
    left: Both, right: Both, feed: dict[str, int]
) -> None:
    assert (left.size == right.size) == (str(left.size) == str(right.size))
    if left.size == right.size:
        assert left.value(feed) == right.value(feed)


@laws
@given(sizes, feeds)
def test_nonnegative_is_only_claimed_of_what_is(both: Both, feed: dict[str, int]) -> None:
    if is_nonnegative(both.size):
        assert both.value(feed) >= 0


@laws
@given(sizes, sizes, feeds)
def test_within_is_only_claimed_of_what_is(both: Both, bound: Both, feed: dict[str, int]) -> None:
    if is_within(both.size, bound.size):
        assert 0 <= both.value(feed) < bound.value(feed)


@laws
@given(sizes, st.one_of(positive, sizes), feeds)
def test_divide_gives_quotient_and_rest(top: Both, bottom: Both, feed: dict[str, int]) -> None:
    assume(bottom.size != 0)
    quotient, rest = divide(top.size, bottom.size)
    total = evaluate(quotient, feed) * bottom.value(feed) + evaluate(rest, feed)
    assert total == top.value(feed)


@laws
@given(sizes, sizes)
def test_a_multiple_divides_evenly(factor: Both, divisor: Both) -> None:
    assume(divisor.size != 0)
    assert divide(factor.size * divisor.size, divisor.size) == (factor.size, 0)


@laws
@given(sizes, sizes, feeds)
def test_comparisons_that_are_decided_are_right(
    left: Both, right: Both, feed: dict[str, int]
) -> None:
    values = left.value(feed), right.value(feed)
    for decide in (
        lambda a, b: a < b,
        lambda a, b: a <= b,
        lambda a, b: a > b,
        lambda a, b: a >= b,
    ):
        with suppress(DimError):
            assert decide(left.size, right.size) == decide(*values)


@laws
@given(sizes, sizes, feeds)
def test_unify_is_right_in_every_feed(left: Both, right: Both, feed: dict[str, int]) -> None:
    values = left.value(feed), right.value(feed)
    found = unify(left.size, right.size)
    if found is None:
        assert values[0] != values[1]
        return
    size, guard = found
    if guard is None or evaluate(guard.left, feed) == evaluate(guard.right, feed):
        assert evaluate(size, feed) == values[0] == values[1]
    else:
        assert values[0] != values[1]


@laws
@given(sizes, st.sampled_from(NAMES), sizes, feeds)
def test_substitution_is_evaluation_of_the_new_value(
    both: Both, name: str, value: Both, feed: dict[str, int]
) -> None:
    inner = value.value(feed)
    assume(inner >= 0)  # symbols stand for sizes; simplification relies on it
    substituted = substitute(both.size, {name: value.size})
    assert evaluate(substituted, feed) == both.value({**feed, name: inner})


@laws
@given(sizes, st.sampled_from(NAMES), feeds)
def test_affine_takes_a_dim_apart(both: Both, name: str, feed: dict[str, int]) -> None:
    (atom,) = symbol(name).atoms()
    found = affine(both.size, atom)
    if found is not None:
        coefficient, rest = found
        assert name not in symbols(coefficient) | symbols(rest)
        total = evaluate(coefficient, feed) * feed[name] + evaluate(rest, feed)
        assert total == both.value(feed)


NORMAL_FORMS = {
    "batch + n - batch": "n",
    "2*(n + 3)": "2*n + 6",
    "n*m - m*n": "0",
    "(2*n + 6)//2": "n + 3",
    "(2*n + 3)//2": "n + 1",
    "(n + 3)//2": "(n + 1)//2 + 1",
    "(n - 1)//2 + 1": "(n + 1)//2",
    "(n + 5)%4": "(n + 1)%4",
    "64*batch*n//(64*n)": "batch",
    "n*m//n": "m",
    "n*m%n": "0",
    "(n%4)//4": "0",
    "(n%4)%4": "n%4",
    "max(n, m)": "max(m, n)",
    "max(m, n) - max(n, m)": "0",
    "max(2*n, n)": "2*n",
    "max(n, 0)": "n",
    "min(3, 5)": "3",
    "n**2*n": "n**3",
    "-(n//2)": "-(n//2)",
    "-n//2": "(-n)//2",
    "-3*(n%2)": "-3*(n%2)",
    "(n//2)*(n//2)": "(n//2)**2",
    "m - (n//2)": "m - (n//2)",
}


@pytest.mark.parametrize(("text", "normal"), NORMAL_FORMS.items())
def test_normal_form(text: str, normal: str) -> None:
    size = parse_dim(text)
    assert size == parse_dim(normal)
    assert parse_dim(str(size)) == size


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("min(4, batch)", "min(4, batch)"),
        ("min(batch, 4) + n", "min(4, batch) + n"),
        ("2*n*min(4, batch)", "2*min(4, batch)*n"),
        ("-min(4, batch)", "max(-4, -batch)"),
        ("min(4, m)*min(3, n)", "max(-3, -n)*max(-4, -m)"),
        ("n - min(3, n - 4)", "max(-3, -n + 4) + n"),
        ("-max(-n, m - 3)", "-max(-n, m - 3)"),
        ("min(n//2, 7)*(m//2)", "(m//2)*min(n//2, 7)"),
    ],
)
def test_minima_read_as_minima(text: str, printed: str) -> None:
    assert str(parse_dim(text)) == printed


UNREADABLE = {
    "": "the dim '' is not complete",
    "n +": "the dim 'n +' is not complete",
    "(n": "the dim '(n' is not complete",
    "n m": "'n m' is no dim: 'm' is not understood",
    "n / 2": "'n / 2' is no dim: '/ 2' is not understood",
    "n.real": "'n.real' is no dim: '.real' is not understood",
    "1.5": "'1.5' is no dim: '.5' is not understood",
    "max(n)": "'max(n)' is no dim: ')' is not understood",
    "max + 1": "'max + 1' is no dim: '+ 1' is not understood",
    "n**-1": "'n**-1' is no dim: '-1' is not understood",
    "n**65": "n**65 is beyond the power 64",
    "n//0": "cannot divide the dim n by 0",
    "n%0": "cannot divide the dim n by 0",
    "7//(3 - 5)": "cannot divide the dim 7 by -2",
    "7%(3 - 5)": "cannot divide the dim 7 by -2",
    "9" * 41: "9" * 40 + "... has more digits than a size can have",
    "(" * 50_000: "a dim is nested too deeply",
}


@pytest.mark.parametrize(("text", "message"), UNREADABLE.items(), ids=lambda text: text[:20])
def test_unreadable_text(text: str, message: str) -> None:
    with pytest.raises(DimError) as caught:
        parse_dim(text)
    assert str(caught.value) == message


def test_reading_from_the_middle_of_a_text() -> None:
    text = "where n//2 == max(m, 3), n == m {"
    assert read_dim(text, 6) == (n // 2, 10)
    assert read_dim(text, 14) == (maximum(m, 3), 23)
    assert read_dim(text, 25) == (n, 26)


@pytest.mark.parametrize("name", ["batch", "_", "in", "lambda", "N2", "where"])
def test_names_of_dims(name: str) -> None:
    assert check_dim_name(name) == name
    assert parse_dim(name) == symbol(name)


@pytest.mark.parametrize("name", ["", "2n", "a b", "n-1", "max", "min", "n\n", "größe"])
def test_names_that_dims_cannot_have(name: str) -> None:
    with pytest.raises(DimError, match="cannot name a dim"):
        check_dim_name(name)


UNIFICATIONS: list[tuple[Size, Size, tuple[Size, Guard | None] | None]] = [
    (3, 3, (3, None)),
    (3, 4, None),
    (n, n, (n, None)),
    (n, m, (n, Guard(n, m))),
    (n, 3, (3, Guard(n, 3))),
    (3, n, (3, Guard(3, n))),
    (n + 1, 0, None),
    (n, n + 2, None),
    (2 * n, n + n, (2 * n, None)),
    (64 * n, m, (64 * n, Guard(64 * n, m))),
]


@pytest.mark.parametrize(("left", "right", "expected"), UNIFICATIONS, ids=str)
def test_unify(left: Size, right: Size, expected: tuple[Size, Guard | None] | None) -> None:
    assert unify(left, right) == expected


def test_a_guard_reads_as_an_equality() -> None:
    assert str(Guard(2 * n, m + 1)) == "2*n == m + 1"


UNDECIDED: dict[str, Callable[[], object]] = {
    "whether n < m is known only when they are fed": lambda: n < m,
    "whether n <= 3 is known only when they are fed": lambda: n <= 3,
    "whether n > 3 is known only when they are fed": lambda: n > 3,
    "whether n >= m + 1 is known only when they are fed": lambda: n >= m + 1,
    "whether n is zero is known only when it is fed": lambda: bool(n),
    "n is known only when fed; it cannot be used as a Python integer": lambda: range(n),
    "the size m + n needs a value for m": lambda: evaluate(n + m, {"n": 2}),
    "the size batch*n needs a value for batch, n": lambda: evaluate(n * batch, {}),
    "cannot divide the dim n by zero": lambda: divide(n, 0),
    "cannot divide the dim n by 0": lambda: n // 0,
    "cannot divide the dim 5 by 0": lambda: evaluate(5 // n, {"n": 0}),
}


@pytest.mark.parametrize(("message", "ask"), UNDECIDED.items())
def test_what_is_known_only_when_fed(message: str, ask: Callable[[], object]) -> None:
    with pytest.raises(DimError) as caught:
        ask()
    assert str(caught.value) == message


def test_comparisons_with_certain_answers() -> None:
    assert n >= 0
    assert n + 1 > 0
    assert not n < 0
    assert n % 4 < 4
    assert n // 2 >= 0
    assert 2 * n + 1 > n
    assert maximum(n - 5, 0) >= 0


def test_bounded_symbols_are_loop_positions() -> None:
    i, j = symbol("i", n - 1), symbol("j", 3)
    assert is_within(i, n)
    assert is_within(4 * i + j, 4 * n)
    k = symbol("k", 4 * n - 1)
    assert is_within(floordiv(k, 4), n)
    assert not is_within(floordiv(k, 4), n - 1)
    within = symbol("r", 4 * n - 32 * i - 1)
    assert is_within(8 * i + floordiv(within, 4), n)
    assert not is_within(8 * i + floordiv(within, 4), n - 1)
    assert (4 * i + j) // 4 == i
    assert (4 * i + j) % 4 == j
    assert not is_within(i + 1, n)


def test_a_shape_compares_with_its_text() -> None:
    assert (n, 64) == ("n", 64)
    assert 2 * n + 1 == "2*n + 1"
    assert n != "m"
    assert n != 3


def test_foreign_operands_are_refused() -> None:
    for operation in (lambda: n + 1.5, lambda: n - "m", lambda: n * None):
        with pytest.raises(TypeError):
            operation()


def test_product_of_sizes() -> None:
    assert product([]) == 1
    assert product([2, n, 3]) == 6 * n
    assert product([n, 0]) == 0
    assert isinstance(product([n, m]), Dim)


def test_symbols_are_found_at_any_depth() -> None:
    assert symbols(parse_dim("max(n//2, m%3) + 1")) == {"n", "m"}
    assert symbols(7) == frozenset()
    assert dims.depends_on(n // 2, n.atoms()[0])
    assert not dims.depends_on(m // 2, n.atoms()[0])


@pytest.mark.parametrize("block", [1, 4, 64])
def test_positions_in_blocks_are_within(block: int) -> None:
    """The last block is shorter: its rows are those that are left."""
    start = block * symbol("b", floordiv(n + block - 1, block) - 1)
    row = symbol("r", minimum(block, n - start) - 1)
    assert is_within(start + row, n)
    assert not is_within(start + row, n - 1)
    assert is_nonnegative(block - minimum(block, n - start))


def test_divisions_are_remembered_and_let_go() -> None:
    """By what the dims are, the bounds of their symbols included."""
    forget()
    n, bounded = symbol("n"), symbol("n", 7)
    assert floordiv(n + 8, 8) is floordiv(symbol("n") + 8, 8)
    assert floordiv(n, 8) == dims.of_atom(dims.Quotient(n, 8)) and floordiv(bounded, 8) == 0
    assert remainder(n, 8) != n and remainder(bounded, 8) == bounded
    assert floordiv.cache_info().currsize > 0 and remainder.cache_info().currsize > 0
    forget()
    assert floordiv.cache_info().currsize == remainder.cache_info().currsize == 0
