"""Stores put behind what still reads the memory that they go over."""

from __future__ import annotations

import pytest

from graphc.memory.in_place import may_share
from graphc.memory.store_order import with_stores_after_reads
from graphc.schedule.statements import Fold, Loop, Statement, Store
from tests.memory.kernel_runner import run
from tests.memory.kernel_text import kernel_of

LOOP = "vector for i < n:\n  "

# kernel, pairs (written, read), what is stored in which order, and whether that serves the pairs
CASES: list[tuple[str, list[tuple[str, str]], str, bool]] = [
    (LOOP + "b[i] = f(a[i])\n  d[i] = f(a[i], c[i])", [("b", "a")], "db", True),
    (LOOP + "b[i] = f(a[i])\n  d[i] = f(a[i], c[i])", [("d", "c")], "bd", True),
    (LOOP + "b[i] = f(a[i])\n  d[i] = f(a[i], c[i])", [("b", "a"), ("d", "c")], "db", True),
    (LOOP + "b[i] = f(c[i])\n  d[i] = f(a[i])", [("b", "a"), ("d", "c")], "bd", False),  # swapped
    (LOOP + "b[i] = f(a[i])\n  d[i] = f(b[i], a[i])", [("b", "a")], "bd", False),  # d needs b
    (LOOP + "b[i] = f(a[i])\n  d[i] = f(c[i])\n  e[i] = f(a[i])", [("b", "a")], "deb", True),
    ("b[0] = f(a[0])\nfor i < n:\n  d[i] = f(a[0], c[i])", [("b", "a")], "db", True),
    ("for i < n:\n  b[i] = f(a[i])\n  fold r = sum:\n    for j < 4:\n      r <- a[i]\n"
     "  d[i] = f(r)", [("b", "a")], "bd", True),  # the fold goes first
]  # fmt: skip


def stored(body: tuple[Statement, ...]) -> str:
    """The buffers in the order in which they are stored to."""
    found = ""
    for statement in body:
        if isinstance(statement, Store):
            found += statement.target
        elif isinstance(statement, Loop | Fold):
            found += stored(statement.body)
    return found


@pytest.mark.parametrize(("text", "pairs", "order", "serves"), CASES)
def test_order(text: str, pairs: list[tuple[str, str]], order: str, serves: bool) -> None:
    kernel = kernel_of(text)
    arranged = with_stores_after_reads(kernel, pairs)
    assert stored(arranged.body) == order
    assert may_share(arranged, pairs) == serves
    apart = {name: name for name in "abcde"}
    assert run(kernel, {"n": 9}, apart).cells == run(arranged, {"n": 9}, apart).cells


def test_a_kernel_without_pairs_stays() -> None:
    kernel = kernel_of(CASES[0][0])
    assert with_stores_after_reads(kernel, []) is kernel
