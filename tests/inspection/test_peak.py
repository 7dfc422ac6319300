from __future__ import annotations

import re

import pytest

from graphc.compiler import compile_graph
from graphc.errors import DimError, GuardError
from graphc.inspection.peak import (
    are_known,
    bytes_text,
    check_dims,
    layout_for,
    memory_of,
    most_in_use,
    rounded_text,
    value_of,
)
from graphc.ir.dims import symbol
from graphc.memory.live import LiveRange
from tests.inspection.targets import subject

N = symbol("n")


@pytest.mark.parametrize(
    ("ranges", "most"),
    [
        ([], "0"),
        ([LiveRange(8, 0, 2), LiveRange(4, 1, 1)], "12"),
        ([LiveRange(8, 0, 1), LiveRange(4, 2, 3)], "8"),
        ([LiveRange(8 * N, 0, 1), LiveRange(4 * N, 1, 2), LiveRange(4 * N, 2, 3)], "12*n"),
        ([LiveRange(8 * N, 0, 1), LiveRange(64, 2, 3)], "max(64, 8*n)"),
    ],
)
def test_the_most_bytes_in_use_at_once(ranges: list[LiveRange], most: str) -> None:
    assert str(most_in_use(ranges)) == most


def test_of_many_expressions_those_for_small_and_for_large_dims_are_told() -> None:
    ranges = [LiveRange(k * N + 20 * (9 - k) ** 2, k, k) for k in range(10)]
    assert str(most_in_use(ranges)) == "max(1620, 9*n)"


@pytest.mark.parametrize("batch", [0, 1, 7, 64, 1000])
def test_the_arena_is_never_smaller_than_what_is_in_use(batch: int) -> None:
    made = compile_graph(subject("step").graph, stop="memory")
    layout = layout_for(made, {"batch": batch})
    assert layout
    found = memory_of(made, {"batch": batch}, layout)
    expression, exact = found["arena"]
    assert exact == layout.total
    bound = value_of(expression, {"batch": batch})
    assert bound is not None and bound <= exact
    parts = [value for name, (_, value) in found.items() if name != "peak"]
    assert found["peak"][1] == sum(part for part in parts if part is not None)


def test_without_sizes_there_are_expressions() -> None:
    found = memory_of(compile_graph(subject("step").graph, stop="memory"), {}, None)
    assert str(found["inputs"][0]) == "28*batch"
    assert found["inputs"][1] is None and found["peak"][1] is None
    weights = 4 * (6 * 5 + 5 + 5 * 3)
    assert found["variables"] == (weights, weights)
    assert found["updates"] == (0, 0)  # all of them go over the old values


def test_sizes_that_follow_from_guards_need_not_be_given() -> None:
    graph = subject("guarded").graph
    sizes = check_dims(graph, {"batch": 3})
    assert sizes == {"batch": 3, "rows": 3}
    assert are_known(graph, sizes)
    assert not are_known(graph, {"batch": 3})


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"bach": 3}, DimError, "the program has no dim named bach; it has batch, rows"),
        ({"batch": -1}, DimError, "the dim batch cannot be -1"),
        (
            {"batch": 3, "rows": 4},
            GuardError,
            "the program relies on rows == batch, which are 4 and 3",
        ),
    ],
)
def test_sizes_that_do_not_fit(given: dict[str, int], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        check_dims(subject("guarded").graph, given)


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1536, "1.5 KiB"),
        (3 << 20, "3.0 MiB"),
        (5 << 40, "5.0 TiB"),
        (5 << 50, "5120.0 TiB"),
    ],
)
def test_bytes_in_units(count: int, text: str) -> None:
    assert rounded_text(count) == text


def test_bytes_that_are_not_known() -> None:
    assert (bytes_text(None), bytes_text(4096)) == ("", "4,096")
