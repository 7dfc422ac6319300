"""Thread pools: the memory, life and end of what `graphc/codegen/threads/pool.py` emits.

Workers are threads of the C library, not of Python: they never hold or want the GIL, so a pool
can end its workers wherever Python happens to drop it, in the middle of a garbage collection too;
they are started by the native call that first needs them; and their stacks have the same size on
every system.
"""

from __future__ import annotations

import ctypes
import functools
import os
import time
import weakref
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import llvmlite.binding as llvm

from graphc.codegen.caching.compiled_code import object_of_part
from graphc.codegen.target import current_target
from graphc.codegen.threads.pool import emit_pool, is_available, pool_bytes
from graphc.codegen.threads.pool_function import LINE, STARTED
from graphc.codegen.translation import plain_object
from graphc.errors import AttributeValueError, CompileError, SessionError
from graphc.schedule.work import NANOSECOND

#: How many threads a session uses that has not been told.
THREADS_VARIABLE = "GRAPHC_THREADS"

#: How long a thread with nothing to do looks for work before it sleeps. Longer than what lies
#: between two runs of a training loop, shorter than what anybody would see as load.
SPIN_NANOSECONDS = 50_000

#: How much work a caller has alone before it wakes workers that sleep, in the units of
#: `graphc.schedule.work`. They are with the job after 30 to 80 microseconds, and waking one takes
#: 10 to 35 of the caller's.
PATIENCE_WORK = 100_000 * NANOSECOND

#: How long the end of the process waits for a job that a daemon thread still runs.
PATIENCE_SECONDS = 0.1


def default_threads() -> int:
    """`GRAPHC_THREADS` if set, else the processors that this process may use.

    AttributeValueError if the variable is no positive number.
    """
    text = os.environ.get(THREADS_VARIABLE, "")
    if not text:
        return _processors()
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise AttributeValueError(
            f"the environment variable {THREADS_VARIABLE} must be a positive number, not {text!r}"
        )
    return int(text)


def _processors() -> int:
    count = getattr(os, "process_cpu_count", None)  # Python 3.13
    if count is not None:
        return count() or 1
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Pool:
    """Threads that run the pieces of a native job: the calling one and `threads - 1` workers.

    Workers start when a job first needs them, and end with `close` or with the pool. Several
    Python threads may use a pool at once: one of them gets the workers, the others run their
    pieces alone meanwhile. `threads` counts from 1 and defaults to `default_threads()`; where
    there are no POSIX threads (Windows) it is 1 whatever was asked for. AttributeValueError for
    fewer than 1.

    After a fork the child's pools have the same address and new workers. Only forks that Python
    knows of (`os.fork`, `multiprocessing`) are covered.
    """

    def __init__(self, threads: int | None = None) -> None:
        wanted = default_threads() if threads is None else threads
        if not isinstance(wanted, int) or wanted < 1:
            raise AttributeValueError(f"a pool needs at least one thread, not {wanted!r}")
        self._threads = wanted if is_available() else 1
        self._closed = False
        self._address = 0
        if self._threads > 1:
            self._prepare()

    def _prepare(self) -> None:
        self._code = pool_code()
        size = pool_bytes(self._threads - 1)
        self._memory = ctypes.create_string_buffer(size + LINE)
        self._address = -(-ctypes.addressof(self._memory) // LINE) * LINE
        self._renew()
        _pools[self._address] = weakref.ref(self)
        self._end = weakref.finalize(self, _end, self._code, self._memory, self._address)

    @property
    def threads(self) -> int:
        """How many threads work on a job at most."""
        return self._threads

    @property
    def address(self) -> int:
        """What native code takes for the pool, as long as the pool is there: 0 for one thread.

        The first word at the address is that of `gc.parallel_for`. SessionError once closed.
        """
        if self._closed:
            raise SessionError("the thread pool is closed")
        return self._address

    @property
    def workers(self) -> int:
        """How many workers there are now: none before the first job."""
        if self._closed or not self._address:
            return 0
        return ctypes.c_int64.from_address(self._address + STARTED).value

    def close(self) -> None:
        """End the workers, after the job that they are working on. Closing again does nothing.

        A program that another thread is running with this pool goes on, with one thread.
        """
        if self._closed:
            return
        self._closed = True
        if self._address:
            while not self._code.close(self._address):
                time.sleep(0.0005)
            self._end.detach()  # no sooner: a wait that is broken off leaves the rest to it
            _pools.pop(self._address, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _renew(self) -> None:
        """Write the struct, whatever was in it."""
        crowded = self._threads > _processors()  # who looks for work would keep others from it
        spin = 0 if crowded else SPIN_NANOSECONDS
        self._code.initialize(self._address, self._threads - 1, spin, PATIENCE_WORK)

    def _rest(self) -> None:
        """Have no workers until the next job, unless there is a job right now."""
        self._code.stop(self._address)


def _end(code: PoolCode, memory: Any, address: int) -> None:
    """The last of a pool that nobody refers to, or of the process.

    In the first case no job is running. In the second, one that a daemon thread still runs may
    be left alone with its workers: their code stays in memory, see `pool_code`.
    """
    _pools.pop(address, None)
    give_up = time.monotonic() + PATIENCE_SECONDS
    while not code.close(address) and time.monotonic() < give_up:
        time.sleep(0.001)
    del memory  # the pool's own reference to it may be gone


@dataclass(frozen=True)
class PoolCode:
    """The pool's functions in this process, see `graphc.codegen.threads.pool.emit_pool`.

    `now` is the address of its clock, `i64 now()` in nanoseconds.
    """

    parallel_for: Any
    initialize: Any
    stop: Any
    close: Any
    now: int


@functools.cache
def pool_code() -> PoolCode:
    """Compile and load the functions. CompileError carries LLVM's own words."""
    target = current_target()
    names = ("gc.parallel_for", "gc.initialize", "gc.stop", "gc.close", "gc.now")
    try:
        builder = llvm.JITLibraryBuilder().add_current_process()
        builder.add_object_img(
            object_of_part("pool", target, lambda: plain_object(emit_pool(target), target))
        )
        for name in names:
            builder.export_symbol(name)
        code = builder.link(llvm.create_lljit_compiler(), "graphc_pool")
    except RuntimeError as error:
        raise CompileError(f"the thread pool could not be compiled: {error}") from None
    parallel_for, initialize, stop, close, now = (code[name] for name in names)
    code.detach()  # never unloaded: workers may be in it until the process is gone
    pointer, number = ctypes.c_void_p, ctypes.c_int64
    return PoolCode(
        ctypes.CFUNCTYPE(None, pointer, pointer, pointer, number, number, pointer)(parallel_for),
        ctypes.CFUNCTYPE(None, pointer, number, number, number)(initialize),
        ctypes.CFUNCTYPE(number, pointer)(stop),
        ctypes.CFUNCTYPE(number, pointer)(close),
        now,
    )


#: The open pools with workers, by address.
_pools: dict[int, weakref.ref[Pool]] = {}


def _open_pools() -> list[Pool]:
    return [pool for pool in [reference() for reference in list(_pools.values())] if pool]


def _before_fork() -> None:
    """A process without other threads forks more safely, and Python 3.12 warns of them."""
    for pool in _open_pools():
        pool._rest()


def _in_child() -> None:
    """No worker has come along, and the struct is as it was at some instant."""
    for pool in _open_pools():
        pool._renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_child=_in_child)
