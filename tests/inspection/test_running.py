from __future__ import annotations

import re

import numpy as np
import pytest

import graphc as gc
from graphc.errors import AttributeValueError, FeedError, GuardError, OutOfRangeError
from graphc.inspection.loading import load
from graphc.inspection.running import run
from tests.inspection.targets import AFFINE, FEEDS, PERCEPTRON, line_of, subject


def test_machine_code_and_the_reference_agree() -> None:
    native, reference = (run(subject("step"), FEEDS, reference=r) for r in (False, True))
    assert native.kernels > 0 == reference.kernels
    np.testing.assert_allclose(native.results["loss"], reference.results["loss"], rtol=1e-6)
    for name, value in native.updates.items():
        np.testing.assert_allclose(value, reference.updates[name], rtol=1e-5, atol=1e-7)


def test_runs_follow_each_other_as_in_a_session() -> None:
    outcome = run(subject("counting"), {}, repeat=3)
    with gc.Graph() as graph:
        count = gc.variable(np.float32(1), name="count")
        add = gc.assign(count, count + 1)
    with gc.Session(graph) as session:
        seen = [session.run([count, add])[0] for _ in range(3)]
        last = session.get_value(count)
    assert outcome.results["count"] == seen[-1] == 3
    assert outcome.updates["count"] == last == 4
    assert len(outcome.run_seconds) == 3


def test_a_variable_can_be_fed() -> None:
    outcome = run(subject("counting"), {"count": "10"})
    assert outcome.results["count"] == 10


def test_a_text_form_files_variables_are_zero_unless_fed() -> None:
    found = load(str(AFFINE))
    zeros = run(found, {"x": "np.ones((2, 3))"})
    assert zeros.notices == (
        "starting as zeros, since the file gives no values and none are fed: w",
    )
    assert zeros.results["loss"] == 0
    ones = run(found, {"x": "np.ones((2, 3))", "w": "np.ones((3, 2))"})
    assert ones.notices == ()
    assert ones.results["loss"] == 36
    np.testing.assert_array_equal(ones.updates["w"], np.full((3, 2), 0.5))


def test_what_was_not_asked_for_need_not_be_fed() -> None:
    outcome = run(subject("step", "logits"), {"x": FEEDS["x"]})
    assert list(outcome.results) == ["logits"]
    assert outcome.updates == {}


_X = (
    "the placeholder x: f32[batch, 6] is needed and not fed; add --feed x=FILE.npy, or an "
    "expression: --feed x='rng.normal(size=(8, 6))'"
)
_Y = (
    "the placeholder y: i32[batch] is needed and not fed; add --feed y=FILE.npy, or an "
    "expression: --feed y='rng.integers(2, size=(8,))'"
)


@pytest.mark.parametrize(
    ("feeds", "message"),
    [
        ({}, _X),
        ({"x": "np.ones((2, 6))"}, _Y),
        ({"z": "1"}, "the program has no input named z; it has x, y, w1, b1, w2"),
        ({"w": "1"}, "the program has no input named w; did you mean w2?"),
        (
            FEEDS | {"w1": "np.ones((2, 2))"},
            "the variable w1 is f32[6, 5]; it cannot be given float32[2, 2]",
        ),
        (
            FEEDS | {"x": "np.ones(3)"},
            "x is declared with 2 dims, [batch, 6], but is fed an array of shape [3]",
        ),
    ],
)
def test_feeds_that_do_not_fit(feeds: dict[str, str], message: str) -> None:
    with pytest.raises(FeedError) as caught:
        run(subject("step"), feeds)
    assert caught.value.message == message


def test_sizes_that_break_a_guard() -> None:
    with pytest.raises(GuardError, match="the program relies on rows == batch"):
        run(subject("guarded"), {"x": "np.ones((2, 3))", "y": "np.ones((4, 3))"})


@pytest.mark.parametrize("reference", [False, True])
def test_an_index_out_of_range_names_the_line(reference: bool) -> None:
    line = line_of(PERCEPTRON, "takes the sixth")
    where = re.escape(f"created at {PERCEPTRON}:{line}")
    with pytest.raises(OutOfRangeError, match=rf"index 5 is out of range[\s\S]*{where}"):
        run(subject("picked"), {"x": "np.ones(5)"}, reference=reference)


def test_a_number_of_runs_that_makes_no_sense() -> None:
    with pytest.raises(AttributeValueError, match="cannot run 0 times"):
        run(subject("counting"), {}, repeat=0)
