from __future__ import annotations

import json

import pytest

from graphc.compiler import compile_graph, symbols
from graphc.inspection.memory import memory_view
from graphc.inspection.stages import Options, view
from graphc.inspection.view import Code
from tests.inspection.targets import LOOPS, loops, subject


def test_every_buffer_is_listed_once() -> None:
    made = compile_graph(subject("step").graph, stop="memory")
    assert made.slots and made.schedule
    data = memory_view(made, {"batch": 8}).data
    used = {buffer for launch in made.schedule.launches for buffer in launch.operands}
    assert len(data["buffers"]) == len(used | made.slots.keys())
    roles = {buffer["role"] for buffer in data["buffers"]}
    assert roles >= {"placeholder", "variable", "output", "update", "temporary"}


def test_only_temporaries_lie_in_the_arena() -> None:
    data = view(subject("step").graph, "memory", Options(dims={"batch": 8})).data
    for buffer in data["buffers"]:
        places = buffer["offset"], buffer["first_launch"], buffer["last_launch"]
        if buffer["role"] == "temporary" and buffer["offset"] is not None:
            assert buffer["offset"] + buffer["bytes"] <= data["memory"]["arena"]["bytes"]
            assert 0 <= buffer["first_launch"] <= buffer["last_launch"] < data["launches"]
        else:
            assert places == (None, None, None)


def test_without_sizes_there_are_no_offsets() -> None:
    shown = view(subject("step").graph, "memory")
    assert all(buffer["offset"] is None for buffer in shown.data["buffers"])
    assert not any(isinstance(block, Code) for block in shown.blocks)
    assert shown.text.endswith(
        "Give every dim a size (--dim NAME=SIZE) to see offsets and the arena."
    )
    assert "peak " in shown.text and "*batch" in shown.text


def test_with_sizes_there_is_a_picture() -> None:
    shown = view(subject("step").graph, "memory", Options(dims={"batch": 8}))
    assert isinstance(shown.blocks[-1], Code)
    assert "24*batch  = 192" in shown.text


def test_a_program_of_known_dims_needs_no_sizes() -> None:
    shown = view(subject("alike").graph, "memory")
    assert isinstance(shown.blocks[-1], Code)
    assert shown.data["dims"] == {}


def test_what_lies_in_the_memory_of_something_else() -> None:
    """Both weights and the bias are replaced in place; a chain of results is one buffer."""
    data = view(subject("step").graph, "memory", Options(dims={"batch": 8})).data
    found = {buffer["lies_in"] for buffer in data["buffers"] if buffer["role"] == "update"}
    assert found == {"%w1", "%b1", "%w2"}
    assert data["memory"]["updates"]["bytes"] == 0
    offsets = {buffer["name"]: buffer["offset"] for buffer in data["buffers"]}
    inside = [b for b in data["buffers"] if b["role"] == "temporary" and b["lies_in"]]
    assert inside
    assert all(offsets[buffer["name"]] == offsets[buffer["lies_in"]] for buffer in inside)


def test_tapes_are_told_with_how_they_grow() -> None:
    shown = view(loops("tape").graph, "memory")
    assert shown.data["memory"]["tapes"] == {"expression": "16*_turns1", "bytes": None}
    assert shown.data["memory"]["peak"]["bytes"] is not None  # which is without them
    assert [each["bytes_a_turn"] for each in shown.data["growing"]] == ["8", "8"]
    assert [each["bytes_at_first"] for each in shown.data["growing"]] == ["2048", "2048"]
    assert all(each["grows"] and each["bytes"] is None for each in shown.data["growing"])
    assert "Tapes come on top of the peak." in shown.text
    known = view(loops("tape").graph, "memory", Options(dims={"_turns1": 1000}))
    assert known.data["memory"]["tapes"]["bytes"] == 16_000
    assert [each["bytes"] for each in known.data["growing"]] == [8192, 8192]
    without = view(loops("rows").graph, "memory")
    assert without.data["growing"] == [] and "Tapes" not in without.text


def test_rows_lie_in_what_they_are_rows_of() -> None:
    data = view(loops("nested").graph, "memory").data
    rows = [each for each in data["buffers"] if each["role"] == "moving" and each["lies_in"]]
    assert {each["lies_in"] for each in rows} >= {"%xs"}
    assert {each["type"] for each in rows} == {"f64[5]"}


@pytest.mark.parametrize("name", LOOPS)
def test_every_buffer_of_a_loop_is_listed_once_with_a_name(name: str) -> None:
    made = compile_graph(loops(name).graph, stop="memory")
    assert made.schedule is not None
    data = memory_view(made, dict.fromkeys(symbols(made.graph), 20)).data
    assert json.loads(json.dumps(data)) == data
    names = [each["name"] for each in data["buffers"]]
    assert len(names) == len(set(names)) and not any("?" in each for each in names)
    arena = data["memory"]["arena"]["bytes"]
    for buffer in data["buffers"]:
        if buffer["offset"] is not None:
            assert buffer["offset"] + buffer["bytes"] <= arena
