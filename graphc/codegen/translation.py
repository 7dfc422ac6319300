"""LLVM's part: modules to optimised modules, assembly and object code.

A module's translation needs nothing of the others', so they are translated on several threads.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable, Collection, Mapping
from functools import cache
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir

from graphc.codegen.target import Target
from graphc.errors import CompileError

#: Threads at most: emitting the modules takes too large a part of the time for more to be of use.
MOST_THREADS = 8


def optimize(module: ir.Module, target: Target) -> Any:
    """Parse, check and optimise a module. CompileError carries LLVM's own words."""
    parsed = _parsed(str(module), None)
    _run_passes(parsed, target)
    return parsed


def assembly(parsed: Any, target: Target) -> str:
    """Machine code of an optimised module, as text."""
    return str(_machine(target, 2).emit_assembly(parsed))


def object_codes(
    modules: Mapping[str, ir.Module], target: Target, quickly: Collection[str] = ()
) -> dict[str, bytes]:
    """Relocatable object files of modules, under their names. CompileError as for `optimize`.

    Modules that run once, where a kernel runs long, are translated `quickly`.
    """

    def translated(name: str) -> bytes:
        parsed = _parsed(texts[name], llvm.create_context())
        if name in quickly:
            return _object_code(parsed, _machine(target, 0))
        _run_passes(parsed, target)
        return _object_code(parsed, _machine(target, 2))

    texts = {name: str(module) for name, module in modules.items()}
    # The longest first, so that no thread is left with a long one at the end.
    names = sorted(texts, key=lambda name: -len(texts[name]))
    done = dict(zip(names, _mapped(translated, names), strict=True))
    return {name: done[name] for name in modules}


def _mapped(call: Callable[[str], bytes], items: list[str]) -> list[bytes]:
    """As `map`, on as many threads as there are CPUs to run them."""
    threads = min(len(items), _cpus(), MOST_THREADS)
    if threads <= 1:
        return [call(item) for item in items]
    from concurrent.futures import ThreadPoolExecutor  # slow to import

    with ThreadPoolExecutor(threads, "graphc-translation") as pool:
        return list(pool.map(call, items))


def _cpus() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _parsed(text: str, context: Any) -> Any:
    try:
        parsed = llvm.parse_assembly(text, context)
        parsed.verify()
    except RuntimeError as error:
        raise CompileError(f"the generated code is not valid: {error}") from None
    return parsed


def _run_passes(parsed: Any, target: Target) -> None:
    options = llvm.create_pipeline_tuning_options()
    _unlocked("LLVMPY_RunNewModulePassManager")(
        _light_passes(), parsed, llvm.create_pass_builder(_machine(target, 2), options)
    )


def _light_passes() -> Any:
    """What the emitted code still needs: vectors, masks and hoisting are in it already.

    Ten times as fast as LLVM's default pipeline for it, and the code is smaller. Value numbering is
    not among them: it finds nothing that the emitters have not, and LLVM 22's ends the process on
    some valid modules ("Value number changed after main loop completed").
    """
    passes = llvm.create_new_module_pass_manager()
    passes.add_always_inliner_pass()
    passes.add_sroa_pass()
    passes.add_instruction_combine_pass()
    passes.add_simplify_cfg_pass()
    passes.add_dead_code_elimination_pass()
    return passes


def _object_code(parsed: Any, machine: Any) -> bytes:
    """As `machine.emit_object`, without keeping other threads from it."""
    library, error = llvm.ffi.lib, ctypes.c_char_p()
    emit = _unlocked("LLVMPY_TargetMachineEmitToMemory")
    memory = emit(machine, parsed, 1, ctypes.byref(error))
    if not memory:
        raise CompileError(f"LLVM gives no machine code: {(error.value or b'').decode()}")
    try:
        start, size = (library.LLVMPY_GetBufferStart(memory), library.LLVMPY_GetBufferSize(memory))
        return ctypes.string_at(start, size)
    finally:
        library.LLVMPY_DisposeMemoryBuffer(memory)


@cache
def _unlocked(name: str) -> Any:
    """A function of LLVM without the lock that llvmlite holds during each call into it.

    LLVM allows calls at once from several threads if they share neither context nor machine.
    """
    library = llvm.ffi.lib
    locked = getattr(library, name)
    call = getattr(ctypes.CDLL(library._name, handle=library._handle), name)
    call.argtypes, call.restype = locked.argtypes, locked.restype
    return call


class _Machines(threading.local):
    """Each thread's own, made once: it takes as long as translating a kernel."""

    def __init__(self) -> None:
        self.made: dict[tuple[Target, int], Any] = {}


_machines = _Machines()


def _machine(target: Target, level: int) -> Any:
    made = _machines.made
    if (target, level) not in made:
        made[target, level] = target.machine(level)
    return made[target, level]
