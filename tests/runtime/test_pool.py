"""Thread pools: every piece once, no wake-up lost, nothing touched late; their life and time."""

from __future__ import annotations

import ctypes
import gc
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from graphc.codegen.threads.pool import is_available
from graphc.codegen.threads.pool_function import ALONE, PATIENCE
from graphc.errors import AttributeValueError, SessionError
from graphc.runtime import pool as pool_module
from graphc.runtime.pool import Pool, default_threads, pool_code
from tests.runtime.pool_tasks import FLUSHING, Drive, Job, architecture, first_word

TASKS_OF_PROCESS = Path("/proc/self/task")  # Linux

pytestmark = pytest.mark.skipif(not is_available(), reason="there are no POSIX threads here")


# -- every piece once ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pieces", "rounds"), [(0, 2_000), (1, 50_000), (2, 50_000), (1_000, 3_000)]
)
@pytest.mark.parametrize("threads", [2, 3, 8])
def test_every_piece_runs_once(threads: int, pieces: int, rounds: int) -> None:
    with Pool(threads) as pool:
        drive = Drive(pieces, more=1).run(pool.address, rounds)
    assert (drive.wrong, drive.trapped) == (0, 0)


@pytest.mark.parametrize("idle", [5_000, 60_000, 150_000])
@pytest.mark.parametrize("threads", [2, 3, 8])
def test_workers_that_wake_late_find_nothing(threads: int, idle: int) -> None:
    """The caller ends most jobs alone while workers wake; then the context is a trap."""
    rounds = 200_000_000 // idle
    with Pool(threads) as pool:
        drive = Drive(2, more=1).run(pool.address, rounds, idle=idle)
    assert (drive.wrong, drive.trapped) == (0, 0)


