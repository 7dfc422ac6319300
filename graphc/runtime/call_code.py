"""The compiled call path in this process: its functions, and the objects that it knows."""

from __future__ import annotations

import ctypes
import functools
import sys
from dataclasses import dataclass
from typing import Any

import llvmlite.binding as llvm
import numpy as np
from llvmlite import ir

from graphc.codegen.caching.compiled_code import object_of_part
from graphc.codegen.calls.function import CALL, TRY, emit_call
from graphc.codegen.calls.layout import Links
from graphc.codegen.calls.lists import ENTER, LEAVE, POP_ARENA, PUSH_ARENA, PUSH_SIGNATURE
from graphc.codegen.calls.steps import STEPS, emit_steps
from graphc.codegen.target import Target, current_target
from graphc.codegen.translation import plain_object
from graphc.errors import CompileError
from graphc.ir.dtypes import float32, float64
from graphc.runtime import array_layout
from graphc.runtime.words import Words, zeros

#: Names of what Python keeps for the native code, so that they stay where they are.
_METHODS = {
    Links.OUT: "out",
    Links.SLOWLY: "_call_slowly",
    Links.FAIL: "_fail",
    Links.WAKE: "_wake",
    Links.FORM: "_form",
}


class Block(np.ndarray[Any, Any]):
    """Memory of results, see `graphc.codegen.calls.blocks`.

    A type of its own, so that NumPy takes a result for the base of its views, and not the block.
    """

    __slots__ = ()


@dataclass(frozen=True)
class CallCode:
    """Functions of `graphc.codegen.calls.function`, `lists` and `steps`.

    `call` and `attempt` are addresses of what Python calls. The others are short and keep the
    GIL, but for `steps`, which gives it up.
    """

    call: int
    attempt: int
    push_arena: Any
    pop_arena: Any
    push_signature: Any
    enter: Any
    leave: Any
    steps: Any


@functools.cache
def call_code(record_offset: int) -> CallCode:
    """Compile and load the functions. CompileError carries LLVM's own words."""
    names = (CALL, TRY, PUSH_ARENA, POP_ARENA, PUSH_SIGNATURE, ENTER, LEAVE, STEPS)
    target = current_target()
    try:
        builder = llvm.JITLibraryBuilder().add_current_process()
        builder.add_object_img(
            object_of_part(
                f"call path {record_offset}",
                target,
                lambda: plain_object(_emitted(target, record_offset), target),
            )
        )
        for name in names:
            builder.export_symbol(name)
        code = builder.link(llvm.create_lljit_compiler(), "graphc_call")
    except RuntimeError as error:
        raise CompileError(f"the call path could not be compiled: {error}") from None
    addresses = [code[name] for name in names]
    code.detach()  # never unloaded: callables may live until the process is gone
    pointer, number = ctypes.c_void_p, ctypes.c_int64
    return CallCode(
        addresses[0],
        addresses[1],
        ctypes.PYFUNCTYPE(None, pointer, pointer)(addresses[2]),
        ctypes.PYFUNCTYPE(pointer, pointer)(addresses[3]),
        ctypes.PYFUNCTYPE(pointer, pointer, pointer, number)(addresses[4]),
        ctypes.PYFUNCTYPE(number, pointer, pointer, number)(addresses[5]),
        ctypes.PYFUNCTYPE(number, pointer, pointer)(addresses[6]),
        ctypes.CFUNCTYPE(number, pointer, number, number)(addresses[7]),
    )


def _emitted(target: Target, record_offset: int) -> ir.Module:
    module = emit_call(target, record_offset)
    emit_steps(module)
    return module


@functools.cache
def links() -> Words[int]:
    """The struct of `layout.Links`, which lives as long as the process."""
    names = {field: sys.intern(name) for field, name in _METHODS.items()}
    _kept.extend(names.values())
    words = zeros(len(Links))
    words[Links.ARRAY_TYPE] = array_layout.array_type()
    words[Links.NEW_ARRAY] = array_layout.new_array()
    words[Links.SET_BASE] = array_layout.set_base()
    objects = {
        Links.LIST_TYPE: list, Links.TUPLE_TYPE: tuple, Links.NONE: None,
        Links.NOT_DONE: NotImplemented, Links.BLOCK_TYPE: Block, Links.FLOAT_TYPE: float,
        Links.FLOAT64_TYPE: np.float64, Links.FLOAT64: float64.numpy,
        Links.FLOAT32_TYPE: np.float32, Links.FLOAT32: float32.numpy, **names,
    }  # fmt: skip
    for field, thing in objects.items():
        words[field] = id(thing)
    return words


_kept: list[str] = []
