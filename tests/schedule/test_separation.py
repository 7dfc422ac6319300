"""Every value and reader in different kernels have a reason, and it is the right one."""

from __future__ import annotations

from pathlib import Path

import pytest

from graphc.compiler import compile_graph
from graphc.inspection.loading import load
from graphc.ir.graph import Graph
from graphc.ir.node import Node
from graphc.ir.printer import value_names
from graphc.schedule.contents import computed
from graphc.schedule.reasons import Why
from tests.inspection.targets import subject
from tests.properties.comparing import for_all, quick_and_long
from tests.properties.random_graphs import Script, Twins, scripts
from tests.schedule.programs import parsed, scheduled

DIGITS = Path(__file__).parents[2] / "samples" / "digits.py"

# a program, and the pairs (value, reader) apart with their reasons, by ops
PROGRAMS: dict[str, tuple[str, set[tuple[str, str, Why]]]] = {
    "one kernel": (
        """(%x: f32[9]) -> f32[9]
        %0: f32[9] = exp(%x)
        %1: f32[9] = neg(%0)
        return %1""",
        set(),
    ),
    "a scan of something": (
        """(%x: f32[9]) -> (f32[9], f32[9])
        %0: f32[9] = exp(%x)
        %1: f32[9] = cumsum(%0, axis=0)
        return %0, %1""",
        {("exp", "cumsum", Why.READER_IN_ORDER)},
    ),
    "something of a scan": (
        """(%x: f32[9]) -> f32[9]
        %0: f32[9] = cumsum(%x, axis=0)
        %1: f32[9] = exp(%0)
        return %1""",
        {("cumsum", "exp", Why.PRODUCER_IN_ORDER)},
    ),
    "a product of something": (
        """(%x: f32[9, 9]) -> f32[9, 9]
        %0: f32[9, 9] = exp(%x)
        %1: f32[9, 9] = matmul(%0, %x)
        return %1""",
        {("exp", "matmul", Why.REREAD)},
    ),
    "a long vector's sum": (
        """(%x: f32[n]) -> f32[]
        %0: f32[] = sum(%x, axes=[0])
        return %0""",
        {("chunk_reduce", "sum", Why.PARTS)},
    ),
    "something turned around": (
        """(%x: f32[9]) -> (f32[9], f32[9])
        %0: f32[9] = exp(%x)
        %1: f32[9] = flip(%0, axes=[0])
        return %0, %1""",
        {("exp", "flip", Why.MOVED)},
    ),
    "the maximum of maxima": (
        """(%x: f32[9, 9]) -> (f32[9], f32[])
        %0: f32[9] = max(%x, axes=[1])
        %1: f32[] = max(%0, axes=[0])
        return %0, %1""",
        {("max", "max", Why.ALL_ROWS)},
    ),
    "a number for many": (
        """(%x: f32[n], %y: f32[]) -> (f32[n], f32[])
        %0: f32[] = exp(%y)
        %1: f32[n] = broadcast_to(%0, shape=[n])
        %2: f32[n] = mul(%1, %x)
        return %2, %0""",
        {("exp", "mul", Why.NUMBER)},
    ),
    "down the rows": (
        """(%x: f32[9, 3, 5]) -> (f32[9, 3, 5], f32[9, 5])
        %0: f32[9, 3, 5] = exp(%x)
        %1: f32[9, 5] = sum(%0, axes=[1])
        return %0, %1""",
        {("exp", "sum", Why.ACROSS)},
    ),
    "positions computed with what is taken": (
        """(%x: f32[9], %i: i32[9]) -> (f32[9], i32[9], f32[9])
        %0: f32[9] = exp(%x)
        %1: i32[9] = add(%i, %i)
        %2: f32[9] = gather(%0, %1, axes=[0], position=0)
        return %0, %1, %2""",
        {("exp", "gather", Why.MOVED), ("add", "gather", Why.ALSO_READS)},
    ),
    "rows of a product's result": (
        """(%x: f32[n, 40], %y: f32[40, 50]) -> (f32[50], f32[n])
        %0: f32[n, 50] = matmul(%x, %y)
        %1: f32[50] = sum(%0, axes=[0])
        %2: f32[n] = sum(%0, axes=[1])
        return %1, %2""",
        {("block_reduce", "sum", Why.PARTS)},
    ),
    "long rows of a product's result": (
        """(%x: f32[n, 40], %y: f32[40, 5000]) -> f32[n]
        %0: f32[n, 5000] = matmul(%x, %y)
        %1: f32[n] = sum(%0, axes=[1])
        return %1""",
        {("matmul", "sum", Why.SINGLY)},
    ),
    "all columns of a stack of products": (
        """(%x: f32[n, 9, 40], %y: f32[n, 40, 50]) -> f32[n]
        %0: f32[n, 9, 50] = matmul(%x, %y)
        %1: f32[n] = sum(%0, axes=[1, 2])
        return %1""",
        {("matmul", "sum", Why.ALL_ROWS)},
    ),
    "rows of a stack of products": (
        """(%x: f32[90, n, 40], %y: f32[90, 40, 50]) -> f32[50]
        %0: f32[90, n, 50] = matmul(%x, %y)
        %1: f32[50] = sum(%0, axes=[0, 1])
        return %1""",
        {("block_reduce", "sum", Why.PARTS), ("matmul", "block_reduce", Why.SINGLY)},
    ),
    "rows of a product with what comes later": (
        """(%x: f32[n, 40], %y: f32[40, 50]) -> (f32[n, 50], f32[50])
        %0: f32[n, 50] = matmul(%x, %y)
        %1: f32[n, 50] = cumsum(%0, axis=1)
        %2: f32[n, 50] = mul(%0, %1)
        %3: f32[50] = sum(%2, axes=[0])
        return %0, %3""",
        {
            ("matmul", "cumsum", Why.READER_IN_ORDER),
            ("matmul", "block_reduce", Why.ALSO_NEEDS),
            ("cumsum", "block_reduce", Why.PRODUCER_IN_ORDER),
            ("block_reduce", "sum", Why.PARTS),
        },
    ),
    "something else that comes later": (
        """(%x: f32[9], %y: f32[9]) -> (f32[9], f32[9])
        %0: f32[9] = exp(%x)
        %1: f32[9] = cumsum(%y, axis=0)
        %2: f32[9] = sub(%0, %1)
        return %0, %2""",
        {("exp", "sub", Why.ALSO_NEEDS), ("cumsum", "sub", Why.PRODUCER_IN_ORDER)},
    ),
}


