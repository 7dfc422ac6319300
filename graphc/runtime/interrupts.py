"""What loops call outside of the program: memory that grows, and the question for a Ctrl-C."""

from __future__ import annotations

import ctypes
import functools

import llvmlite.binding as llvm

from graphc.codegen.caching.compiled_code import object_of_part
from graphc.codegen.interrupts import INTERRUPTED_NAME, emit_interrupted
from graphc.codegen.regions import FREE, REALLOCATE
from graphc.codegen.target import current_target
from graphc.codegen.translation import plain_object

#: Python's own functions for memory, which need no GIL.
_MEMORY = {REALLOCATE: "PyMem_RawRealloc", FREE: "PyMem_RawFree"}

NAMES = (INTERRUPTED_NAME, *_MEMORY)


def address(name: str) -> int:
    """Where a function is that loops call."""
    if name == INTERRUPTED_NAME:
        return _interrupted()
    function = getattr(ctypes.pythonapi, _MEMORY[name])
    return int(ctypes.cast(function, ctypes.c_void_p).value or 0)


def raised(exception: int) -> BaseException:
    """The exception at an address, whose reference is given up."""
    found = ctypes.cast(exception, ctypes.py_object).value
    ctypes.pythonapi.Py_DecRef(ctypes.py_object(found))
    assert isinstance(found, BaseException)
    return found


@functools.cache
def _interrupted() -> int:
    target = current_target()
    image = object_of_part(
        "interrupts", target, lambda: plain_object(emit_interrupted(target), target)
    )
    builder = llvm.JITLibraryBuilder().add_current_process()
    builder.add_object_img(image)
    builder.export_symbol(INTERRUPTED_NAME)
    code = builder.link(llvm.create_lljit_compiler(), INTERRUPTED_NAME)
    found = int(code[INTERRUPTED_NAME])
    code.detach()  # programs may call it as long as the process lives
    return found
