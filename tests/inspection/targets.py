"""The programs that tests of this room look at."""

from __future__ import annotations

from pathlib import Path

from graphc.inspection.loading import load
from graphc.inspection.target import Subject

PROGRAMS = Path(__file__).parent / "programs"
PERCEPTRON = PROGRAMS / "perceptron.py"
FAILING = PROGRAMS / "failing.py"
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

FEEDS = {"x": "rng.normal(size=(4, 6))", "y": "rng.integers(3, size=4)"}


def subject(function: str, *fetches: str) -> Subject:
    """A program of perceptron.py."""
    return load(f"{PERCEPTRON}:{function}", fetches)


def line_of(file: Path, comment: str) -> int:
    """The number of the line that ends in a comment."""
    lines = file.read_text(encoding="utf-8").splitlines()
    (number,) = [k for k, line in enumerate(lines, 1) if line.endswith(f"# {comment}")]
    return number
