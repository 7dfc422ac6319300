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


@pytest.mark.parametrize("name", ["digits.py", "lenet.py"])
def test_digits_are_read_and_figures_repeat(name: str) -> None:
    first, second = _run(name), _run(name)
    found = re.search(r"held out: loss .*, accuracy ([0-9.]+)%", first)
    assert found is not None
    assert float(found[1]) >= 97
    assert re.search(r"compiled \d+ kernels in [0-9.]+ s", first)
    without_time = [re.sub(r"in [0-9.]+ s", "", text) for text in (first, second)]
    assert without_time[0] == without_time[1]


@pytest.mark.parametrize(
    ("name", "findings"), [("automatic_differentiation.py", 20), ("ode.py", 50)]
)
def test_all_that_is_found_is_right_and_figures_repeat(name: str, findings: int) -> None:
    first, second = _run(name), _run(name)
    assert len(re.findall(r"^  right  ", first, re.MULTILINE)) >= findings
    assert "WRONG" not in first
    assert first == second
