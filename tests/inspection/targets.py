"""The programs that tests of this room look at."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from graphc.inspection.loading import load
from graphc.inspection.target import Subject

PROGRAMS = Path(__file__).parent / "programs"
PERCEPTRON = PROGRAMS / "perceptron.py"
FAILING = PROGRAMS / "failing.py"
LOOPS_FILE = PROGRAMS / "loops.py"
AFFINE = PROGRAMS / "affine.graph"

#: A program whose derivative is none: the factor that is left out counts in differences.
STOPPED = """graph @stopped(%x: f32[n], %s: f32[]) -> f32[n] {
  %0: f32[n] = stop_gradient(%x)
  %1: f32[n] = mul(%0, %x)
  %2: f32[n] = broadcast_to(%s, shape=[n])
  %3: f32[n] = mul(%1, %2)
  return %3
}
"""

#: The programs of loops.py, and what to feed them.
LOOPS: dict[str, dict[str, str]] = {
    "tape": {"x": "1.2"},
    "open_end": {"x": "rng.normal(size=(7, 64))", "w": "rng.normal(size=(64, 64)) / 10"},
    "rows": {"xs": "rng.normal(size=(6, 4, 8))"},
    "backwards": {"xs": "rng.normal(size=(20, 3))"},
    "nested": {"xs": "rng.normal(size=(4, 5)) * 3", "factor": "0.9"},
    "branches": {"x": "rng.normal(size=9)", "k": "1"},
    "stretches": {"x": "rng.normal(size=3)"},
    "row_stretches": {"xs": "rng.normal(size=(34, 3))"},
}

FEEDS = {"x": "rng.normal(size=(4, 6))", "y": "rng.integers(3, size=4)"}


def subject(function: str, *fetches: str) -> Subject:
    """A program of perceptron.py."""
    return load(f"{PERCEPTRON}:{function}", fetches)


@cache
def loops(name: str) -> Subject:
    """A program of loops.py."""
    return load(f"{LOOPS_FILE}:{name}")


def line_of(file: Path, comment: str) -> int:
    """The number of the line that ends in a comment."""
    lines = file.read_text(encoding="utf-8").splitlines()
    (number,) = [k for k, line in enumerate(lines, 1) if line.endswith(f"# {comment}")]
    return number
