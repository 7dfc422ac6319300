from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.peers.numpy_peer import NumpyPeer
from benchmarks.peers.program import Program
from benchmarks.worker.serving import serve

CALL = {"peer": "numpy", "workload": "call", "dtype": "float32", "threads": 64, "small": True}
SGD = {**CALL, "workload": "sgd_step"}


def answers(*requests: dict[str, Any]) -> list[dict[str, Any]]:
    replies = io.StringIO()
    serve(io.StringIO("".join(json.dumps(request) + "\n" for request in requests)), replies)
    return [json.loads(line) for line in replies.getvalue().splitlines()]


def test_a_whole_conversation(tmp_path: Path) -> None:
    prepared, built, checked, timed, memory = answers(
        {"do": "prepare", **CALL},
        {"do": "build"},
        {"do": "check", "calls": 1, "folder": str(tmp_path)},
        {"do": "time", "wanted": 4, "limit": 10.0},
        {"do": "memory"},
        {"do": "quit"},
        {"do": "build"},
    )
    assert prepared == {"ok": {"version": np.__version__}}
    assert built["ok"]["seconds"] > 0
    assert np.load(checked["ok"]["files"][0]).shape == (4,)
    assert len(timed["ok"]["seconds"]) == 4
    assert min(timed["ok"]["seconds"]) * timed["ok"]["batch"] > 1e-3
    assert memory["ok"].keys() == {"peak", "growth"}


def test_graphc_tells_of_its_kernels_and_others_do_not() -> None:
    graphc, numpy = (
        answers({"do": "prepare", **CALL, "peer": peer}, {"do": "build"}, {"do": "profile"})[-1]
        for peer in ("graphc", "numpy")
    )
    assert numpy == {"ok": {"profile": None}}
    (job,) = graphc["ok"]["profile"]["jobs"]
    assert job["seconds"] >= job["least_seconds"] >= 0 == job["flops"]


def test_state_is_among_the_results_and_moves_with_every_call(tmp_path: Path) -> None:
    def weights(calls: int) -> Any:
        folder = tmp_path / str(calls)
        folder.mkdir()
        found = answers(
            {"do": "prepare", **SGD},
            {"do": "build"},
            {"do": "check", "calls": calls, "folder": str(folder)},
        )[-1]
        assert len(found["ok"]["files"]) == 5  # the loss, and four weights
        return np.load(found["ok"]["files"][1])

    assert not np.array_equal(weights(1), weights(2))


def test_what_is_left_transposed_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = np.ones((2, 3, 4)).transpose(0, 2, 1)
    program = Program(lambda: [view], list)
    monkeypatch.setattr(NumpyPeer, "build", lambda self, setup, inputs: program)
    *_, checked = answers(
        {"do": "prepare", **CALL},
        {"do": "build"},
        {"do": "check", "calls": 1, "folder": str(tmp_path)},
    )
    assert checked == {"error": "ValueError: result 0 is not in row-major order"}


def test_troubles_are_answers() -> None:
    absent, without, unknown, unprepared = answers(
        {"do": "prepare", **CALL, "workload": "layer_norm_gelu"},
        {"do": "prepare", **CALL, "workload": "scalar_loop", "peer": "torch-compile"},
        {"do": "prepare", **CALL, "workload": "none such"},
        {"do": "memory", "surplus": 1},
    )
    assert absent == {"absent": "there is no way to say this in NumPy"}
    assert without == {"absent": "there is no way to say this in PyTorch compiled"}
    assert unknown == {"error": "KeyError: 'none such'"}
    assert unprepared["error"].startswith("TypeError")
