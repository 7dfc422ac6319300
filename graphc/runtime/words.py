"""Memory of words that native code reads and writes."""

from __future__ import annotations

from array import array
from collections.abc import Iterable

Words = array  # of int64; neither NumPy's memory, which is kept for data, nor ever resized


def words(values: Iterable[int]) -> Words[int]:
    """These numbers, one behind the other."""
    return array("q", values)


def zeros(count: int) -> Words[int]:
    """So many zeros, at least one."""
    return array("q", bytes(8 * max(count, 1)))


def address(memory: Words[int]) -> int:
    """Where the words begin."""
    return memory.buffer_info()[0]
