"""The order of launches: dependencies, then what variables being replaced in place wishes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphc.ir.dtypes import float32
from graphc.ir.graph import Graph
from graphc.ir.node import Node
from graphc.ir.scalar import Site
from graphc.memory.ordering import ordered
from graphc.ops import ops
from graphc.schedule.kernel import Argument, Kernel, Launch, Schedule

#: What each launch reads, which buffer it writes, and whether it has a check.
Step = tuple[str, str, bool]


class Program:
    """Launches between buffers named by letters; `updates` pairs variables with their values."""

    def __init__(self, steps: list[Step], updates: dict[str, str]) -> None:
        names = {name for reads, write, _ in steps for name in (*reads, write)} | updates.keys()
        self.nodes = {name: node(name, is_variable=name in updates) for name in sorted(names)}
        self.schedule = Schedule(tuple(self.launch(*step) for step in steps))
        pairs = tuple((self.nodes[old], self.nodes[new]) for old, new in updates.items())
        self.graph = Graph("order", (), (), (), (), pairs)

    def launch(self, reads: str, write: str, checks: bool) -> Launch:
        names = [*reads, write]
        arguments = tuple(Argument(name, float32, 1, name == write) for name in names)
        sites = (Site(self.nodes[write], 0),) if checks else ()
        operands = tuple(self.nodes[name] for name in names)
        return Launch(Kernel((), arguments, (), False), operands, (), write, sites)

    def order(self) -> str:
        """What the launches write, in the order found."""
        return "".join(launch.reason for launch in ordered(self.schedule, self.graph).launches)


def node(name: str, is_variable: bool) -> Node:
    if is_variable:
        return ops.variable(shape=(), dtype=float32, trainable=True, name=name)
    return ops.placeholder(shape=(), dtype=float32, name=name)


# launches, updates, the order in which they are to run
CASES: list[tuple[list[Step], dict[str, str], str]] = [
    ([("x", "a", False), ("a", "b", True)], {}, "ab"),
    ([("v", "a", False), ("v", "b", False)], {"v": "a"}, "ba"),  # b reads the old value
    ([("v", "a", False), ("a", "b", False)], {"v": "a"}, "ab"),  # b reads the new one
    ([("v", "a", False), ("va", "b", False)], {"v": "a"}, "ab"),  # b reads both: no way
    ([("v", "a", False), ("x", "b", True)], {"v": "a"}, "ba"),  # the check may fail
    ([("v", "a", True), ("x", "b", True)], {"v": "a"}, "ba"),
    ([("v", "a", False), ("a", "b", True)], {"v": "a"}, "ab"),
    ([("v", "a", False), ("x", "b", False), ("x", "c", False)], {"v": "a"}, "abc"),
    ([("u", "a", False), ("v", "b", False)], {"v": "a", "u": "b"}, "ab"),  # swapped
    # a state: set, read, written over by a loop, and read again
    ([("x", "s", False), ("s", "a", False), ("v", "s", False), ("sa", "b", False)],
     {"v": "b"}, "sasb"),
    ([("vu", "a", False), ("u", "b", False)], {"v": "a", "u": "b"}, "ab"),
    ([("v", "a", False), ("vu", "b", False)], {"v": "a", "u": "b"}, "ba"),
    # the step of a goes after c; b goes on, since nobody else reads u
    ([("v", "a", False), ("u", "b", False), ("v", "c", False)], {"v": "a", "u": "b"}, "bca"),
    # c reads u and a, d reads v and b: either a or b has to come too early
    ([("v", "a", False), ("u", "b", False), ("ua", "c", False), ("vb", "d", False),
      ("vu", "e", False)], {"v": "a", "u": "b"}, "eacbd"),
]  # fmt: skip


@pytest.mark.parametrize(("steps", "updates", "order"), CASES)
def test_order(steps: list[Step], updates: dict[str, str], order: str) -> None:
    assert Program(steps, updates).order() == order


@st.composite
def programs(draw: st.DrawFn) -> tuple[list[Step], dict[str, str]]:
    steps: list[Step] = []
    for write in "abcdefgh"[: draw(st.integers(1, 8))]:
        known = "xuvw" + "".join(step[1] for step in steps)
        reads = draw(st.lists(st.sampled_from(known), min_size=1, max_size=3, unique=True))
        steps.append(("".join(reads), write, draw(st.sampled_from((False, False, True)))))
    written = [step[1] for step in steps]
    values = draw(st.lists(st.sampled_from(written), max_size=3, unique=True))
    return steps, dict(zip("uvw", values, strict=False))


@settings(derandomize=True, database=None, max_examples=300)
@given(programs())
def test_dependencies_always_hold(program: tuple[list[Step], dict[str, str]]) -> None:
    steps, updates = program
    order = Program(steps, updates).order()
    assert sorted(order) == sorted(step[1] for step in steps)
    for reads, write, _ in steps:
        assert all(order.index(name) < order.index(write) for name in reads if name in order)


@settings(derandomize=True, database=None, max_examples=300)
@given(programs())
def test_no_more_updates_come_too_early_than_without(
    program: tuple[list[Step], dict[str, str]],
) -> None:
    steps, updates = program
    before = "".join(step[1] for step in steps)
    assert too_early(Program(steps, updates).order(), steps, updates) <= too_early(
        before, steps, updates
    )


def too_early(order: str, steps: list[Step], updates: dict[str, str]) -> int:
    """Updates before something that reads the old value or checks."""
    count = 0
    for variable, value in updates.items():
        later = [step for step in steps if order.index(step[1]) > order.index(value)]
        count += any(variable in reads or checks for reads, _, checks in later)
    return count
