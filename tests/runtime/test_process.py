"""Sessions and the rest of the process: forks and Ctrl-C, whatever else is running."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LONG = 40_000  # elements whose roots take longer than a run that keeps the GIL

FORKS = """
import os, sys, threading
import numpy as np
import graphc as gc

with gc.Graph() as graph:
    x = gc.placeholder(gc.float32, ("n",), name="x")
    v = gc.variable(1.0, name="v")
    add, total = gc.assign(v, v + gc.sum(x)), gc.sum(x) * v
session = gc.Session(graph, reference=REFERENCE)
session.run([add, total], {x: [1.0]})

held, leave = threading.Event(), threading.Event()
def hold(*_):
    held.set()
    leave.wait()
def begin():
    if REFERENCE:
        with session._variables.updating:  # as a training step does while it runs
            hold()
    else:
        session._variables.turns.during(False, hold)  # as a long run does that only reads
threading.Thread(target=begin, daemon=True).start()
held.wait()

child = os.fork()
if child == 0:
    good = session.run(total, {x: [5.0]}) == 10
    session.run(add, {x: [5.0]})
    good = good and session.get_value(v) == 7 and session.run(v * 2) == 14
    os._exit(0 if good else 3)
leave.set()
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert session.get_value(v) == 2 and session.run([add, v], {x: [1.0]})[1] == 2
print("both went on")
"""

FORKS_IN_RUNS = """
import os, threading
import numpy as np
import graphc as gc

with gc.Graph() as graph:
    v = gc.variable(np.zeros(400_000, np.int64), name="v")
    w = gc.variable(np.zeros(100_000, np.int64), name="w")
    step = [gc.assign(v, v + 1), gc.assign(w, gc.sort(w) + 1)]
    whole = [gc.min(v), gc.max(v), gc.min(w), gc.max(w)]
session = gc.Session(graph, threads=2)
run = session.make_callable(step)
run()
stop = False
def train():
    while not stop:
        if one_by_one:
            run()
        else:
            session.run_steps(step, {}, 50)
for one_by_one in (True, False):
    stop = False
    threads = [threading.Thread(target=train) for _ in range(2)]
    for thread in threads:
        thread.start()
    for _ in range(15):
        child = os.fork()
        if child == 0:
            before = {int(n) for n in session.run(whole)}
            run()
            session.run_steps(step, {}, 2)
            after = {int(n) for n in session.run(whole)}
            os._exit(0 if len(before) == 1 and after == {before.pop() + 3} else 3)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    stop = True
    for thread in threads:
        thread.join()
assert len({int(n) for n in session.run(whole)}) == 1
print("all were whole")
"""


def printed_by(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=100,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.parametrize("reference", [False, True])
def test_a_session_works_on_both_sides_of_a_fork(reference: bool) -> None:
    assert printed_by(FORKS.replace("REFERENCE", str(reference))) == "both went on\n"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_child_sees_whole_values_whenever_it_is_forked() -> None:
    assert printed_by(FORKS_IN_RUNS) == "all were whole\n"


INTERRUPTED = """
import os, signal, threading, time
import numpy as np
import graphc as gc

with gc.Graph() as graph:
    x = gc.placeholder(gc.float32, (SIZE,), name="x")
    count = gc.variable(0, name="count")
    twin = gc.variable(np.zeros((2, 2), np.int64), name="twin")
    step = [gc.sum(gc.sqrt(x)), gc.assign(count, count + 1), gc.assign(twin, twin.T + 1)]
session = gc.Session(graph)
run = session.make_callable(step, [x])
feed = np.ones(SIZE, np.float32)
run(feed)
stop = False
def others():
    while not stop:
        run(feed)
        session.get_value(count)
def strike():
    while not stop:
        time.sleep(0.002)
        os.kill(os.getpid(), signal.SIGINT)
def start():
    for work in (others, strike):
        threading.Thread(target=work).start()
    return True

struck, started = 0, False
while not started:  # a strike may come in the midst; then there are more threads
    try:
        started = start()
    except KeyboardInterrupt:
        pass
while struck < 200:
    try:
        while True:
            run(feed)
            if struck % 3 == 0:
                run(feed.tolist())
            session.set_value(count, session.get_value(count))
    except KeyboardInterrupt:
        struck += 1
while not stop:
    try:
        stop = True
    except KeyboardInterrupt:
        pass
signal.signal(signal.SIGINT, signal.SIG_IGN)
patience = time.monotonic() + 20
while any(t.is_alive() for t in threading.enumerate() if t is not threading.current_thread()):
    assert time.monotonic() < patience
    time.sleep(0.01)
words = session._variables.turns.state.tolist()
assert words == [0, 0, 0, 0], words
before = int(session.get_value(twin)[0, 1])
assert set(session.get_value(twin).reshape(-1).tolist()) == {before}
run(feed)
assert session.get_value(twin).tolist() == [[before + 1] * 2] * 2
print("usable")
"""


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="signals are other things here")
@pytest.mark.parametrize("size", [4, LONG])
def test_ctrl_c_at_any_time_leaves_the_session_usable(size: int) -> None:
    assert printed_by(INTERRUPTED.replace("SIZE", str(size))) == "usable\n"
