"""Executable: a compiled program as data, with no address and no Python object of the graph.

It can be written to disk, shipped, and loaded in another process.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np

from graphc.ir import dims
from graphc.ir.dims import Guard, Size
from graphc.ir.dtypes import DType
from graphc.ir.location import Location
from graphc.memory.plan import MemoryPlan
from graphc.memory.usage import Usage, usage_of


class Role(Enum):
    """What a buffer of a program is. The program itself finds out where a moving one lies."""

    PLACEHOLDER = "placeholder"
    VARIABLE = "variable"
    CONSTANT = "constant"
    OUTPUT = "output"
    UPDATE = "update"
    TEMPORARY = "temporary"
    MOVING = "moving"


@dataclass(frozen=True, slots=True)
class Slot:
    """One entry of the pointer table: the `index`-th buffer of its role."""

    role: Role
    index: int
    dtype: DType
    shape: tuple[Size, ...]

    @property
    def nbytes(self) -> Size:
        """The size of the buffer in bytes."""
        return dims.product(self.shape) * self.dtype.itemsize


@dataclass(frozen=True, slots=True)
class Input:
    """A placeholder or variable as the program declares it."""

    name: str
    dtype: DType
    shape: tuple[Size, ...]
    location: Location | None


#: The axis of a site at which turns of a loop are counted; and where a Python function is called.
LIMIT, CALLED = -1, -2


@dataclass(frozen=True, slots=True)
class Site:
    """A place in the program where something is checked, for the message when it is wrong.

    An index along the axis; or, with a `failure`, the matrices of a stack of `axis` dims, of
    which the failure says what one is; or turns that a loop takes, of which it says how many; or a
    Python function that may raise anything.
    """

    op: str
    axis: int
    location: Location | None
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Executable:
    """Object code, and the tables by which it is called.

    The entry takes a table of pointers, one for each slot; the sizes of `symbols`, as int64;
    three int64 that it sets when a check fails: 1 + the number of the site, the bad index and the
    size of the axis; and a thread pool, or null. `imports` are the names of library routines that
    the objects call, to be found when they are loaded. `work` is an estimate of a run, in the units
    of `graphc.schedule.work`; one that is `endless` has loops, which may take any time. `updated`
    are the variables that get new values; where `in_place` is true, the slot of the new value may
    be given the memory of the old one.
    """

    objects: tuple[bytes, ...]
    imports: tuple[str, ...]
    entry: str
    slots: tuple[Slot, ...]
    symbols: tuple[str, ...]
    placeholders: tuple[Input, ...]
    variables: tuple[Input, ...]
    constants: tuple[np.ndarray[Any, Any], ...]
    updated: tuple[int, ...]
    in_place: tuple[bool, ...]
    guards: tuple[Guard, ...]
    sites: tuple[Site, ...]
    plan: MemoryPlan
    kernel_count: int
    launch_count: int
    endless: bool
    work: Size
    compile_seconds: float

    def usage(self, symbols: Mapping[str, int]) -> Usage:
        """The bytes that a run takes, given the sizes of all `symbols`; exact, before it runs."""
        outputs = [slot.nbytes for slot in self.slots if slot.role is Role.OUTPUT]
        updates = [
            slot.nbytes
            for slot in self.slots
            if slot.role is Role.UPDATE and not self.in_place[slot.index]
        ]
        return usage_of(self.plan, outputs, updates, symbols)
