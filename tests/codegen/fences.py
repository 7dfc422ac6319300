"""Arrays with a fence beside them: touching memory outside ends the process, or is noticed.

Where pages can be protected, the one beside the array may be neither read nor written. Elsewhere
the array lies between known bytes; then only writes are noticed.
"""

from __future__ import annotations

import ctypes
import mmap
import sys
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

_CANARY = 0xA5
PAGE = mmap.PAGESIZE


def _protect() -> Any:
    """The system's mprotect; None where there is none."""
    if sys.platform == "win32":
        return None
    function = getattr(ctypes.CDLL(None, use_errno=True), "mprotect", None)
    if function is not None:
        function.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    return function


_MPROTECT = _protect()
_NOTHING = 0  # PROT_NONE


class Fenced:
    """An array of a shape, directly before a fence or directly behind one."""

    def __init__(self, shape: tuple[int, ...], dtype: Any, *, behind: bool = False) -> None:
        dtype = np.dtype(dtype)
        size = int(np.prod(shape)) * dtype.itemsize
        pages = -(-size // PAGE)
        self._memory = mmap.mmap(-1, (pages + 2) * PAGE)
        self._bytes = np.frombuffer(self._memory, np.uint8)
        self._bytes[:] = _CANARY
        start = PAGE if behind else (pages + 1) * PAGE - size
        self.array: Array = np.frombuffer(
            self._memory, dtype, count=int(np.prod(shape)), offset=start
        ).reshape(shape)
        self._start, self._end = start, start + size
        if _MPROTECT is not None:
            address = self._bytes.ctypes.data
            for page in (address, address + (pages + 1) * PAGE):
                assert _MPROTECT(page, PAGE, _NOTHING) == 0

    def check(self) -> None:
        """Fail if the bytes around the array have changed."""
        low, high = PAGE, self._bytes.size - PAGE
        if _MPROTECT is None:
            low, high = 0, self._bytes.size
        around = np.concatenate([self._bytes[low : self._start], self._bytes[self._end : high]])
        assert np.all(around == _CANARY), "memory around the array was written to"


def fenced_copy(array: Array, *, behind: bool = False) -> Array:
    """The array's elements beside a fence."""
    made = Fenced(array.shape, array.dtype, behind=behind)
    made.array[...] = array
    return made.array
