"""What is said of loops and branches."""

from __future__ import annotations

import re

import pytest

from graphc.compiler import compile_graph
from graphc.inspection.regions import entries, holders, launches_text, region_data, region_lines
from graphc.inspection.stages import view
from graphc.schedule.kernel import Schedule
from graphc.schedule.naming import names_of
from tests.inspection.targets import LOOPS, line_of, loops
from tests.inspection.targets import LOOPS_FILE as FILE


def scheduled(name: str) -> tuple[Schedule, list[str]]:
    """The schedule of a program of loops.py, and what is said of its regions."""
    made = compile_graph(loops(name).graph, stop="kernels")
    assert made.prepared and made.schedule
    return made.schedule, region_lines(made.schedule, names_of(made.prepared, made.schedule))


def test_a_loop_of_one_kernel_and_its_tape() -> None:
    line = line_of(FILE, "turn")
    _, lines = scheduled("tape")
    assert lines[:6] == [
        f"loop %2 (while_loop, loops.py:{line}): launch 3, as long as %2.condition%4 holds; "
        "its turns are _turns1",
        "  one kernel takes up to 256 turns a launch",
        "  state %2.body%0: f64[] begins as %x, goes on as %2.body%4",
        "  state %2.body%1: i64[] begins as %1, goes on as %2.body%6",
        "  row %2.body%7 goes to %11: f64[_turns1], a tape for %13",
        "  row %2.body%3 goes to %12: f64[_turns1], a tape for %13",
    ]
    assert lines[6:8] == [
        f"loop %13 (scan, loops.py:{line}): launch 7, _turns1 turns, "
        "from the last row to the first",
        "  one kernel takes up to 256 turns a launch",
    ]
    assert lines[-2:] == [
        "  row %13.body%2 is of %11: f64[_turns1], a tape from %2",
        "  row %13.body%3 is of %12: f64[_turns1], a tape from %2",
    ]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("backwards", "one kernel takes all turns a launch"),
        ("row_stretches", "one kernel takes up to 256 turns a launch"),
        ("open_end", "launched turn by turn: %0.body%4 needs a kernel of its own (matmul)"),
        ("open_end", "50 turns at most; its turns are _turns1"),
        ("nested", "launched turn by turn: there is a loop inside of it, %2.body%3"),
        ("branches", "branch %2 (cond, "),
        ("branches", "  branch %2.otherwise%"),
    ],
)
def test_what_is_said_of_others(name: str, said: str) -> None:
    assert said in "\n".join(scheduled(name)[1])


@pytest.mark.parametrize("name", LOOPS)
def test_every_loop_and_branch_is_there_once_with_names_that_are_known(name: str) -> None:
    made = compile_graph(loops(name).graph, stop="kernels")
    assert made.prepared and made.schedule
    schedule, names = made.schedule, names_of(made.prepared, made.schedule)
    found = [entry.holder for entry in entries(schedule)]
    assert len(found) == len(set(found))
    assert set(found) == {body.holder for body in schedule.bodies}
    assert not any("?" in line for line in region_lines(schedule, names))
    data = region_data(schedule, names)
    assert [each["node"] for each in data] == [names[node] for node in found]
    for each, entry in zip(data, entries(schedule), strict=True):
        around = holders(schedule, entry.first)
        is_in_kernel = each["kind"] == "branch" and each["middle"] is None
        assert entry.holder in around or is_in_kernel
        assert is_in_kernel or around.index(entry.holder) == entry.depth
        assert each["launches"] == [entry.first, entry.end]


def test_a_launch_says_in_what_it_is() -> None:
    text = view(loops("branches").graph, "kernels").text
    assert re.search(r"launch \d+ in (%2\.otherwise%\d) in %2: \1\.then%\d is left by the b", text)
    assert re.search(r"launch \d+: %\d+ is a loop of little work a turn", text)


@pytest.mark.parametrize(
    ("first", "end", "text"), [(3, 3, "nothing"), (3, 4, "launch 3"), (3, 5, "launches 3 to 4")]
)
def test_launches_in_words(first: int, end: int, text: str) -> None:
    assert launches_text(first, end) == text
