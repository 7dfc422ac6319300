"""Callables: a step with its feeds in a fixed order, and results in the form of the fetches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from graphc.codegen.calls.layout import Form
from graphc.codegen.executable import Executable
from graphc.errors import FeedError
from graphc.ir.dtypes import DType
from graphc.ir.node import Node
from graphc.runtime import outputs
from graphc.runtime.call_record import CallRecord, ProgramRecord
from graphc.runtime.call_type import connect, native_type
from graphc.runtime.feeds import as_input
from graphc.runtime.fetches import Fetches
from graphc.runtime.native import failure

if TYPE_CHECKING:
    from graphc.runtime.step import Step

Array = np.ndarray[Any, Any]


class BoundStep:
    """A function of feeds in a fixed order. Made by `Session.make_callable`.

    Feeds that the fetches do not need are allowed, and not looked at.
    """

    __slots__ = ("__weakref__", "_fetches", "_names", "_order", "_record", "_step")

    def __init__(self, step: Step, fetches: Fetches, order: Sequence[Node]) -> None:
        self._step = step
        self._fetches = fetches
        self._names = [str(node.name) for node in order]
        place = {node: k for k, node in enumerate(order)}
        self._order = [place[node] for node in step.nodes]
        self._record: CallRecord | None = None

    @property
    def executable(self) -> Executable | None:
        """The compiled program, None with `reference=True`."""
        return self._step.executable

    def __call__(self, *feeds: Any, out: Any = None) -> Any:
        """Run with the feeds in the order given to `make_callable`.

        `out` has an array for each tensor that is fetched, in the form of the fetches, with None
        for operations and where a new array is wanted. Results are written to these arrays and
        are them; after an error they may hold anything. DTypeError, ShapeError and
        AttributeValueError for arrays that do not do, before anything runs.
        """
        step = self._step
        step.check_open()
        if len(feeds) != len(self._names):
            raise FeedError(
                f"takes the feeds [{', '.join(self._names)}], but is called with {len(feeds)}"
            )
        arrays = [
            plain(as_input(declared, feeds[k]), declared.dtype)
            for declared, k in zip(step.placeholders, self._order, strict=True)
        ]
        given = outputs.given(self._fetches, out)
        into: list[Array | None] = [None] * len(given.arrays)
        if out is not None:
            shapes = step.output_shapes([array.shape for array in arrays])
            outputs.check(self._fetches, given, step.output_dtypes, shapes, arrays)
            pairs = zip(given.arrays, step.output_dtypes, strict=True)
            into = [None if array is None else plain(array, dtype) for array, dtype in pairs]
        return given.results(self._fetches, step.compute(arrays, into))

    # Methods that native code calls, see `graphc.codegen.calls.layout.Links`

    _call_slowly = __call__

    def _fail(self, number: int, index: int, size: int) -> None:
        executable = self.executable
        assert executable is not None
        raise failure(executable, number, index, size)

    def _wake(self) -> None:
        self._step.wake()

    def _form(self, values: Sequence[Array]) -> Any:
        return self._fetches.results(values)


def native_call(
    step: Step, fetches: Fetches, order: Sequence[Node], program: ProgramRecord, function: int
) -> BoundStep:
    """A callable that Python calls through a native function, see `call_function`."""
    made: BoundStep = native_type(BoundStep)(step, fetches, order)
    form, items = fetches.flat() or (Form.NESTED, list(range(len(fetches.tensors))))
    made._record = CallRecord(program, len(made._names), made._order, form, items)
    connect(made, BoundStep, function, made._record.address)
    return made


def plain(array: Array, dtype: DType) -> Array:
    """The array, or a view of it, as native code knows it: no subclass, and the dtype itself."""
    array = array.view(np.ndarray) if type(array) is not np.ndarray else array
    return array if array.dtype is dtype.numpy else array.view(dtype.numpy)
