"""Thread pools in processes that fork, are interrupted, run out of memory, and end."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from graphc.codegen.threads.pool import is_available

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.skipif(not is_available(), reason="there are no POSIX threads here")
has_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")

#: Since 3.12 Python warns when a process with several threads forks.
STRICT = "error::DeprecationWarning:__main__"


def run_python(program: str, warnings: str = STRICT) -> subprocess.CompletedProcess[str]:
    """Run a program that may import graphc and the tests; it must end by itself."""
    return subprocess.run(
        [sys.executable, "-W", warnings, "-c", program],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def succeeds(program: str, prints: str, warnings: str = STRICT) -> None:
    done = run_python(program, warnings)
    assert (done.stdout, done.returncode) == (prints, 0), done.stderr


FORKS = """
import os, threading
from graphc.runtime.pool import Pool
from tests.runtime.pool_tasks import Drive, Job

used, unused, kept_busy = Pool(3), Pool(2), Pool(2)
address = used.address
assert Drive(3).run(used.address, 20, task="meet").wrong == 0
threading.Thread(
    target=lambda: [Drive(2).run(kept_busy.address, 10_000) for _ in range(10_000)], daemon=True
).start()

for k in range(10):
    child = os.fork()
    if child == 0:
        pools = (used, unused, kept_busy)
        good = used.address == address and [pool.workers for pool in pools] == [0, 0, 0]
        for pool in pools:
            drive = Drive(pool.threads).run(pool.address, 20, task="meet", idle=100_000)
            good = good and (drive.wrong, drive.trapped) == (0, 0)
        good = good and [pool.workers for pool in pools] == [2, 1, 1]
        if k % 2:
            used.close()
        os._exit(0 if good else 3)
    drive = Drive(3).run(used.address, 20, task="meet")
    assert (drive.wrong, used.workers) == (0, 2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
print("both went on")
"""


@has_fork
def test_pools_work_on_both_sides_of_a_fork() -> None:
    succeeds(FORKS, "both went on\n", warnings="ignore")  # it has a thread of Python's too


CHILD_EXITS = """
import gc, os, sys
from graphc.runtime.pool import Pool
from tests.runtime.pool_tasks import Drive

pool, dropped = Pool(2), Pool(2)
assert Drive(2).run(pool.address, 5, task="meet").wrong == 0
assert Drive(2).run(dropped.address, 5, task="meet").wrong == 0
child = os.fork()
if child == 0:
    del dropped  # without a thread that could be waited for
    gc.collect()
    sys.exit(7)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
print("ended")
"""


@has_fork
def test_a_forked_child_ends_in_the_ordinary_way() -> None:
    succeeds(CHILD_EXITS, "ended\n")


INTERRUPTED = """
import os, signal, threading, time
from graphc.runtime.pool import Pool
from tests.runtime.pool_tasks import Drive, Job

pool = Pool(2)
assert Drive(2).run(pool.address, 5, task="meet").wrong == 0
held = Job("hold", 2, 2, pool.address)

def interrupt():
    while not held.counters[0]:
        time.sleep(0.001)
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0.05)
    held.counters[1] = 1

threading.Thread(target=interrupt).start()
try:
    held.run()
    time.sleep(10)
except KeyboardInterrupt:
    print("interrupted", held.counters.tolist())
drive = Drive(2).run(pool.address, 100, task="meet")
print(drive.wrong, drive.trapped, pool.workers)
"""


def test_an_interrupt_comes_after_the_job_and_leaves_the_pool_usable() -> None:
    succeeds(INTERRUPTED, "interrupted [1, 1]\n0 0 1\n")


EXITS = """
import threading, time
from graphc.runtime.pool import Pool
from tests.runtime.pool_tasks import Drive, Job

pools = [Pool(2), Pool(3)]
for pool in pools:
    assert Drive(pool.threads).run(pool.address, 5, task="meet").wrong == 0
assert [pool.workers for pool in pools] == [1, 2]
if BUSY:
    held = Job("hold", 2, 2, pools[0].address)  # a job without an end
    threading.Thread(target=held.run, daemon=True).start()
    while not held.counters[0]:
        time.sleep(0.001)
print(time.time())
"""


@pytest.mark.parametrize("busy", [False, True])
def test_the_interpreter_exits_with_live_workers(busy: bool) -> None:
    done = run_python(EXITS.replace("BUSY", str(busy)))
    took = time.time() - float(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert took < 5


STARVED = """
import resource
from graphc.runtime.pool import Pool
from tests.runtime.pool_tasks import Drive

first, pool = Pool(2), Pool(9)
Drive(2).run(first.address, 1)  # everything is compiled while there is memory
pages = int(open("/proc/self/statm").read().split()[0])
room = pages * resource.getpagesize() + EXTRA
resource.setrlimit(resource.RLIMIT_AS, (room, room))
drives = [Drive(pieces).run(pool.address, 100) for pieces in (2, 20)]
print(LOW <= pool.workers < 8, sum(drive.wrong + drive.trapped for drive in drives))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="how much memory is in use is read from /proc")
@pytest.mark.parametrize(("extra", "low"), [(4 << 20, 0), (28 << 20, 1)])
def test_a_pool_makes_do_with_the_threads_that_the_system_gives(extra: int, low: int) -> None:
    succeeds(STARVED.replace("EXTRA", str(extra)).replace("LOW", str(low)), "True 0\n")
