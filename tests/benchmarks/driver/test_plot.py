from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.driver import plot
from graphc.errors import BenchmarkError
from tests.benchmarks.made_up import report


def test_a_picture_is_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    plot.draw(report(), tmp_path / "speed.png")
    plot.draw(report(), tmp_path / "speed.svg")
    assert (tmp_path / "speed.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in (tmp_path / "speed.svg").read_text()


def test_no_picture_of_nothing(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    found = report()
    found.measurements[0].peers.clear()
    with pytest.raises(BenchmarkError, match="there is nothing to draw"):
        plot.draw(found, tmp_path / "speed.png")


def test_a_missing_library_is_told_beforehand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plot, "find_spec", lambda name: None)
    with pytest.raises(BenchmarkError, match="install it with the extra `plots`"):
        plot.check_possible()
