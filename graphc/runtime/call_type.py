"""Types whose objects Python calls through a native function, with no Python code in between."""

from __future__ import annotations

import ctypes
import functools
from typing import Any

#: Parts of CPython's stable ABI (`typeslots.h`, `structmember.h`, `object.h`).
_SLOT_CALL, _SLOT_MEMBERS = 50, 72
_SSIZE, _READ_ONLY = 19, 1
_FLAGS = 1 << 18 | 1 << 11  # Py_TPFLAGS_DEFAULT, Py_TPFLAGS_HAVE_VECTORCALL
_WORD = 8


class _Member(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p), ("type", ctypes.c_int), ("offset", ctypes.c_ssize_t),
        ("flags", ctypes.c_int), ("doc", ctypes.c_char_p),
    )  # fmt: skip


class _Slot(ctypes.Structure):
    _fields_ = (("slot", ctypes.c_int), ("function", ctypes.c_void_p))


class _Spec(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p), ("size", ctypes.c_int), ("item_size", ctypes.c_int),
        ("flags", ctypes.c_uint), ("slots", ctypes.POINTER(_Slot)),
    )  # fmt: skip


@functools.cache
def native_type(base: type) -> type[Any]:
    """A subtype of a class, whose objects have two more words: a function, and its record.

    Calling such an object calls the function. The class must have `__slots__`, and no `__call__`
    of it is looked at. Subclasses written in Python would not do: before 3.12 they do not inherit
    how their objects are called.
    """
    offset = base.__basicsize__
    members = (_Member * 2)(_Member(b"__vectorcalloffset__", _SSIZE, offset, _READ_ONLY, None))
    call = ctypes.cast(ctypes.pythonapi.PyVectorcall_Call, ctypes.c_void_p)
    slots = (_Slot * 3)(
        _Slot(_SLOT_CALL, call), _Slot(_SLOT_MEMBERS, ctypes.cast(members, ctypes.c_void_p))
    )
    name = f"{base.__module__}.Native{base.__name__.lstrip('_')}".encode()
    spec = _Spec(name, offset + 2 * _WORD, 0, _FLAGS, slots)
    _kept.append((spec, slots, members, name))
    make = ctypes.pythonapi.PyType_FromSpecWithBases
    make.restype, make.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.py_object]
    made: type[Any] = make(ctypes.addressof(spec), (base,))
    return made


def record_offset(base: type) -> int:
    """Where in an object of `native_type(base)` the record's address lies."""
    return base.__basicsize__ + _WORD


def connect(thing: object, base: type, function: int, record: int) -> None:
    """Let an object of `native_type(base)` be called through a function with that record."""
    words = (ctypes.c_void_p * 2).from_address(id(thing) + base.__basicsize__)
    words[0], words[1] = function, record


_kept: list[object] = []