@pytest.mark.parametrize("idle", [0, 1_000, 5_000, 60_000])
@pytest.mark.parametrize("spin", [0, 1_000, 50_000])
@pytest.mark.parametrize("threads", [2, 3, 8])
def test_no_wake_up_is_lost(
    threads: int, spin: int, idle: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No job ends before all workers have come to it, awake or asleep or on the way to bed."""
    monkeypatch.setattr(pool_module, "SPIN_NANOSECONDS", spin)
    with Pool(threads) as pool:
        drive = Drive(threads).run(pool.address, 2_000 // threads, task="meet", idle=idle)
        assert pool.workers == threads - 1
    assert (drive.wrong, drive.trapped) == (0, 0)


def test_some_sleepers_are_enough_for_some_pieces() -> None:
    with Pool(8) as pool:
        Drive(8).run(pool.address, 1, task="meet")
        drive = Drive(3, more=1).run(pool.address, 300, task="meet", idle=100_000)
    assert (drive.wrong, drive.trapped) == (0, 0)


@pytest.mark.parametrize(("pause", "alone"), [(0.0, 0), (0.002, 50)])
def test_sleepers_are_woken_when_there_is_enough_to_do(pause: float, alone: int) -> None:
    """In one job, or in several that follow soon after each other."""

    def after(work: int) -> int:
        """How much work the caller has had alone since it woke anybody."""
        job.work = work
        job.run()
        return ctypes.c_int64.from_address(pool.address + ALONE).value

    found = set()
    with Pool(2) as pool:
        job = Job("count", 2, 2, pool.address)
        job.run()
        for _ in range(20):  # other programs may come in between two jobs
            time.sleep(0.005)
            ctypes.c_int64.from_address(pool.address + PATIENCE).value = 100
            first = after(60)
            if pause:
                time.sleep(pause)
            found.add((first, after(50)))
    assert (60, alone) in found
    assert pause == 0.0 or (60, 0) not in found


def test_a_piece_may_be_a_job_itself() -> None:
    with Pool(3) as pool:
        job = Job("nest", 20, 20 * 20, pool.address)
        for _ in range(50):
            job.run()
    assert job.counters.tolist() == [50] * 400


def test_one_thread_needs_no_pool() -> None:
    with Pool(1) as pool:
        assert (pool.address, pool.threads, pool.workers) == (0, 1, 0)
        job = Job("count", 1_000, 1_000, 0)
        context = job.context.ctypes.data
        pool_code().parallel_for(pool.address, job.task, context, job.pieces, 0, None)
        assert job.counters.tolist() == [1] * 1_000


# -- several at once -------------------------------------------------------------------------


def test_several_python_threads_use_one_pool_at_once() -> None:
    start = threading.Barrier(4)

    def work(number: int) -> tuple[int, int]:
        start.wait(timeout=30)
        drive = Drive(2 + number).run(pool.address, 20_000)
        return drive.wrong, drive.trapped

    with Pool(3) as pool, ThreadPoolExecutor(4) as callers:
        assert list(callers.map(work, range(4))) == [(0, 0)] * 4


def test_two_pools_work_at_once() -> None:
    start = threading.Barrier(2)

    def work(pool: Pool) -> tuple[int, int]:
        start.wait(timeout=30)
        drive = Drive(2).run(pool.address, 300, task="meet", idle=30_000)
        return drive.wrong, drive.trapped

    with Pool(2) as one, Pool(2) as other, ThreadPoolExecutor(2) as callers:
        assert list(callers.map(work, [one, other])) == [(0, 0)] * 2


def test_all_threads_compute_with_the_callers_floating_point_control() -> None:
    if architecture() not in FLUSHING:
        pytest.skip("the control register of this architecture is not known")
    half_of_least = np.array([2.0**-1023]).view(np.int64)[0]
    with Pool(2) as pool:
        for _ in range(3):
            assert Job("halve", 2, 2, pool.address).run().tolist() == [half_of_least] * 2
            assert Job("halve", 2, 2, pool.address).run_flushing().tolist() == [0, 0]


# -- the life of a pool ----------------------------------------------------------------------


def test_workers_start_with_the_first_job_and_end_with_the_pool() -> None:
    pool = Pool(3)
    assert (pool.threads, pool.workers) == (3, 0)
    Drive(1).run(pool.address, 10)
    assert pool.workers == 0  # a single piece needs nobody else
    Drive(2).run(pool.address, 1)
    assert pool.workers == 2
    pool.close()
    assert (pool.threads, pool.workers) == (3, 0)
    pool.close()
    with pytest.raises(SessionError, match="the thread pool is closed"):
        _ = pool.address


@pytest.mark.skipif(not TASKS_OF_PROCESS.exists(), reason="threads are counted in /proc")
def test_no_thread_is_left_by_closed_and_dropped_pools() -> None:
    def threads() -> int:
        return len(list(TASKS_OF_PROCESS.iterdir()))

    before = threads()
    closed, dropped, cyclic = Pool(3), Pool(4), Pool(2)
    for pool in (closed, dropped, cyclic):
        Drive(2).run(pool.address, 1)
    cyclic.itself = cyclic  # type: ignore[attr-defined]
    assert threads() == before + 2 + 3 + 1
    closed.close()
    assert threads() == before + 3 + 1
    del dropped, pool
    assert threads() == before + 1
    del cyclic
    gc.collect()
    assert threads() == before


def test_closing_waits_for_the_job_and_leaves_the_program_running() -> None:
    pool = Pool(2)
    address = pool.address
    held = Job("hold", 2, 2, address)
    caller = threading.Thread(target=held.run)
    caller.start()
    while not held.counters[0]:
        time.sleep(0.001)
    closer = threading.Thread(target=pool.close)
    closer.start()
    while not pool._closed:
        time.sleep(0.001)
    time.sleep(0.02)
    assert closer.is_alive()
    held.counters[1] = 1
    caller.join(timeout=30)
    closer.join(timeout=30)
    assert not caller.is_alive() and not closer.is_alive()
    drive = Drive(100).run(address, 10)  # what a program under way would do next
    assert (drive.wrong, drive.trapped) == (0, 0)


def test_a_busy_pool_is_not_waited_for() -> None:
    with Pool(2) as pool:
        held = Job("hold", 2, 2, pool.address)
        caller = threading.Thread(target=held.run)
        caller.start()
        while not held.counters[0]:
            time.sleep(0.001)
        assert Drive(10).run(pool.address, 10).wrong == 0
        assert caller.is_alive()
        held.counters[1] = 1
        caller.join(timeout=30)


@pytest.mark.parametrize("threads", [0, -1, 1.5, "2"])
def test_fewer_than_one_thread_is_an_error(threads: object) -> None:
    with pytest.raises(AttributeValueError, match=r"a pool needs at least one thread, not"):
        Pool(threads)  # type: ignore[arg-type]


def test_the_environment_sets_the_default_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHC_THREADS", "5")
    assert (default_threads(), Pool().threads) == (5, 5)
    monkeypatch.delenv("GRAPHC_THREADS")
    if hasattr(os, "sched_getaffinity"):
        assert default_threads() == len(os.sched_getaffinity(0))
    assert 1 <= default_threads() <= (os.cpu_count() or 1)


@pytest.mark.parametrize("text", ["0", "-2", "two", "1.5", "²"])
def test_an_environment_that_makes_no_sense_is_an_error(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRAPHC_THREADS", text)
    with pytest.raises(AttributeValueError, match=f"must be a positive number, not '{text}'"):
        default_threads()


def test_without_posix_threads_a_pool_is_serial(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "is_available", lambda: False)
    pool = Pool(4)
    assert (pool.threads, pool.address, pool.workers) == (1, 0, 0)
    pool.close()


# -- time ------------------------------------------------------------------------------------


@pytest.mark.parametrize("threads", [2, 8])
def test_an_idle_pool_takes_no_processor_time(threads: int) -> None:
    with Pool(threads) as pool:
        Drive(threads).run(pool.address, 3, task="meet")
        before = time.process_time()
        time.sleep(1)
        spent = time.process_time() - before
        assert pool.workers == threads - 1
    assert spent < 0.05  # one spinning thread would take up to 1 second


@pytest.mark.parametrize(("state", "idle"), [("awake", 0), ("asleep", 1_000_000)])
def test_latency_of_a_job(
    state: str, idle: int, record_property: Callable[[str, object], None]
) -> None:
    """How long a job of two pieces takes that need a thread each. Reported, for machines vary."""
    with Pool(2) as pool:
        Drive(2).run(pool.address, 10, task="meet")
        drive = Drive(2).run(pool.address, 200, task="meet", idle=idle)
    median = float(np.median(drive.nanoseconds)) / 1e3
    record_property(f"microseconds, worker {state}", median)
    print(f"worker {state}: {median:.2f} microseconds a job")
    assert drive.wrong == 0 and median < 100_000


def test_a_pool_begins_with_the_address_of_parallel_for() -> None:
    with Pool(2) as one, Pool(3) as other:
        assert first_word(one.address) == first_word(other.address) != 0
        assert one.address % 128 == other.address % 128 == 0
