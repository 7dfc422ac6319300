"""LLVM's part: modules to optimised modules, assembly and object code.

A module's translation needs nothing of the others', so they are translated on several threads.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Collection, Mapping
from functools import cache, partial
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir

from graphc.codegen.target import Target
from graphc.codegen.translators import Translators
from graphc.errors import CompileError


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
    with Translators() as translators:
        for name, module in modules.items():
            begin(translators, name, module, target, quickly=name in quickly)
        made = translators.finish()
    return {name: made[name] for name in modules}


def plain_object(module: ir.Module, target: Target) -> bytes:
    """The object file of a module by LLVM without optimisation, in a quarter of the time.

    For code of graphc's own that mostly waits, or calls others.
    """
    return _translated(str(module), target, quickly=True)


def begin(
    translators: Translators, name: str, module: ir.Module, target: Target, *, quickly: bool = False
) -> None:
    """Have the object file of a module made; see `object_codes`."""
    text = str(module)
    translators.begin(name, len(text), partial(_translated, text, target, quickly))


def _translated(text: str, target: Target, quickly: bool) -> bytes:
    parsed = _parsed(text, llvm.create_context())
    if quickly:
        return _object_code(parsed, _machine(target, 0))
    _run_passes(parsed, target)
    return _object_code(parsed, _machine(target, 2))


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
