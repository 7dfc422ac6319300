"""Whether a kernel may write over what it reads: a table, and what running kernels says."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphc.memory.in_place import may_share
from graphc.schedule.kernel import Kernel
from tests.memory.kernel_runner import run
from tests.memory.kernel_text import kernel_of

YES, NO, TOO_CAREFUL = "yes", "no", "no, though it would do"

# a kernel that writes b and reads a, and whether b may lie in a's memory
KERNELS = [
    # one loop ---------------------------------------------------------------------------------
    (YES, "vector for i < n:\n  b[i] = f(a[i])"),
    (YES, "vector for i < n:\n  b[i] = f(a[i], c[i + 1], a[i])"),
    (YES, "for i < n:\n  b[2*i + 1] = f(a[2*i + 1])"),
    (YES, "b[0] = f(a[0])"),
    (YES, "b[0] = f(a[3])"),  # all is read before anything is written
    (NO, "vector for i < n:\n  b[i] = f(a[i + 1])"),
    (NO, "vector for i < n:\n  b[i] = f(a[n - 1 - i])"),
    (NO, "vector for i < n:\n  b[i] = f(a[0])"),
    (NO, "vector for i < n:\n  b[i] = f(a[i], a[0])"),
    (NO, "vector for i < n:\n  b[i] = f(a[2*i])"),
    (YES, "vector for i < n:\n  b[n - 1 - i] = f(a[n - 1 - i])"),
    (NO, "vector for i < n:\n  b[0] = f(a[0])"),  # written over and over
    (NO, "vector for i < n:\n  b[i] = f(c[i])\n  d[i] = f(a[i])"),  # read too late
    (YES, "vector for i < n:\n  d[i] = f(a[i])\n  b[i] = f(c[i])"),
    (YES, "vector for i < n:\n  b[i] = f(c[i])"),  # a is not read at all
    # several loops ----------------------------------------------------------------------------
    (YES, "for i < n:\n  vector for j < 4:\n    b[4*i + j] = f(a[4*i + j])"),
    (YES, "for i < n:\n  vector for j < m:\n    b[m*i + j] = f(a[m*i + j])"),
    (YES, "for i < n:\n  vector for j < m:\n    b[n*j + i] = f(a[n*j + i])"),
    (NO, "for i < n:\n  vector for j < m:\n    b[m*i + j] = f(a[n*j + i])"),
    (NO, "for i < n:\n  vector for j < m:\n    b[m*i + j] = f(a[m*i])"),
    (NO, "for i < n:\n  vector for j < m:\n    b[m*i + j] = f(a[j])"),
    (NO, "for i < n:\n  vector for j < m:\n    b[j] = f(a[j])"),  # a row over and over
    (NO, "for i < n:\n  vector for j < 5:\n    b[4*i + j] = f(a[4*i + j])"),  # rows overlap
    (YES, "for i < n:\n  vector for j < 1:\n    b[i] = f(a[i])"),
    (YES, "for i < 3:\n  for j < 4:\n    vector for k < 5:\n      b[20*i + 5*j + k] = "
          "f(a[20*i + 5*j + k])"),
    (YES, "for i < 3:\n  for j < 4:\n    vector for k < 5:\n      b[20*i + 4*k + j] = "
          "f(a[20*i + 4*k + j])"),
    # rows: reductions before what is stored ---------------------------------------------------
    (YES, "for i < n:\n  fold r = sum:\n    vector for j < m:\n      r <- a[m*i + j]\n"
          "  vector for k < m:\n    b[m*i + k] = f(a[m*i + k], r)"),
    (YES, "for i < n:\n  fold r = sum:\n    vector for j < m:\n      r <- c[m*i + j]\n"
          "  d[i] = f(r)\n  b[i] = f(r, a[i])"),
    (NO, "for i < n:\n  fold r = sum:\n    vector for j < m:\n      r <- a[m*i + j]\n"
         "  b[i] = f(r)"),  # the sums would go over elements of other rows
    (NO, "for i < n:\n  vector for j < m:\n    b[m*i + j] = f(a[m*i + j])\n"
         "  fold r = sum:\n    vector for k < m:\n      r <- a[m*i + k]\n  d[i] = f(r)"),
    (NO, "for i < n:\n  fold r = sum:\n    vector for j < m:\n      r <- a[j]\n"
         "  vector for k < m:\n    b[m*i + k] = f(a[m*i + k], r)"),  # row 0 is read by all
    (YES, "for i < n:\n  for l < 3:\n    fold r = sum:\n      vector for j < m:\n"
          "        r <- a[m*i + j]\n    d[3*i + l] = f(r)\n"
          "  vector for k < m:\n    b[m*i + k] = f(a[m*i + k])"),  # read three times, before
    (NO, "for i < n:\n  for l < 3:\n    vector for j < 4:\n      b[12*i + 4*l + j] = "
         "f(a[12*i + 4*l + j])\n      d[12*i + 4*l + j] = f(a[12*i + j])"),
    (TOO_CAREFUL, "for i < n:\n  fold r = sum:\n    vector for j < 4:\n      r <- a[4*i + j]\n"
                  "  for k < 2:\n    vector for l < 2:\n      b[4*i + 2*k + l] = f(r)"),
    # blocks of rows, the last one shorter -----------------------------------------------------
    (YES, "for i < 3:\n  for j < min(4, n - 4*i):\n    vector for k < 5:\n"
          "      b[20*i + 5*j + k] = f(a[20*i + 5*j + k])"),
    (NO, "for i < 3:\n  for j < min(5, n - 4*i):\n    vector for k < 5:\n"
         "      b[20*i + 5*j + k] = f(a[20*i + 5*j + k])"),
    (NO, "for i < 3:\n  vector for l < 5:\n    b[5*i + l] = C0\n  for j < min(4, n - 4*i):\n"
         "    vector for k < 5:\n      b[5*i + k] sum= a[20*i + 5*j + k]"),
    # in order: scans, sorts, updates ----------------------------------------------------------
    (YES, "for i < n:\n  fold r = sum:\n    for j < m:\n      r <- a[m*i + j]\n"
          "      b[m*i + j] = f(r)"),
    (NO, "for i < n:\n  fold r = sum:\n    for j < m:\n      r <- a[m*i + j]\n"
         "      b[m*i + m - 1 - j] = f(r)"),
    (YES, "for i < n:\n  b[4*i + j] = sort f(a[4*i + j]) along j < 4"),
    (TOO_CAREFUL, "for i < n:\n  b[4*i + j] = sort f(a[4*i + 3 - j]) along j < 4"),
    (NO, "for i < n:\n  b[4*i + j] = sort f(a[4*j + i]) along j < 4"),
    (YES, "for i < n:\n  b[i] = f(a[i])\nfor j < 3:\n  b[0] sum= c[j]"),
    (NO, "for i < n:\n  b[i] = f(a[i])\nfor j < 3:\n  b[0] sum= a[j]"),
    (NO, "for i < n:\n  b[i] = C0\nfor j < n:\n  b[j] sum= a[j]"),
    (YES, "for i < n:\n  d[i] = f(a[n - 1 - i])\nfor j < n:\n  b[j] = f(c[j])"),
]  # fmt: skip

SIZES = [{"n": n, "m": m} for n, m in product((1, 4, 9), (1, 3, 6))]


def agrees(kernel: Kernel) -> bool:
    """Whether memory that is shared changes no result, for several sizes and ways of cutting."""
    for sizes, backwards in product(SIZES, (False, True)):
        apart = run(kernel, sizes, {"a": "a", "b": "b"}, backwards=backwards)
        shared = run(kernel, sizes, {"a": "b", "b": "b"}, backwards=backwards)
        for (buffer, place), term in apart.cells.items():
            if renamed(term) != shared.read(buffer, place):
                return False
    return True


def renamed(term: object) -> object:
    """The term as if its elements of a had been in b."""
    if isinstance(term, tuple):
        return tuple(map(renamed, term))
    return "b" if term == "a" else term


@pytest.mark.parametrize(("answer", "text"), KERNELS)
def test_table(answer: str, text: str) -> None:
    kernel = kernel_of(text)
    assert may_share(kernel, [("b", "a")]) == (answer == YES)
    assert agrees(kernel) == (answer != NO), "the table is wrong"


def test_never_over_what_the_kernel_itself_writes() -> None:
    kernel = kernel_of("for i < n:\n  a[i] = f(c[i])\nfor j < n:\n  b[j] = f(a[j])")
    assert not may_share(kernel, [("b", "a")])


def test_what_is_not_stored_has_no_say() -> None:
    assert not may_share(kernel_of("for i < n:\n  b[i] = f(a[i])"), [("x", "a")])


# Random kernels ------------------------------------------------------------------------------

STRIDES = st.sampled_from((0, 1, 2, 3, 4, 6, 12))
AT = st.tuples(STRIDES, STRIDES, st.integers(0, 2))


def place(at: tuple[int, int, int], inner: str) -> str:
    return f"{at[0]}*i + {at[1]}*{inner} + {at[2]}"


@st.composite
def kernels(draw: st.DrawFn) -> str:
    """A few stages in rows, each reading a and c and storing to b or d."""
    lines = [f"for i < {draw(st.sampled_from((1, 3, 4, 'n')))}:"]
    usual = 12, draw(st.sampled_from((1, 3))), draw(st.integers(0, 2))
    for inner in "jkl"[: draw(st.integers(1, 3))]:
        extent = draw(st.sampled_from((1, 3, 4)))
        vector = draw(st.sampled_from(("", "vector ")))
        lines.append(f"  {vector}for {inner} < {extent}:")
        for _ in range(draw(st.integers(1, 2))):
            target = draw(st.sampled_from("bbd"))
            source = draw(st.sampled_from("aaac"))
            to, of = (draw(st.sampled_from((usual, usual, usual, draw(AT)))) for _ in range(2))
            lines.append(f"    {target}[{place(to, inner)}] = f({source}[{place(of, inner)}])")
    return "\n".join(lines)


@settings(derandomize=True, database=None, max_examples=600)
@given(kernels())
def test_yes_is_right_for_random_kernels(text: str) -> None:
    kernel = kernel_of(text)
    if may_share(kernel, [("b", "a")]):
        assert agrees(kernel)


def test_random_kernels_get_both_answers() -> None:
    """Else the test above would say nothing."""
    said = {True: 0, False: 0}

    @settings(derandomize=True, database=None, max_examples=300)
    @given(kernels())
    def count(text: str) -> None:
        said[may_share(kernel_of(text), [("b", "a")])] += 1

    count()
    assert min(said.values()) >= 20


def test_sizes_are_for_all() -> None:
    """n*i + j does not repeat for j < n, but it does for j < n + 1."""
    yes = "for i < 4:\n  vector for j < n:\n    b[n*i + j] = f(a[n*i + j])"
    assert may_share(kernel_of(yes), [("b", "a")])
    assert not may_share(kernel_of(yes.replace("j < n", "j < n + 1")), [("b", "a")])
