"""Shapes of feeds against declared dims: which sizes follow, and what is said when none fit."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

import graphc as gc
from graphc.codegen.executable import Input
from graphc.errors import FeedError, GraphcError, GuardError
from graphc.ir.dim_text import parse_dim
from graphc.ir.dims import Guard, Size
from graphc.ir.location import Location
from graphc.runtime.binding import bind
from tests.runtime.conftest import Open

Shape = tuple[int, ...]


def dim(text: Size | str) -> Size:
    return parse_dim(text) if isinstance(text, str) else text


def inputs(*shapes: Sequence[Size | str]) -> list[Input]:
    """Declarations a, b, c, ... of these shapes, on lines 1, 2, 3, ..."""
    return [
        Input(name, gc.float32, tuple(map(dim, shape)), Location("model.py", 1 + k))
        for k, (name, shape) in enumerate(zip("abcdef", shapes, strict=False))
    ]


def guards(*texts: str) -> list[Guard]:
    return [Guard(*map(parse_dim, text.split("=="))) for text in texts]


FITTING: list[tuple[list[Sequence[Size | str]], list[Shape], dict[str, int]]] = [
    ([], [], {}),
    ([()], [()], {}),
    ([(2, 3)], [(2, 3)], {}),
    ([("n", 3)], [(0, 3)], {"n": 0}),
    ([("n", "n")], [(4, 4)], {"n": 4}),
    ([("n",), ("m", "n")], [(2,), (3, 2)], {"n": 2, "m": 3}),
    ([("2*n + 1",)], [(7,)], {"n": 3}),
    ([("n - 1",)], [(4,)], {"n": 5}),
    ([("2*n + 1",), ("n",)], [(7,), (3,)], {"n": 3}),
    ([("n*m",), ("m",)], [(6,), (2,)], {"n": 3, "m": 2}),
    ([("n + m",), ("2*m",)], [(7,), (4,)], {"n": 5, "m": 2}),
    ([("n + m + k",), ("m + k",), ("k",)], [(9,), (5,), (2,)], {"n": 4, "m": 3, "k": 2}),
    ([("k",), ("m + k",), ("n + m + k",)], [(2,), (5,), (9,)], {"n": 4, "m": 3, "k": 2}),
    ([("n//2",), ("n",)], [(2,), (5,)], {"n": 5}),
    ([("n%3", "max(n, 2)"), ("n",)], [(1, 2), (1,)], {"n": 1}),
]


@pytest.mark.parametrize(("declared", "fed", "sizes"), FITTING)
def test_sizes_that_follow(
    declared: list[Sequence[Size | str]], fed: list[Shape], sizes: dict[str, int]
) -> None:
    assert bind(inputs(*declared), fed, []) == sizes


UNFIT: list[tuple[list[Sequence[Size | str]], list[Shape], int | None, str]] = [
    ([(2, "n")], [(2,)], 1, "a is declared with 2 dims, [2, n], but is fed an array of shape [2]"),
    ([()], [(1,)], 1, "a is declared with 0 dims, [], but is fed an array of shape [1]"),
    ([(2, 3)], [(2, 4)], 1, "axis 1 of a is declared as 3, but is fed with size 4"),
    ([(1,)], [(3,)], 1, "axis 0 of a is declared as 1, but is fed with size 3"),
    ([("n",), (0,)], [(0,), (1,)], 2, "axis 0 of b is declared as 0, but is fed with size 1"),
    (
        [("n",), ("m", "n + 1")], [(4,), (1, 4)], 2,
        "axis 1 of b is declared as n + 1 = 5, with n from a (axis 0), but is fed with size 4",
    ),
    (
        [("n",), ("m", "m*n")], [(4,), (3, 4)], 2,
        "axis 1 of b is declared as m*n = 12, with m from b (axis 0), with n from a (axis 0), "
        "but is fed with size 4",
    ),
    ([("2*n",)], [(3,)], 1, "axis 0 of a is declared as 2*n, which cannot be 3"),
    ([("n + 3",)], [(2,)], 1, "axis 0 of a is declared as n + 3, which cannot be 2"),
    (
        [("n//2",)], [(3,)], None,
        "the sizes fed do not determine the dim n; declare it alone as a dim of some placeholder",
    ),
    (
        [("m*n",), ("m",)], [(0,), (0,)], None,
        "the sizes fed do not determine the dim n; declare it alone as a dim of some placeholder",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("declared", "fed", "line", "message"), UNFIT)
def test_shapes_that_do_not_fit(
    declared: list[Sequence[Size | str]], fed: list[Shape], line: int | None, message: str
) -> None:
    with pytest.raises(FeedError) as caught:
        bind(inputs(*declared), fed, [])
    assert not isinstance(caught.value, GuardError)
    assert caught.value.message == message
    assert caught.value.location == (None if line is None else Location("model.py", line))


UNEQUAL: list[tuple[list[Sequence[Size | str]], list[Shape], list[str], int | None, str]] = [
    (
        [("n", "n")], [(2, 3)], [], 1,
        "the dim n is 2 in a (axis 0) but 3 in a (axis 1); "
        "dims of one name must be fed with one size",
    ),
    (
        [("m",), ("n",), (5, "n")], [(1,), (2,), (5, 1)], [], 3,
        "the dim n is 2 in b (axis 0) but 1 in c (axis 1); "
        "dims of one name must be fed with one size",
    ),
    (
        [("batch",), ("rows", 3)], [(5,), (2, 3)], ["batch == rows"], 1,
        "the program relies on batch == rows, "
        "but batch is 5 by a (axis 0) and rows is 2 by b (axis 0)",
    ),
    (
        [("n", "m")], [(6, 4)], ["n == n", "n == m*(n//m)"], 1,
        "the program relies on n == m*(n//m), "
        "but n is 6 by a (axis 0) and m*(n//m) is 4 by a (axis 1), a (axis 0)",
    ),
    (
        [("n",)], [(6,)], ["n == 64"], 1,
        "the program relies on n == 64, but n is 6 by a (axis 0)",
    ),
    (
        [("n", "m")], [(6, 0)], ["n == m*(n//m)"], None,
        "the program relies on n == m*(n//m), but cannot divide the dim 6 by 0",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("declared", "fed", "relied_on", "line", "message"), UNEQUAL)
def test_sizes_that_must_agree_and_do_not(
    declared: list[Sequence[Size | str]], fed: list[Shape], relied_on: list[str],
    line: int | None, message: str,
) -> None:  # fmt: skip
    with pytest.raises(GuardError) as caught:
        bind(inputs(*declared), fed, guards(*relied_on))
    assert caught.value.message == message
    assert caught.value.location == (None if line is None else Location("model.py", line))


def test_guards_that_hold_say_nothing() -> None:
    declared = inputs(("batch",), ("rows", 3))
    assert bind(declared, [(7,), (7, 3)], guards("batch == rows")) == {"batch": 7, "rows": 7}


def test_the_message_about_a_guard_names_both_placeholders_and_a_line(
    graph: gc.Graph, open_session: Open, blamed: Callable[[GraphcError], str]
) -> None:
    x = gc.placeholder(gc.float32, ("batch", 3), name="x")
    y = gc.placeholder(gc.float32, ("rows", 3), name="y")
    session = open_session(graph)
    step = session.make_callable(x + y, [x, y])
    two, three = np.ones((2, 3), np.float32), np.ones((3, 3), np.float32)
    assert step(two, two).shape == (2, 3)
    with pytest.raises(GuardError) as caught:
        step(two, three)
    assert "batch is 2 by x (axis 0)" in caught.value.message
    assert "rows is 3 by y (axis 0)" in caught.value.message
    assert "gc.placeholder" in blamed(caught.value)
    assert step(three, three).shape == (3, 3)


def test_a_size_of_one_does_not_broadcast_silently(graph: gc.Graph, open_session: Open) -> None:
    x = gc.placeholder(gc.float32, ("n",), name="x")
    y = gc.placeholder(gc.float32, ("m",), name="y")
    session = open_session(graph)
    with pytest.raises(GuardError):
        session.run(x * y, {x: [1.0], y: [1.0, 2.0]})
    assert session.run(x * y, {x: [3.0], y: [2.0]}).tolist() == [6.0]


def test_a_dim_that_is_only_part_of_an_expression_is_found(
    graph: gc.Graph, open_session: Open
) -> None:
    x = gc.placeholder(gc.float32, ("n + m",), name="x")
    y = gc.placeholder(gc.float32, ("2*m",), name="y")
    both = gc.concat([x, y, gc.zeros(("n",))])
    result = open_session(graph).run(both, {x: np.ones(7, np.float32), y: np.ones(4, np.float32)})
    assert result.tolist() == [1] * 11 + [0] * 5
