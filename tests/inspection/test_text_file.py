from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from graphc.errors import ParseError, TargetError, VerificationError
from graphc.inspection.listing import graph_view
from graphc.inspection.loading import load
from graphc.inspection.running import run
from graphc.inspection.stages import view
from graphc.inspection.text_file import read, write
from graphc.ir.printer import print_graph
from tests.inspection.targets import AFFINE, FEEDS, LOOPS, loops, subject

_LARGE = """\
graph @large(%x: f32[20]) -> f32[20] {
  %0: f32[20] = constant(value=@c_000000000000)
  %1: f32[20] = add(%x, %0)
  return %1
}
"""


@pytest.mark.parametrize("stage", ["graph", "optimized"])
def test_what_was_written_computes_the_same(tmp_path: Path, stage: str) -> None:
    made = subject("step")
    files = write(view(made.graph, stage), made, tmp_path / "step.graph")
    assert [file.name for file in files] == ["step.graph", "step.npz"]
    found = read(files[0])
    assert len(found.initial) == 3
    one, other = (run(each, FEEDS, repeat=3) for each in (made, found))
    assert [*one.results.values()] == [*other.results.values()]
    for name, value in one.updates.items():
        np.testing.assert_array_equal(value, other.updates[name])


@pytest.mark.parametrize("stage", ["graph", "optimized"])
@pytest.mark.parametrize("name", LOOPS)
def test_written_loops_compute_the_same(tmp_path: Path, name: str, stage: str) -> None:
    made = loops(name)
    shown = view(made.graph, stage)
    found = read(write(shown, made, tmp_path / "loops.graph")[0])
    assert print_graph(found.graph) == shown.code
    one, other = (run(each, LOOPS[name]) for each in (made, found))
    pairs = zip(one.results.values(), other.results.values(), strict=True)
    assert all(mine.tobytes() == theirs.tobytes() for mine, theirs in pairs)
    for key, value in one.updates.items():
        assert value.tobytes() == other.updates[key].tobytes()


def test_a_graph_without_arrays_is_one_file(tmp_path: Path) -> None:
    made = load(str(AFFINE))
    assert write(graph_view(made.graph), made, tmp_path / "a.graph") == [tmp_path / "a.graph"]
    assert print_graph(read(tmp_path / "a.graph").graph) == print_graph(made.graph)


def test_large_constants_are_read_from_the_file_beside_it(tmp_path: Path) -> None:
    values = np.arange(20, dtype=np.float32)
    (tmp_path / "large.graph").write_text(_LARGE)
    np.savez(tmp_path / "large.npz", c_000000000000=values)
    outcome = run(read(tmp_path / "large.graph"), {"x": "np.ones(20)"})
    np.testing.assert_array_equal(outcome.results["1"], values + 1)


def test_large_constants_that_are_not_there(tmp_path: Path) -> None:
    (tmp_path / "large.graph").write_text(_LARGE)
    with pytest.raises(ParseError, match="c_000000000000"):
        read(tmp_path / "large.graph")


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("graph @g(", ParseError, "expected"),
        (
            "graph @g(%x: f32[n], %y: f32[m]) -> f32[n] {\n"
            "  %0: f32[n] = add(%x, %y)\n  return %0\n}",
            VerificationError,
            "relies on",
        ),
        (
            "graph @g(%0: f32[2]) -> f32[2] {\n  return %0\n}",
            TargetError,
            r"^the input %0: f32\[2\] needs a name, not a number$",
        ),
        (
            "graph @g(variable %w: f32[n]) -> f32[n] {\n  return %w\n}",
            TargetError,
            r"^the variable w is f32\[n\]; a variable's dims must be numbers$",
        ),
    ],
)
def test_files_that_hold_no_program(
    tmp_path: Path, text: str, error: type[Exception], message: str
) -> None:
    file = tmp_path / "bad.graph"
    file.write_text(text)
    with pytest.raises(error, match=message):
        read(file)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "bad.graph").write_bytes(b"\xff\xfe")
    with pytest.raises(TargetError, match=r"bad.graph cannot be read: "):
        read(tmp_path / "bad.graph")
    (tmp_path / "large.graph").write_text(_LARGE)
    (tmp_path / "large.npz").write_bytes(b"nonsense")
    with pytest.raises(TargetError, match=r"large.npz cannot be read as an archive of arrays: "):
        read(tmp_path / "large.graph")


def test_files_that_cannot_be_written(tmp_path: Path) -> None:
    made = load(str(AFFINE))
    with pytest.raises(TargetError, match="cannot be written: "):
        write(graph_view(made.graph), made, tmp_path / "absent" / "a.graph")
