from __future__ import annotations

import re

import pytest

from graphc.errors import AssignmentError, FetchError
from graphc.inspection.loading import load
from graphc.ir.verifier import verify
from tests.inspection.targets import AFFINE, subject


def test_only_what_computes_the_fetches_is_left() -> None:
    whole = subject("step")
    some = whole.select(["loss"])
    assert [fetch.name for fetch in some.fetches] == ["loss"]
    assert some.graph.updates == ()
    assert len(some.graph.nodes) < len(whole.graph.nodes)
    verify(some.graph)


def test_no_names_select_everything() -> None:
    whole = subject("step")
    assert whole.select([]) is whole


@pytest.mark.parametrize("name", ["logits", "x", "w1", "0", "%0", "12"])
def test_tensors_can_be_fetched_by_name_or_number(name: str) -> None:
    (fetch,) = subject("step", name).fetches
    assert fetch.tensor is not None


def test_a_number_is_that_of_the_whole_graphs_text() -> None:
    assert subject("step", "0").graph.outputs[0].op.name == "matmul"


def test_a_name_that_is_asked_for_twice_is_fetched_once() -> None:
    assert len(subject("step", "loss", "loss").graph.outputs) == 1


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("lose", "there is nothing to fetch that is named 'lose'; did you mean 'loss'?"),
        ("qqq", "there is nothing to fetch that is named 'qqq'; there are 'loss', 'train'"),
    ],
)
def test_unknown_fetches(name: str, message: str) -> None:
    with pytest.raises(FetchError, match=f"^{re.escape(message)}$"):
        subject("step", name)


def test_two_new_values_for_one_variable_can_only_be_fetched_apart() -> None:
    message = "the variable count is assigned twice; fetch one of the assignments"
    with pytest.raises(AssignmentError, match=message):
        _ = subject("twice").graph
    assert len(subject("twice", "double").graph.updates) == 1


def test_a_guard_of_a_text_form_file_stays_while_its_dims_are_fed(tmp_path) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path / "guards.graph"
    file.write_text(
        "graph @g(%x: f32[n], %y: f32[m], %z: f32[k]) -> (f32[n], f32[m], f32[k])"
        " where n == m, k == m {\n"
        "  %a: f32[n] = neg(%x)\n  %b: f32[m] = neg(%y)\n  %c: f32[k] = neg(%z)\n"
        "  return %a, %b, %c\n}\n"
    )
    assert [str(guard) for guard in load(str(file)).graph.guards] == ["n == m", "k == m"]
    both = load(str(file), ["a", "b"]).graph
    assert [str(guard) for guard in both.guards] == ["n == m"]


def test_a_text_form_file_has_the_same_shape() -> None:
    found = load(str(AFFINE))
    assert [fetch.name for fetch in found.fetches] == ["y", "loss", "update_w"]
    assert [node.name for node in found.inputs] == ["x", "w"]
