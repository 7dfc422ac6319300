from __future__ import annotations

from graphc.inspection.loading import load
from graphc.inspection.summary import summary_view
from tests.inspection.targets import AFFINE, PERCEPTRON, loops, subject


def test_what_is_told_of_a_program() -> None:
    data = summary_view(subject("step"), {"batch": 8}).data
    assert [entry["name"] for entry in data["inputs"]] == ["x", "y"]
    assert data["inputs"][0]["shape"] == ["batch", 6]
    assert data["inputs"][0]["location"].startswith(str(PERCEPTRON))
    assert [entry["parameters"] for entry in data["variables"]] == [30, 5, 15]
    assert data["parameters"] == {"total": 50, "trainable": 50}
    assert data["fetches"][1] == {"name": "train", "updates": ["w1", "b1", "w2"]}
    assert data["ops"]["matmul"] == {"built": 5, "optimized": 5}
    assert data["ops"]["fma"]["built"] == 0 < data["ops"]["fma"]["optimized"]
    assert 0 < data["kernels"] <= data["launches"]
    assert data["memory"]["inputs"] == {"expression": "28*batch", "bytes": 224}


def test_launches_that_share_a_kernel() -> None:
    data = summary_view(subject("alike"), {}).data
    assert (data["kernels"], data["launches"]) == (1, 2)


def test_the_text_tells_the_same() -> None:
    text = summary_view(subject("step"), {}).text
    assert text.startswith(f"{PERCEPTRON}:step: graph @step\n")
    assert "50 parameters, 50 of them trainable; " in text
    assert "train  f32[6, 5] to w1" in text
    assert "relies on" not in text


def test_guards_are_told() -> None:
    shown = summary_view(subject("guarded"), {"rows": 4})
    assert shown.data["guards"] == ["rows == batch"]
    assert shown.text.endswith("relies on rows == batch")
    assert shown.data["memory"]["inputs"]["bytes"] == 96


def test_a_text_form_file_is_told_of_alike() -> None:
    shown = summary_view(load(str(AFFINE)), {"batch": 2})
    assert shown.data["parameters"] == {"total": 6, "trainable": 6}
    assert shown.data["memory"]["outputs"]["bytes"] == 2 * 2 * 4 + 4


def test_tapes_come_on_top_of_the_peak() -> None:
    shown = summary_view(loops("open_end"), {"n": 7, "_turns1": 20})
    memory = shown.data["memory"]
    assert memory["tapes"] == {"expression": "512*_turns1*n", "bytes": 20 * 7 * 512}
    parts = ("inputs", "outputs", "arena")
    assert memory["peak"]["bytes"] == sum(memory[part]["bytes"] for part in parts)
    assert [each["bytes"] for each in shown.data["growing"]] == [57_344, 57_344]
    assert "Tapes come on top of the peak." in shown.text
