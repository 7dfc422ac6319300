from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from graphc.errors import TargetError
from graphc.inspection.results import outcome_view, save
from graphc.inspection.running import Outcome

OUTCOME = Outcome(
    results={
        "loss": np.float32(2.5).reshape(()),
        "a/b": np.array([np.nan, np.inf, -np.inf]),
        "large": np.zeros((50, 50), np.int32),
        "none": np.zeros((0, 3), np.bool_),
    },
    updates={"w": np.array([1.0, 2.0], np.float32), "e": np.zeros(0, np.float32)},
    reference=False,
    compile_seconds=0.0312,
    run_seconds=(2e-6, 4e-6, 3e-6),
    kernels=2,
    launches=3,
    notices=("something to know",),
)


def test_text() -> None:
    lines = outcome_view(OUTCOME).text.splitlines()
    assert lines[0] == "note: something to know"
    assert "loss: f32[] = 2.5" in lines
    assert "a/b: f64[3] = [ nan  inf -inf]" in lines
    assert "large: i32[50, 50] =" in lines and "   ..." in lines
    assert "none: bool[0, 3] = []" in lines
    assert "w        f32[2]      1         2   1.5" in lines
    assert lines[-1] == (
        "compiled in 31.2 ms: 3 launches of 2 kernels; ran 3 times: 2 µs at best, 3 µs in the "
        "median"
    )


def test_data_is_json_with_words_for_what_is_no_number() -> None:
    data = json.loads(json.dumps(outcome_view(OUTCOME).data, allow_nan=False))
    assert data["results"]["loss"] == {"dtype": "float32", "shape": [], "values": 2.5}
    assert data["results"]["a/b"]["values"] == ["nan", "inf", "-inf"]
    assert data["results"]["large"]["values"] is None
    assert data["updates"]["w"]["values"] == [1.0, 2.0]


def test_results_in_an_archive(tmp_path: Path) -> None:
    assert save(OUTCOME, tmp_path / "out.npz") == [tmp_path / "out.npz"]
    with np.load(tmp_path / "out.npz") as archive:
        assert archive.files == ["loss", "a/b", "large", "none", "w.new", "e.new"]
        np.testing.assert_array_equal(archive["w.new"], OUTCOME.updates["w"])


def test_results_in_a_folder(tmp_path: Path) -> None:
    files = save(OUTCOME, tmp_path / "new" / "out")
    assert [file.name for file in files[:2]] == ["loss.npy", "a%2Fb.npy"]
    np.testing.assert_array_equal(np.load(files[1]), OUTCOME.results["a/b"])


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TargetError, match="cannot be written: "):
        save(OUTCOME, tmp_path / "file")