@pytest.mark.parametrize("title", PROGRAMS)
def test_reasons_of_small_programs(title: str) -> None:
    program, expected = PROGRAMS[title]
    found = scheduled(parsed(program)).separations
    assert {(one.producer.op.name, one.reader.op.name, one.why) for one in found} == expected


@quick_and_long(60, 1000)
def test_every_pair_of_random_graphs_has_a_reason(examples: int) -> None:
    def check(script: Script) -> None:
        every_pair_has_a_reason(Twins(script).graph())

    for_all(scripts(), check, examples)


@pytest.mark.parametrize("name", ["step", "alike", "guarded"])
def test_every_pair_of_programs_has_a_reason(name: str) -> None:
    every_pair_has_a_reason(subject(name).graph)


def test_every_pair_of_a_sample_has_a_reason() -> None:
    every_pair_has_a_reason(load(f"{DIGITS}:build", ()).graph)


def every_pair_has_a_reason(graph: Graph) -> None:
    """For each edge, and each launch that computes its reader but reads its value from memory."""
    made = compile_graph(graph, stop="kernels")
    assert made.schedule is not None and made.prepared is not None
    names = value_names(made.prepared)
    told: dict[Node, set[Node]] = {}
    for one in made.schedule.separations:
        text = one.text(names)
        assert names[one.producer] in text or names[one.reader] in text
        assert "?" not in text and "{" not in text
        assert one.why not in (Why.WITH_OTHERS, Why.UNPROVEN), "a rule is missing"
        told.setdefault(one.producer, set()).add(one.reader)
    stored = {node for launch in made.schedule.launches for node in launch.nodes}
    for launch in made.schedule.launches:
        inside = computed(launch)
        values = {node for user in inside for node in user.inputs if node in stored - inside}
        for value in values:
            assert told[value] & set(launch.nodes), (value, launch.nodes)


def test_a_reason_speaks_of_the_nodes() -> None:
    program = PROGRAMS["a product of something"][0]
    made = compile_graph(parsed(program), stop="kernels")
    assert made.schedule is not None and made.prepared is not None
    (one,) = made.schedule.separations
    names = value_names(made.prepared)
    assert one.text(names) == "%1 reads every element of %0 over and over (matmul)"
