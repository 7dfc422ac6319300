"""Whether NumPy's arrays lie in memory as the compiled call path expects, and where its C API is.

The layout is part of NumPy's ABI. It is looked at once all the same, for a mistake would be a
crash: where something is not as expected, every call takes the way through Python.
"""

from __future__ import annotations

import ctypes
import functools
import importlib
import sys
import sysconfig
from typing import Any

import numpy as np

from graphc.codegen.calls.layout import ALIGNED, CONTIGUOUS, WRITABLE, NumPyArray

Array = np.ndarray[Any, Any]

#: Places in the table of NumPy's C API.
_ARRAY_TYPE, _NEW_FROM_DESCR, _SET_BASE = 2, 94, 282

#: Bytes of a Python object without fields: a reference count and a type.
_HEADER = 16


@functools.cache
def is_as_expected() -> bool:
    """Whether Python's and NumPy's objects have the layout of `layout.NumPyArray`."""
    if sys.implementation.name != "cpython" or ctypes.sizeof(ctypes.c_void_p) != 8:
        return False
    if sysconfig.get_config_var("Py_GIL_DISABLED") or object.__basicsize__ != _HEADER:
        return False
    if not all(_agrees(array) for array in _examples()):
        return False
    if not _counts_references() or array_type() != id(np.ndarray):
        return False
    return _makes_arrays() and _sets_bases()


def _examples() -> list[Array]:
    read_only = np.arange(4.0)
    read_only.flags.writeable = False
    odd = np.zeros(17, np.uint8)[1:].view(np.float32)[:3]
    shapes, dtypes = ((), (0,), (2, 3, 4)), (np.float32, np.int64, np.bool_)
    plain: list[Array] = [np.zeros(shape, dtype) for shape in shapes for dtype in dtypes]
    return [*plain, plain[-1].T, np.zeros((4, 4))[::2, 1:], read_only, odd, odd.astype(">f4")]


def _agrees(array: Array) -> bool:
    """Whether the fields of an array are where they should be."""
    address = id(array)
    rank = ctypes.c_int.from_address(address + NumPyArray.RANK).value
    if rank != array.ndim or _word(address, NumPyArray.TYPE) != id(np.ndarray):
        return False
    dims = ctypes.cast(_word(address, NumPyArray.DIMS), ctypes.POINTER(ctypes.c_ssize_t))
    flags = ctypes.c_int.from_address(address + NumPyArray.FLAGS).value
    known = (
        (CONTIGUOUS, array.flags.c_contiguous),
        (ALIGNED, array.flags.aligned),
        (WRITABLE, array.flags.writeable),
    )
    return (
        _word(address, NumPyArray.DATA) == array.ctypes.data
        and tuple(dims[k] for k in range(rank)) == array.shape
        and _word(address, NumPyArray.DESCR) == id(array.dtype)
        and all(bool(flags & bit) == is_set for bit, is_set in known)
    )


def _word(address: int, offset: int) -> int:
    return ctypes.c_void_p.from_address(address + offset).value or 0


def _counts_references() -> bool:
    """Whether it can be seen that nobody else refers to an array."""
    held = [np.zeros(1)]
    count = ctypes.c_int.from_address(id(held[0]) + NumPyArray.REFERENCES)
    alone = count.value
    held *= 3
    return (alone, count.value) == (1, 3)


def _makes_arrays() -> bool:
    """Whether the function for new arrays is what it should be."""
    prototype = ctypes.PYFUNCTYPE(
        ctypes.py_object, ctypes.c_void_p, ctypes.py_object, ctypes.c_int, ctypes.c_void_p,
        ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p,
    )  # fmt: skip
    dims, dtype = np.array([2, 3], np.intp), np.dtype(np.int16)
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(dtype))  # which the new array takes
    made = prototype(new_array())(array_type(), dtype, 2, dims.ctypes.data, None, None, 0, None)
    return type(made) is np.ndarray and (made.shape, made.dtype) == ((2, 3), dtype)


def _sets_bases() -> bool:
    """Whether the function for bases is what it should be."""
    prototype = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.py_object, ctypes.py_object)
    owner = np.zeros(3)
    view = np.ndarray.__new__(np.ndarray, 3)
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(owner))  # which the view takes
    return prototype(set_base())(view, owner) == 0 and view.base is owner


def array_type() -> int:
    """The address of `numpy.ndarray`, by NumPy's own table."""
    return _table()[_ARRAY_TYPE] or 0


def new_array() -> int:
    """The address of `PyArray_NewFromDescr`."""
    return _table()[_NEW_FROM_DESCR] or 0


def set_base() -> int:
    """The address of `PyArray_SetBaseObject`."""
    return _table()[_SET_BASE] or 0


@functools.cache
def _table() -> Any:
    umath = importlib.import_module("numpy._core._multiarray_umath")
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    address = pointer(umath._ARRAY_API, None)
    return ctypes.cast(address, ctypes.POINTER(ctypes.c_void_p))
