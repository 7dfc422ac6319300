"""Steps that native code runs without Python, and what it needs for that."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any, TypeVar, cast

import numpy as np

from graphc.codegen.calls.layout import Program
from graphc.codegen.executable import Executable, Role
from graphc.errors import SessionError
from graphc.ir.graph import Graph
from graphc.ir.node import Node
from graphc.runtime.call_code import CallCode, call_code
from graphc.runtime.call_record import ProgramRecord, SignatureRecord
from graphc.runtime.call_type import record_offset
from graphc.runtime.calling import BoundStep, native_call
from graphc.runtime.fetches import Fetches
from graphc.runtime.minibatches import Minibatches
from graphc.runtime.native import MOST_SIGNATURES, Native
from graphc.runtime.native_loop import NativeLoop
from graphc.runtime.native_variables import NativeVariables
from graphc.runtime.session_pool import SessionPool
from graphc.runtime.step import Step

Array = np.ndarray[Any, Any]
Shape = tuple[int, ...]
T = TypeVar("T")

#: A run is tried again if other threads have taken what was made ready for it, but not for ever.
_MOST_TRIES = 1000

#: How long native code runs before Python looks whether there was a Ctrl-C.
CHUNK_SECONDS = 0.02


def code() -> CallCode:
    """The functions for objects of `BoundStep`."""
    return call_code(record_offset(BoundStep))


@dataclass(frozen=True)
class _Tables:
    """What the callable behind `compute` knows of its step, which it must not keep alive."""

    nodes: tuple[Node, ...]
    executable: Executable | None


class NativeStep:
    """A compiled program with the variables of a session.

    `callable_for` makes what users call. Its native code comes to `compute` with what it has not
    met before.
    """

    def __init__(
        self, graph: Graph, native: Native, variables: NativeVariables, pool: SessionPool
    ) -> None:
        executable = native.executable
        self.nodes, self.placeholders = graph.placeholders, executable.placeholders
        self.executable: Executable | None = executable
        self._variables, self._pool, self._code = variables, pool, code()
        places = variables.places(graph.variables)
        self._turns = variables.turns if places else variables.free_turns
        self._record = ProgramRecord(native, places, self._turns)
        slots = executable.slots
        self.output_dtypes = [slots[k].dtype for k in native.slots_of(Role.OUTPUT)]
        self._signatures: dict[tuple[Shape, ...], SignatureRecord] = {}
        self._linked: dict[int, SignatureRecord] = {}
        self._arenas: dict[int, Array] = {}
        self._preparing = threading.RLock()
        tables = cast(Step, _Tables(self.nodes, executable))
        everything = Fetches([], [], tuple(range(len(self.output_dtypes))))
        self._attempt = native_call(
            tables, everything, self.nodes, self._record, self._code.attempt
        )

    def callable_for(self, fetches: Fetches, order: Sequence[Node]) -> BoundStep:
        """A callable of feeds in that order."""
        return native_call(self, fetches, order, self._record, self._code.call)

    def check_open(self) -> None:
        """See `Step`."""
        self._variables.check_open()

    def wake(self) -> None:
        """Let those who wait for a run look whether their turn has come."""
        self._turns.wake()

    def output_shapes(self, shapes: Sequence[Shape]) -> Sequence[Shape]:
        """See `Step`."""
        return self._signature(tuple(shapes)).outputs

    def peak(self, shapes: Sequence[Shape]) -> int:
        """Bytes that a first run holds: temporaries, outputs, and new values that lie apart."""
        signature = self._signature(tuple(shapes))
        spares = sum(max(place.nbytes, 1) for place in self._record.spares)
        arena = self._record.arena_bytes(signature.temporaries)
        outputs = sum(max(size, 1) for size in signature.output_bytes)  # as NumPy allocates
        return arena + outputs + spares

    def drop_blocks(self) -> None:
        """Free the memory of results that is kept for later ones, once the session is closed."""
        for signature in list(self._linked.values()):
            signature.drop_blocks()

    # One run ----------------------------------------------------------------------------------

    def compute(self, arrays: Sequence[Array], out: Sequence[Array | None]) -> Sequence[Array]:
        """See `Step`."""
        shapes = tuple(array.shape for array in arrays)
        into = None if all(array is None for array in out) else tuple(out)
        for tries in range(_MOST_TRIES):
            signature = self._signature(shapes)
            done = self._in_turn(functools.partial(self._try, signature, arrays, into))
            if done is not NotImplemented:
                return cast(Sequence[Array], done)
            if signature.address not in self._linked or tries % 8 == 7:
                self._signatures.pop(shapes, None)  # it has been displaced
        raise SessionError("a run did not start, though everything was ready for it")

    def _in_turn(self, work: Callable[[], T]) -> T:
        def checked() -> T:
            self.check_open()
            for place in self._record.spares:
                place.need_spare()
            return work()

        return self._turns.during(self._record.writes, checked)

    def _try(
        self,
        signature: SignatureRecord,
        arrays: Sequence[Array],
        out: tuple[Array | None, ...] | None,
    ) -> Any:
        """Run natively, if no other thread has taken the arena in between."""
        head = self._record.words[Program.ARENAS]
        if not head or not self._holds(head, signature):
            displaced = self._code.pop_arena(self._record.address)
            self._arenas.pop(displaced, None)
            start, memory = self._record.new_arena(signature.temporaries)
            self._arenas[start] = memory
            self._code.push_arena(self._record.address, start)
        return self._attempt(*arrays, out=out)

    def _holds(self, arena: int, signature: SignatureRecord) -> bool:
        memory = self._arenas.get(arena)
        needed = self._record.arena_bytes(signature.temporaries)
        return memory is not None and memory.nbytes >= needed

    def _signature(self, shapes: tuple[Shape, ...]) -> SignatureRecord:
        """What follows from the shapes of the placeholders, known to native code from now on."""
        found = self._signatures.get(shapes)
        if found is not None:
            return found
        with self._preparing:
            found = self._signatures.get(shapes)
            if found is not None:
                return found
            made = SignatureRecord(self._record, shapes, self._pool)
            self._linked[made.address] = made  # first: native code does not keep it alive
            self._displace(
                self._code.push_signature(self._record.address, made.address, MOST_SIGNATURES)
            )
            self._signatures[shapes] = made
            return made

    def _displace(self, address: int | None) -> None:
        gone = self._linked.pop(address, None) if address else None
        if gone is not None and self._signatures.get(gone.shapes) is gone:
            del self._signatures[gone.shapes]

    # Several runs -----------------------------------------------------------------------------

    def repeat(self, batches: Minibatches, out: Sequence[Array]) -> None:
        """See `Step`."""
        loop = NativeLoop(
            self._record, self._signature(tuple(batches.shapes)), batches, out, self._code
        )
        done, chunk = 0, 1
        while done < batches.steps:
            count = min(chunk, batches.steps - done)
            begin = perf_counter()
            ran = self._in_turn(functools.partial(loop.run, done, done + count))
            if ran < count:
                raise loop.error()
            done += count
            seconds = max(perf_counter() - begin, 1e-9)
            chunk = max(1, min(8 * chunk, int(count * CHUNK_SECONDS / seconds)))
