"""The samples find what they should, and print the same figures every time."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def _run(name: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ran = subprocess.run(
        [sys.executable, str(ROOT / "samples" / name)],
        capture_output=True,
        text=True,
        env=environment,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def _without_times(text: str) -> str:
    return re.sub(r"in [0-9.]+ s|in [0-9.]+\b", "", text)


@pytest.mark.parametrize("name", ["digits.py", "lenet.py"])
def test_digits_are_read_and_figures_repeat(name: str) -> None:
    first, second = _run(name), _run(name)
    found = re.search(r"held out: loss .*, accuracy ([0-9.]+)%", first)
    assert found is not None
    assert float(found[1]) >= 97
    assert re.search(r"compiled \d+ kernels in [0-9.]+ s", first)
    assert _without_times(first) == _without_times(second)


@pytest.mark.parametrize(
    ("name", "findings"), [("automatic_differentiation.py", 20), ("newton.py", 14), ("ode.py", 50)]
)
def test_all_that_is_found_is_right(name: str, findings: int) -> None:
    assert _right(_run(name)) >= findings


def _right(text: str) -> int:
    assert "WRONG" not in text
    return len(re.findall(r"^  right  ", text, re.MULTILINE))


def test_an_lstm_learns_figures_repeat_and_more_steps_take_no_longer_to_compile() -> None:
    first, second = _run("lstm.py"), _run("lstm.py")
    assert _right(first) == 3
    assert _without_times(first) == _without_times(second)
    found = re.search(r"compiled for 64 steps in ([0-9.]+) s, for 1024 in ([0-9.]+)", first)
    assert found is not None
    assert float(found[2]) < 2 * float(found[1])  # of the processor's time, which others disturb
