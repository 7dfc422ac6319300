"""An executable loaded into this process, ready to be called with arrays."""

from __future__ import annotations

import ctypes
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import llvmlite.binding as llvm
import numpy as np

from graphc.codegen.executable import CALLED, LIMIT, Executable, Role, Site
from graphc.codegen.interrupts import INTERRUPTED, OUT_OF_MEMORY
from graphc.codegen.program import CLOCK
from graphc.errors import GraphcError, IterationLimitError, LinAlgError, OutOfRangeError
from graphc.ir import dims
from graphc.memory.plan import ALIGNMENT, Layout
from graphc.ops.callbacks import Entry
from graphc.runtime import callbacks, clock, interrupts, lapack
from graphc.runtime.binding import bind

Array = np.ndarray[Any, Any]
Shapes = Sequence[tuple[int, ...]]

#: For how many shapes of feeds a program remembers what follows from them.
MOST_SIGNATURES = 8

_ENTRY = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 4)
_names = itertools.count()


@dataclass(frozen=True)
class Signature:
    """Everything that follows from the shapes of one feed, worked out once."""

    sizes: Array
    layout: Layout
    outputs: tuple[tuple[int, ...], ...]
    updates: tuple[tuple[int, ...], ...]


class Native:
    """Machine code in memory. Calls may come from several threads at once.

    Arrays given must be contiguous, in native byte order, and of the declared dtypes; the
    session sees to that.
    """

    def __init__(self, executable: Executable) -> None:
        self.executable = executable
        self._functions: dict[str, Any] = {
            name: callbacks.function_of(name)
            for name in executable.imports
            if isinstance(name, Entry)
        }
        self._code = _link(executable, self._functions)
        self.entry: int = self._code[executable.entry]
        self._run = _ENTRY(self.entry)
        self._signatures: dict[tuple[tuple[int, ...], ...], Signature] = {}
        self._arenas: list[Array] = []
        self._by_role = {
            role: [k for k, slot in enumerate(executable.slots) if slot.role is role]
            for role in Role
        }
        self.constants = tuple(np.ascontiguousarray(value) for value in executable.constants)

    def slots_of(self, role: Role) -> list[int]:
        """The slots of a role's buffers, in their order."""
        return self._by_role[role]

    def signature(self, placeholders: Sequence[Array]) -> Signature:
        """Sizes and layout for the shapes of the placeholders; FeedError if they do not fit."""
        shapes = tuple(array.shape for array in placeholders)
        found = self._signatures.get(shapes)
        if found is None:
            while len(self._signatures) >= MOST_SIGNATURES:
                self._signatures.pop(next(iter(self._signatures)), None)
            found = self._signatures[shapes] = self.prepare(shapes)
        return found

    def prepare(self, shapes: Shapes) -> Signature:
        """What follows from the shapes of the placeholders; FeedError if they do not fit."""
        program = self.executable
        symbols = bind(program.placeholders, shapes, program.guards)

        def shapes_of(role: Role) -> tuple[tuple[int, ...], ...]:
            return tuple(
                tuple(dims.evaluate(dim, symbols) for dim in program.slots[k].shape)
                for k in self._by_role[role]
            )

        sizes = np.array([symbols[name] for name in program.symbols], np.int64)
        layout = program.plan.layout(symbols)
        return Signature(sizes, layout, shapes_of(Role.OUTPUT), shapes_of(Role.UPDATE))

    def fresh(self, role: Role, signature: Signature) -> list[Array]:
        """Uninitialised arrays for the outputs or the updates."""
        shapes = signature.outputs if role is Role.OUTPUT else signature.updates
        return [
            np.empty(shape, self.executable.slots[k].dtype.numpy)
            for k, shape in zip(self._by_role[role], shapes, strict=True)
        ]

    def call(
        self,
        signature: Signature,
        placeholders: Sequence[Array],
        variables: Sequence[Array],
        outputs: Sequence[Array],
        updates: Sequence[Array],
        pool: int | None = None,
        status: Array | None = None,
    ) -> None:
        """Run the program; the error of `failed_check` if a check has failed.

        `pool` is the address of a thread pool; without one everything runs on this thread.
        `status` is int64 zeros that a timed program writes to (`graphc.codegen.program.BEGIN`).
        """
        arena = self._take_arena(signature.layout.total)
        table = np.zeros(len(self.executable.slots), np.uintp)
        for role, arrays in (
            (Role.PLACEHOLDER, placeholders),
            (Role.VARIABLE, variables),
            (Role.CONSTANT, self.constants),
            (Role.OUTPUT, outputs),
            (Role.UPDATE, updates),
        ):
            for k, array in zip(self._by_role[role], arrays, strict=True):
                table[k] = array.ctypes.data
        base = -(-arena.ctypes.data // ALIGNMENT) * ALIGNMENT
        for k, offset in zip(self._by_role[Role.TEMPORARY], signature.layout.offsets, strict=True):
            table[k] = base + offset
        status = np.zeros(3, np.int64) if status is None else status
        self._run(table.ctypes.data, signature.sizes.ctypes.data, status.ctypes.data, pool)
        self._arenas.append(arena)
        if status[0]:
            number, index, size = (int(part) for part in status[:3])
            raise failure(self.executable, number, index, size)

    def _take_arena(self, size: int) -> Array:
        """Memory for temporaries, from an earlier call if one is large enough."""
        try:
            arena = self._arenas.pop()
        except IndexError:
            arena = np.empty(0, np.uint8)
        if arena.size < size + ALIGNMENT:
            arena = np.empty(size + ALIGNMENT, np.uint8)
        return arena


def _link(executable: Executable, functions: Mapping[str, Any]) -> Any:
    llvm.initialize_native_target()  # a process that loads a program may have compiled none
    llvm.initialize_native_asmprinter()
    compiler = llvm.create_lljit_compiler(use_jit_link=False)
    builder = llvm.JITLibraryBuilder().add_current_process()
    for image in executable.objects:
        builder = builder.add_object_img(image)
    for name in executable.imports:
        own = functions.get(name)
        place = _imported(name) if own is None else callbacks.address(own)
        builder = builder.import_symbol(name, place)
    builder = builder.export_symbol(executable.entry)
    return builder.link(compiler, f"graphc_{next(_names)}")


def _imported(name: str) -> int:
    if name in interrupts.NAMES:
        return interrupts.address(name)
    return clock.address() if name == CLOCK else lapack.address(name)


def failure(executable: Executable, number: int, index: int, size: int) -> BaseException:
    """What ended a run, given the three words of its status."""
    if number == INTERRUPTED:
        return interrupts.raised(index)
    if number == OUT_OF_MEMORY:
        return MemoryError("there is not enough memory for the tape of a loop")
    site = executable.sites[number - 1]
    return callbacks.raised(site) if site.axis == CALLED else failed_check(site, index, size)


def failed_check(site: Site, index: int, size: int) -> GraphcError:
    """The error for an index, a matrix or a number of turns that a check has found."""
    if site.axis == LIMIT:
        return IterationLimitError(site.failure, op=site.op, location=site.location)
    if site.failure:
        which = f"matrix {index - 1} of the stack" if site.axis else "the matrix"
        return LinAlgError(f"{which} {site.failure}", op=site.op, location=site.location)
    return OutOfRangeError(
        f"index {index} is out of range for axis {site.axis} with size {size}",
        op=site.op,
        location=site.location,
    )
