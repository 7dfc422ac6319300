"""Python functions as machine code calls them: with addresses and sizes, from any thread."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from graphc.codegen.executable import Site
from graphc.errors import CallbackError
from graphc.ir.dtypes import DType
from graphc.ir.opdef import Array
from graphc.ops.callbacks import Entry

_failed = threading.local()
_calls = threading.local()


def function_of(entry: Entry) -> Any:
    """What machine code can call for an entry, as long as somebody holds it."""
    pointers = [ctypes.c_void_p] * (len(entry.operands) + 1)
    sizes = [ctypes.c_int64] * (sum(x.rank for x in entry.operands) + sum(entry.ranks))
    # Of ctypes' kinds of functions, this one takes the GIL for the call.
    return ctypes.CFUNCTYPE(ctypes.c_int32, *pointers, *sizes)(_thunk(entry))


def address(function: Any) -> int:
    """Where a function is that machine code can call."""
    return int(ctypes.c_void_p.from_buffer(function).value or 0)


def raised(site: Site) -> BaseException:
    """The error for the function that has failed on this thread."""
    error: BaseException = _failed.__dict__.pop("error", RuntimeError("it failed"))
    if isinstance(error, CallbackError):
        return CallbackError(error.message, op=site.op, location=site.location)
    if not isinstance(error, Exception):
        return error
    found = CallbackError(f"{type(error).__name__}: {error}", op=site.op, location=site.location)
    found.__cause__ = error
    return found


def is_calling() -> bool:
    """Whether this thread is in a function that a program has called."""
    return getattr(_calls, "depth", 0) > 0


def _thunk(entry: Entry) -> Callable[..., int]:
    def call(*given: int | None) -> int:
        _calls.depth = getattr(_calls, "depth", 0) + 1
        try:
            _call(entry, given)
        except BaseException as error:
            _failed.error = error
            return 1
        finally:
            _calls.depth -= 1
        return 0

    return call


def _call(entry: Entry, given: Sequence[int | None]) -> None:
    """Hand the function copies of its operands, and put its results where they belong."""
    count = len(entry.operands)
    sizes = iter([int(size or 0) for size in given[count + 1 :]])
    arrays = [
        _array(pointer, operand.dtype, _shape(sizes, operand.rank)).copy()
        for pointer, operand in zip(given[:count], entry.operands, strict=True)
    ]
    shapes = [_shape(sizes, rank) for rank in entry.ranks]
    found = entry.callback.results(arrays, shapes, entry.dtype)
    total = sum(array.size for array in found)
    memory, offset = _array(given[count], entry.dtype, (total,)), 0
    for array in found:
        memory[offset : offset + array.size] = array.ravel()
        offset += array.size


def _shape(sizes: Iterator[int], rank: int) -> tuple[int, ...]:
    return tuple(next(sizes) for _ in range(rank))


def _array(pointer: int | None, dtype: DType, shape: tuple[int, ...]) -> Array:
    """The memory at an address as an array."""
    count = int(np.prod(shape, dtype=np.int64))
    if not count or pointer is None:
        return np.empty(shape, dtype.numpy)
    raw: Any = (ctypes.c_char * (count * dtype.itemsize)).from_address(pointer)
    return np.frombuffer(raw, dtype.numpy).reshape(shape)
