from __future__ import annotations

from graphc.compiler import compile_graph
from graphc.inspection.memory import memory_view
from graphc.inspection.stages import Options, view
from graphc.inspection.view import Code
from tests.inspection.targets import subject


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
