"""Programs run on threads with as little stack as Python gives them."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import graphc as gc

#: Where the script below finds the project.
ROOT = Path(__file__).parents[2]

# each makes what is fetched, the placeholders and their values
SCRIPT = """
import sys, threading
import numpy as np
import graphc as gc
rng = np.random.default_rng(0)

def product(dtype):
    x, y = gc.placeholder(dtype, ("m", 700)), gc.placeholder(dtype, (700, "n"))
    return [gc.tanh(x @ y), gc.sum(x @ y, axis=0)], [x, y], [(600, 700), (700, 1300)]

def softmax(dtype):
    x = gc.placeholder(dtype, ("m", 30_000))
    return [gc.nn.softmax(x), gc.var(x, axis=1)], [x], [(40, 30_000)]

def turned(dtype):
    x, y = gc.placeholder(dtype, ("m", "n")), gc.placeholder(dtype, ("n", "m"))
    return [gc.matrix_transpose(x) + y], [x, y], [(700, 650), (650, 700)]

def convolved(dtype):
    x, w = gc.placeholder(dtype, ("b", 64, 28, 28)), gc.placeholder(dtype, (64, 64, 3, 3))
    loss = gc.sum(gc.nn.conv2d(x, w, padding=1))
    return [*gc.gradients(loss, [x, w])], [x, w], [(4, 64, 28, 28), (64, 64, 3, 3)]

def looked_up(dtype):
    x, i = gc.placeholder(dtype, ("m",)), gc.placeholder(gc.int64, ("n",))
    return [gc.take(x, i, axis=0), gc.cumulative_sum(x)], [x, i], [(700,), (50_000,)]

def run(build, dtype, threads):
    graph = gc.Graph()
    with graph:
        fetches, inputs, shapes = build(dtype)
    feeds = [
        rng.integers(0, 9, shape).astype(x.dtype.numpy) for x, shape in zip(inputs, shapes)
    ]
    with gc.Session(graph, threads=threads) as session:
        step = session.make_callable(fetches, inputs)
        first, got = step(*feeds), []
        threading.stack_size(STACK)
        several = [threading.Thread(target=lambda: got.append(step(*feeds))) for _ in range(2)]
        for thread in several:
            thread.start()
        for thread in several:
            thread.join()
        threading.stack_size(0)
        for results in got:
            assert [a.tobytes() for a in results] == [a.tobytes() for a in first]
        assert len(got) == 2

for dtype in (gc.float32, gc.float64):
    for threads in (1, 2):
        run(BUILD, dtype, threads)
"""


@pytest.mark.parametrize("name", ["product", "softmax", "turned", "convolved", "looked_up"])
def test_the_least_stack_is_enough(name: str) -> None:
    """Twice at once in threads of 32 KiB; in a process of its own, which would not survive it."""
    script = SCRIPT.replace("STACK", "1 << 15").replace("BUILD", name)
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr


def test_runs_at_once_have_rooms_of_their_own() -> None:
    """Products of different numbers in one session, which would show in one another's panels."""
    graph = gc.Graph()
    with graph:
        x, y = gc.placeholder(gc.float32, ("m", 300)), gc.placeholder(gc.float32, (300, 400))
        fetch = gc.tanh(x @ y)
    rng = np.random.default_rng(0)
    feeds = [
        (rng.normal(size=(200, 300)).astype(np.float32), rng.normal(size=(300, 400)).astype("f4"))
        for _ in range(4)
    ]
    with gc.Session(graph, threads=2) as session:
        step = session.make_callable([fetch], [x, y])
        alone = [step(*feed)[0].tobytes() for feed in feeds]
        wrong: list[int] = []

        def run(number: int) -> None:
            for _ in range(30):
                if step(*feeds[number])[0].tobytes() != alone[number]:
                    wrong.append(number)

        threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wrong == []
