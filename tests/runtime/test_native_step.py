"""What native code keeps of a program: signatures and arenas."""

from __future__ import annotations

from typing import Any

import numpy as np

import graphc as gc
from graphc.codegen.calls.layout import Program
from graphc.runtime.calling import BoundStep
from graphc.runtime.native_step import NativeStep


def record_of(step: BoundStep) -> Any:
    found = step._step
    assert isinstance(found, NativeStep)
    return found


def test_as_many_shapes_are_remembered_as_are_used_last(graph: gc.Graph) -> None:
    x = gc.placeholder(gc.float32, ("n",), name="x")
    step = gc.Session(graph).make_callable(x + 1, [x])
    for size in (*range(1, 12), 5, 4, 11, 12, 3):
        assert step(np.zeros(size, np.float32)).tolist() == [1] * size
        step(np.zeros(4, np.float32))  # always used
    inside = record_of(step)
    assert len(inside._linked) == len(inside._signatures) == 8
    assert set(inside._linked.values()) == set(inside._signatures.values())
    chain, here = [], inside._record.words[Program.SIGNATURES]
    while here:
        chain.append(inside._linked[here].shapes[0][0])
        here = inside._linked[here].words[0]
    assert chain[:2] == [4, 3] and sorted(chain) == [3, 4, 5, 8, 9, 10, 11, 12]


def test_an_arena_is_kept_and_grows(graph: gc.Graph) -> None:
    x = gc.placeholder(gc.float32, ("n", "n"), name="x")
    step = gc.Session(graph).make_callable(gc.sum(gc.sort(x @ x)), [x])
    inside, sizes = record_of(step), []
    for size in (3, 50, 3, 100):
        step(np.ones((size, size), np.float32))
        (arena,) = inside._arenas.values()
        sizes.append(arena.nbytes)
    assert sizes[0] < sizes[1] == sizes[2] < sizes[3]
