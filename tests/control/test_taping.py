"""Tests of graphc/control/taping.py: what a loop records for the way back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.ir.graph import Graph, topological
from graphc.ir.node import Node

Turn = Callable[[Any, Any, Any], Any]

RECORDED: list[tuple[str, Turn, list[str]]] = [
    ("nothing", lambda c, x, w: c * 2.0 + x, []),
    ("rows and captures are at hand", lambda c, x, w: c + x * w, []),
    ("a state", lambda c, x, w: c * c + x, ["placeholder"]),
    ("a costly value", lambda c, x, w: gc.exp(c) + x, ["exp"]),
    ("cheap values again", lambda c, x, w: gc.square(c + x) * w, ["placeholder"]),
    (
        "what several cheap values need",
        lambda c, x, w: gc.square(gc.exp(c) + gc.sin(c)),
        ["cos", "exp", "sin"],
    ),
    ("a product", lambda c, x, w: gc.tanh(w @ c + x), ["reshape", "tanh"]),
]


@pytest.mark.parametrize(("name", "turn", "recorded"), RECORDED, ids=[case[0] for case in RECORDED])
def test_what_is_recorded(name: str, turn: Turn, recorded: list[str]) -> None:
    assert sorted(_tape(turn, name == "a product")) == recorded


def _tape(turn: Turn, matrix: bool) -> list[str]:
    with gc.Graph() as graph:
        x = gc.placeholder(gc.float64, ("n", 3), name="x")
        w = gc.placeholder(gc.float64, (3, 3) if matrix else (3,), name="w")
        start = gc.placeholder(gc.float64, (3,), name="start")
        last, _ = gc.scan(lambda c, x: (turn(c, x, w), None), start, x)
        slopes = gc.gradients(gc.sum(last), [start])
    loops = [node for node in topological([slopes[0].node]) if node.op.name == "scan"]
    bodies = [loop.attrs["body"] for loop in loops if not loop.attrs["reverse"]]
    tapes = [[node.op.name for node in _left(body)] for body in bodies]
    del graph
    return max(tapes, key=len, default=[])


def _left(body: Graph) -> tuple[Node, ...]:
    return body.outputs[1:]


def test_with_checkpoints_only_states_are_recorded() -> None:
    with gc.Graph():
        x = gc.placeholder(gc.float64, (12,), name="x")
        last, _ = gc.scan(
            lambda c, x: (gc.exp(gc.sin(c)) + x, None), gc.sum(x), x, checkpoint_every=3
        )
        (slope,) = gc.gradients(last, [x])
    outer = [
        node
        for node in topological([slope.node])
        if node.op.name == "scan" and node.attrs["recompute"]
    ]
    tapes = [[node.op.name for node in _left(node.attrs["body"])] for node in outer]
    assert max(tapes, key=len) == ["placeholder"]


def test_stretches_take_less_memory() -> None:
    def peak(every: int | None) -> int:
        with gc.Graph() as graph:
            x = gc.placeholder(gc.float64, (400,), name="x")
            last, _ = gc.scan(
                lambda c, _: (gc.tanh(gc.sin(c) * 1.1), None), x, length=400, checkpoint_every=every
            )
            slope = gc.gradients(gc.sum(last), [x])
        with gc.Session(graph) as session:
            found = session.run(slope, {x: np.linspace(0, 1, 400)})
            values.append(found[0].tobytes())
            return session.predicted_peak(slope, {x: np.zeros(400)})

    values: list[bytes] = []
    whole, stretched = peak(None), peak(20)
    assert stretched * 5 < whole
    assert values[0] == values[1]
