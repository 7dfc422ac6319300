"""The clock that timed programs look at."""

from __future__ import annotations

import ctypes
import functools
from time import perf_counter_ns

from graphc.codegen.threads.pool import is_available
from graphc.runtime.pool import pool_code


def address() -> int:
    """Where a native function is that gives nanoseconds on a clock that only goes forward.

    It is that of the thread pool or, where there is none, Python's, which takes the GIL and about
    a microsecond.
    """
    return pool_code().now if is_available() else callback()


@functools.cache
def callback() -> int:
    """Python's own clock as a native function."""
    function = ctypes.CFUNCTYPE(ctypes.c_int64)(perf_counter_ns)
    _kept.append(function)
    return int(ctypes.cast(function, ctypes.c_void_p).value or 0)


#: What native code may call as long as the process lives.
_kept: list[object] = []
