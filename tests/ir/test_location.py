from __future__ import annotations

import _thread
from pathlib import Path
from typing import Any

import numpy as np

import graphc
from graphc.ir.location import Location, capture, created_at, derived_from
from graphc.ops import ops

PACKAGE = str(Path(graphc.__file__).parent)


def _line_of(marker: str) -> int:
    lines = Path(__file__).read_text(encoding="utf-8").splitlines()
    (line,) = [k for k, text in enumerate(lines, 1) if text.endswith(f"# {marker}")]
    return line


def test_text_of_a_location() -> None:
    location = Location("/home/user/model.py", 14)
    assert str(location) == "model.py:14"
    assert location.full() == "/home/user/model.py:14"


def test_the_innermost_line_outside_graphc_is_found() -> None:
    node = ops.constant(value=np.zeros(2))  # made here
    assert node.location == Location(__file__, _line_of("made here"))


def test_frames_of_graphc_are_passed_over() -> None:
    code = compile("def make(call):\n    return call()", f"{PACKAGE}/api/invented.py", "exec")
    scope: dict[str, object] = {}
    exec(code, scope)
    found = scope["make"](capture)  # type: ignore[operator] # through a frame of graphc
    assert found == Location(__file__, _line_of("through a frame of graphc"))


def test_there_is_no_location_without_a_frame_outside() -> None:
    """A thread that the interpreter starts in a function of graphc has no other frames."""
    source = """
def run():
    try:
        found.append(capture())
    finally:
        done.release()
"""
    found: list[Location | None] = []
    done = _thread.allocate_lock()
    scope: dict[str, Any] = {"found": found, "capture": capture, "done": done}
    exec(compile(source, f"{PACKAGE}/api/invented.py", "exec"), scope)
    done.acquire()
    _thread.start_new_thread(scope["run"], ())
    assert done.acquire(timeout=10)
    assert found == [None]


def test_created_at_overrides_and_restores() -> None:
    origin, inner = Location("model.py", 3), Location("model.py", 4)
    with created_at(origin):
        assert capture() is origin
        with created_at(inner):
            assert capture() is inner
        assert capture() is origin
        with created_at(None):
            assert capture() not in (origin, inner)
    assert capture() == Location(__file__, _line_of("after"))  # after


def test_an_override_is_left_when_the_block_fails() -> None:
    try:
        with created_at(Location("model.py", 3)):
            raise ValueError
    except ValueError:
        assert capture() != Location("model.py", 3)


def test_nodes_can_be_given_no_location() -> None:
    with created_at(None):
        assert capture() is None


def test_a_derived_location_is_the_same_place_with_a_mark() -> None:
    origin = Location("model.py", 3)
    derived = derived_from(origin)
    assert derived == origin and str(derived) == "model.py:3"
    assert derived is not None and derived.derived and not origin.derived
    assert derived_from(None) is None
