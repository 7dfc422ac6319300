"""Threads that translate modules while others are still being emitted.

LLVM runs without Python's lock, so it keeps other cores busy meanwhile; whoever emits lends a hand
once there is nothing left to emit.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType

#: Threads at most: emitting the modules takes too large a part of the time for more to be of use.
MOST_THREADS = 8

#: Seconds after which the thread that emits lets another one go on that has come out of LLVM.
#: That happens a dozen times for each module, and Python's usual 5 ms would be most of the time.
SHORT = 5e-4

_Work = tuple[int, int, Callable[[], None]]


class Translators:
    """Does pieces of work on other threads, the largest that waits first.

    A context manager: no thread is left when it ends.
    """

    def __init__(self) -> None:
        self._waiting: queue.PriorityQueue[_Work] = queue.PriorityQueue()
        self._threads: list[threading.Thread] = []
        self._made: dict[str, bytes] = {}
        self._failed: dict[int, Exception] = {}
        self._begun = 0

    def __enter__(self) -> Translators:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self._leave_the_rest()
        for _ in self._threads:
            self._waiting.put((1, 0, _stop))
        for thread in self._threads:
            thread.join()
        self._threads.clear()

    def begin(self, name: str, size: int, make: Callable[[], bytes]) -> None:
        """Have something made, whose time grows with its size, soon."""
        number = self._begun = self._begun + 1

        def run() -> None:
            try:
                self._made[name] = make()
            except Exception as error:
                self._failed[number] = error

        self._waiting.put((-size, number, run))
        if len(self._threads) < min(_cpus(), MOST_THREADS) - 1:
            thread = threading.Thread(target=self._work, name=f"graphc-translation-{number}")
            self._threads.append(thread)
            thread.start()

    def finish(self) -> dict[str, bytes]:
        """Everything that was begun, by name; the first error, if there was one."""
        while True:
            try:
                _, _, run = self._waiting.get_nowait()
            except queue.Empty:
                break
            run()
        self.__exit__(None, None, None)
        if self._failed:
            raise self._failed[min(self._failed)]
        return self._made

    def _work(self) -> None:
        while True:
            _, _, run = self._waiting.get()
            if run is _stop:
                return
            run()

    def _leave_the_rest(self) -> None:
        while True:
            try:
                self._waiting.get_nowait()
            except queue.Empty:
                return


def _stop() -> None:
    """What tells a thread to end."""


def _cpus() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def quick_turns() -> Iterator[None]:
    """Let threads of Python take turns often. Its own state is restored by who changed it."""
    usual = sys.getswitchinterval()
    if usual <= SHORT:
        yield
        return
    sys.setswitchinterval(SHORT)
    try:
        yield
    finally:
        sys.setswitchinterval(usual)
