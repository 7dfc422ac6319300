"""The structs of `graphc/codegen/calls/layout.py` for a loaded program, made from its tables."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from graphc.codegen.calls.layout import (
    MOST_BLOCKS,
    STATUS_WORDS,
    WORD,
    Arena,
    Call,
    Form,
    Program,
    Signature,
)
from graphc.codegen.executable import Role
from graphc.ir import dims
from graphc.ir.dims import Size
from graphc.memory.plan import ALIGNMENT
from graphc.runtime import call_code
from graphc.runtime.native import Native, Shapes
from graphc.runtime.native_variables import Place
from graphc.runtime.turns import Turns
from graphc.runtime.words import Words, address, words, zeros
from graphc.schedule.work import NANOSECOND

Array = np.ndarray[Any, Any]

#: A run longer than this lets other Python threads run meanwhile, and may use several threads.
LONG_NANOSECONDS = 10_000


def is_long(work: Size, symbols: Mapping[str, int]) -> bool:
    """Whether a run of a program's work takes longer than that for dims of these sizes."""
    return dims.evaluate(work, symbols) > LONG_NANOSECONDS * NANOSECOND


class ProgramRecord:
    """The struct of a program that works on variables in given places."""

    def __init__(self, native: Native, places: Sequence[Place], turns: Turns) -> None:
        self.native, executable = native, native.executable
        self._kept: list[object] = [places, turns]
        self.words = zeros(len(Program))
        self.status_at = WORD * (Arena.TABLE + len(executable.slots))
        self.numbers_at = self.status_at + WORD * STATUS_WORDS
        inputs = len(native.slots_of(Role.PLACEHOLDER))
        self.temporaries_at = _aligned(self.numbers_at + WORD * inputs)
        pairs = zip(executable.updated, executable.in_place, strict=True)
        updates = [(places[k], not in_place) for k, in_place in pairs]
        self.spares = [place for place, swaps in updates if swaps]
        self.writes = bool(updates)
        cells = [address(place.words) for place in places]
        variables, slots = native.slots_of(Role.VARIABLE), native.slots_of(Role.UPDATE)
        self._fill(
            {
                Program.STATE: address(turns.state),
                Program.ENTRY: native.entry,
                Program.WRITES: int(self.writes),
                Program.STATUS: self.status_at,
                Program.NUMBERS_AT: self.numbers_at,
                Program.TEMPORARIES_AT: self.temporaries_at,
            }
        )
        self._fill_rows(Program.INPUTS, self._buffers(Role.PLACEHOLDER))
        self._fill_rows(Program.OUTPUTS, self._buffers(Role.OUTPUT))
        self._fill_rows(Program.VARIABLES, list(zip(cells, variables, strict=True)))
        rows = [
            (address(place.words), slot, int(swaps))
            for (place, swaps), slot in zip(updates, slots, strict=True)
        ]
        self._fill_rows(Program.UPDATES, rows)
        self._fill_rows(Program.TEMPORARIES, [(k,) for k in native.slots_of(Role.TEMPORARY)])

    @property
    def address(self) -> int:
        """Where the struct is."""
        return address(self.words)

    def arena_bytes(self, temporaries: int) -> int:
        """Bytes of an arena, and what is lost to its alignment."""
        return self.temporaries_at + temporaries + ALIGNMENT

    def new_arena(self, temporaries: int) -> tuple[int, Array]:
        """Where a new arena begins, and its memory."""
        memory = np.empty(self.arena_bytes(temporaries), np.uint8)
        start = _aligned(memory.ctypes.data)
        head = (ctypes.c_int64 * (self.temporaries_at // WORD)).from_address(start)
        head[Arena.BYTES] = self.temporaries_at + temporaries
        constants = zip(self.native.slots_of(Role.CONSTANT), self.native.constants, strict=True)
        for slot, constant in constants:
            head[Arena.TABLE + slot] = constant.ctypes.data
        return start, memory

    def status(self, arena: int) -> tuple[int, int, int]:
        """What the check that failed has reported into an arena."""
        first, second, third = (ctypes.c_int64 * STATUS_WORDS).from_address(arena + self.status_at)
        return first, second, third

    def _buffers(self, role: Role) -> list[tuple[int, int, int]]:
        slots = self.native.executable.slots
        return [
            (id(slots[k].dtype.numpy), len(slots[k].shape), k) for k in self.native.slots_of(role)
        ]

    def _fill(self, values: dict[Program, int]) -> None:
        for field, value in values.items():
            self.words[field] = value

    def _fill_rows(self, count: Program, rows: Sequence[tuple[int, ...]]) -> None:
        """A number of structs, and in the next field their address."""
        memory = words([number for row in rows for number in row] or [0])
        self._kept.append(memory)
        self.words[count], self.words[count + 1] = len(rows), address(memory)


class SignatureRecord:
    """The struct of a signature: what follows from shapes, see `Native.prepare`."""

    def __init__(self, record: ProgramRecord, shapes: Shapes, pool: Any) -> None:
        native, executable = record.native, record.native.executable
        self.shapes = tuple(shapes)
        found = native.prepare(shapes)
        self.outputs = found.outputs
        self.temporaries = found.layout.total
        slots = executable.slots
        sizes = [slots[k].dtype.itemsize for k in native.slots_of(Role.PLACEHOLDER)]
        self.output_bytes = _bytes(
            found.outputs, [slots[k].dtype.itemsize for k in native.slots_of(Role.OUTPUT)]
        )
        output_dims = [words(shape or (0,)) for shape in found.outputs]
        arrays = {
            Signature.DIMS: words([n for shape in shapes for n in shape] or [0]),
            Signature.INPUT_BYTES: words(_bytes(shapes, sizes) or [0]),
            Signature.SIZES: words(found.sizes.tolist() or [0]),
            Signature.OUTPUT_DIMS: words([address(each) for each in output_dims] or [0]),
            Signature.OUTPUT_BYTES: words(self.output_bytes or [0]),
            Signature.OFFSETS: words(found.layout.offsets or [0]),
        }
        self._kept = (arrays, output_dims)
        symbols = dict(zip(executable.symbols, found.sizes.tolist(), strict=True))
        self.is_long = is_long(executable.work, symbols)
        self.words = zeros(len(Signature))
        for field, memory in arrays.items():
            self.words[field] = address(memory)
        self.words[Signature.OWNER] = id(self)
        self.words[Signature.ARENA_BYTES] = record.temporaries_at + self.temporaries
        self.words[Signature.RELEASES] = int(self.is_long or executable.endless)
        self._blocks: list[Array | None] = [None] * (MOST_BLOCKS * len(found.outputs))
        self.words[Signature.BLOCKS] = id(self._blocks)
        self.words[Signature.POOL] = pool.address if self.is_long else 0

    @property
    def address(self) -> int:
        """Where the struct is."""
        return address(self.words)

    def drop_blocks(self) -> None:
        """Free the memory of results that is kept, as soon as no result lies in it."""
        self._blocks[:] = [None] * len(self._blocks)


class CallRecord:
    """The struct of a callable: its arguments' order and the form of its results.

    `arguments` gives for each placeholder the number of its argument, `items` for each item of the
    result the number of an output, or None.
    """

    def __init__(
        self,
        program: ProgramRecord,
        positional: int,
        arguments: Sequence[int],
        form: Form,
        items: Sequence[int | None],
    ) -> None:
        numbers = words(arguments or [0])
        outputs = words([-1 if item is None else item for item in items] or [0])
        self._kept = (program, numbers, outputs)
        self.words: Words[int] = zeros(len(Call))
        self.words[Call.LINKS] = address(call_code.links())
        self.words[Call.PROGRAM] = program.address
        self.words[Call.POSITIONAL] = positional
        self.words[Call.ARGUMENTS] = address(numbers)
        self.words[Call.FORM] = form
        self.words[Call.ITEMS] = len(items)
        self.words[Call.ITEM] = address(outputs)

    @property
    def address(self) -> int:
        """Where the struct is."""
        return address(self.words)


def _bytes(shapes: Shapes, itemsizes: Sequence[int]) -> list[int]:
    pairs = zip(shapes, itemsizes, strict=True)
    return [math.prod(shape) * size for shape, size in pairs]


def _aligned(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT
