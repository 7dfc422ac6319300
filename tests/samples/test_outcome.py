"""What the samples report by tells right from wrong."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

SAMPLES = Path(__file__).resolve().parents[2] / "samples"


@pytest.fixture
def outcome(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(SAMPLES))
    return import_module("outcome").Outcome()


def test_what_is_right_is_said_and_counts_as_success(
    outcome: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome.equal("ones", np.ones(2), [1.0, 1.0])
    outcome.near("about ten", 10.5, 10.0, 0.05)
    outcome.holds("true", True)
    assert outcome.status == 0
    assert capsys.readouterr().out == (
        "  right  ones: [1., 1.]\n  right  about ten: error 5.0e-02\n  right  true\n"
    )


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("equal", (np.ones(2), np.ones(3))),
        ("equal", (1.0, np.nextafter(1.0, 2.0))),
        ("equal", (np.nan, np.nan)),
        ("near", (10.6, 10.0, 0.05)),
        ("near", (np.nan, 10.0, 0.05)),
        ("near", (np.ones(1), 1.0, 0.05)),
        ("holds", (False,)),
    ],
)
def test_what_is_wrong_is_said_and_counts_as_failure(
    method: str, arguments: tuple[Any, ...], outcome: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    getattr(outcome, method)("it", *arguments)
    outcome.holds("true", True)
    assert outcome.status == 1
    assert capsys.readouterr().out.startswith("  WRONG  it")
