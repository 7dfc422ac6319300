"""Several runs of a program in native code, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.codegen.calls.layout import Feed as FeedField
from graphc.codegen.calls.layout import Stacked, Steps
from graphc.codegen.executable import Role
from graphc.runtime.call_code import CallCode
from graphc.runtime.call_record import ProgramRecord, SignatureRecord
from graphc.runtime.minibatches import Feed, Minibatches
from graphc.runtime.native import failure
from graphc.runtime.words import address, words, zeros

Array = np.ndarray[Any, Any]


class NativeLoop:
    """Runs a program on minibatches; outputs go into the rows of the arrays in `out`."""

    def __init__(
        self,
        program: ProgramRecord,
        signature: SignatureRecord,
        batches: Minibatches,
        out: Sequence[Array],
        code: CallCode,
    ) -> None:
        self._program, self._code = program, code
        self._permutes = batches.permutation is not None
        self._arena, memory = program.new_arena(signature.temporaries)
        self._kept: list[object] = [signature, batches, list(out), memory]
        native = program.native
        feeds = [
            self._feed(feed, slot)
            for feed, slot in zip(batches.feeds, native.slots_of(Role.PLACEHOLDER), strict=True)
        ]
        rows = zip(out, signature.output_bytes, native.slots_of(Role.OUTPUT), strict=True)
        stacked = [(array.ctypes.data, size, slot) for array, size, slot in rows]
        order = batches.permutation
        self._words = zeros(len(Steps))
        for field, value in {
            Steps.PROGRAM: program.address,
            Steps.SIGNATURE: signature.address,
            Steps.ARENA: self._arena,
            Steps.PERMUTATION: 0 if order is None else order.ctypes.data,
            Steps.FEED: self._rows(feeds, len(FeedField)),
            Steps.STACKED: self._rows(stacked, len(Stacked)),
        }.items():
            self._words[field] = value

    def run(self, first: int, end: int) -> int:
        """Run these steps; how many succeeded. The caller holds the lock of the variables."""
        return int(self._code.steps(address(self._words), first, end))

    def error(self) -> BaseException:
        """What was wrong in the step that failed."""
        number, index, size = self._program.status(self._arena)
        return failure(self._program.native.executable, number, index, size)

    def _feed(self, feed: Feed, slot: int) -> tuple[int, ...]:
        """A row of the struct `layout.Feed`."""
        base, is_gathered = feed.array.ctypes.data, feed.rows is not None and self._permutes
        if not is_gathered:
            return base, feed.stride, slot, -1, 0, 0
        target = np.empty(feed.shape, feed.array.dtype)
        self._kept.append(target)
        return base, 0, slot, feed.shape[0], feed.row_bytes, target.ctypes.data

    def _rows(self, rows: Sequence[tuple[int, ...]], width: int) -> int:
        memory = words([number for row in rows for number in row] or [0] * width)
        self._kept.append(memory)
        return address(memory)
