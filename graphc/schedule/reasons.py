"""Reasons for what is not in one kernel: a value and what reads it, or the turns of a loop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from graphc.ir.node import Node


class Why(Enum):
    """The reasons, in words; {p} is the value, {r} what reads it, {o} another value."""

    PARTS = "{p} holds parts for blocks of what it reduces; {r} needs all of them"
    PRODUCER_IN_ORDER = "{p} takes elements in order ({p_op}), which is a kernel of its own"
    READER_IN_ORDER = "{r} takes elements in order ({r_op}), which is a kernel of its own"
    BAND = "{p} is worked out with a few rows of wide values at a time, a kernel of its own"
    IN_BAND = "{r} is worked out with a few rows of wide values at a time, a kernel of its own"
    CONTROL = "{r} runs graphs of its own ({r_op}), which find what they read in memory"
    PART = "{p} is a result of {p_op}, which runs graphs of its own"
    UNPROVEN = "that {r} reads {p} just where that is at hand could not be proven"
    REREAD = "{r} reads every element of {p} over and over ({r_op})"
    ACROSS = "{r} takes elements of {p} from all its rows"
    ALL_ROWS = "{r} puts rows of {p} together, among which the work is shared out"
    SINGLY = "the kernel of {p} takes its elements in an order of its own, and {r} needs rows"
    CHECKED = "{r} checks positions in {p}, which is complete before"
    MOVED = "{r} reads {p} at other positions than its own, in the first dim already"
    FEW_ROWS = "{r} reads {p} by rows in the first {n} dims only, too few to share out the work"
    OTHER_DIMS = "{r} is worked out over other dims than {p}"
    NUMBER = "{p} is worked out once for all elements of {r}, which are shared out"
    LONG_ROWS = "a row of {r} or {p} is too long to be kept near"
    FULL = "the kernel of {p} has as much in it as a kernel may have"
    BLOCKS = "{r} or {p} is reduced in blocks or chunks, and the other one is not cut like that"
    ALSO_NEEDS = "{r} also needs {o}, which is not known yet where {p} is computed"
    ALSO_READS = "{r} also reads {o} of the same kernel as {p}, and has to be apart from that"
    WITH = "{r} is computed with {o}, which reads of the kernel of {p} and cannot be in it"
    WITH_LATER = "{r} is computed with {o}, which needs something that is not known where {p} is"
    WITH_OTHERS = "{r} is computed with {o}, with which it shares what it reads"


@dataclass(frozen=True, slots=True)
class Separation:
    """A value kept in memory, a node that reads it in another kernel, and the reason.

    `other` is the value that the reason speaks of, `count` the number.
    """

    producer: Node
    reader: Node
    why: Why
    other: Node | None = None
    count: int = 0

    def text(self, names: Mapping[Node, str]) -> str:
        """The reason in words, with the names of nodes."""
        made_by = self.producer.inputs[0] if self.why is Why.PART else self.producer
        return self.why.value.format(
            p=names.get(self.producer, "?"),
            r=names.get(self.reader, "?"),
            o=names.get(self.other, "?") if self.other else "",
            p_op=made_by.op.name,
            r_op=self.reader.op.name,
            n=self.count,
        )


class Loose(Enum):
    """Why a loop is launched turn by turn, in words; {o} is a value, {n} and {m} are numbers."""

    INNER = "there is a loop inside of it, {o}"
    NOTHING = "its turns launch nothing"
    LAUNCHES = "its turns are {n} launches, of which one kernel takes {m} at most"
    APART = "{o} needs a kernel of its own ({o_op})"
    DIMS = "how much work a turn is depends on dims"
    WORK = "a turn is about {n} ns of work, and worth a launch from {m} ns on"
    ROOM = "a turn hands on {n} bytes, of which one kernel keeps {m} at most"


@dataclass(frozen=True, slots=True)
class Looseness:
    """Why turns of a loop are not taken by one kernel, with what the reason speaks of."""

    why: Loose
    other: Node | None = None
    count: int = 0
    most: int = 0

    def text(self, names: Mapping[Node, str]) -> str:
        """The reason in words, with the names of nodes."""
        return self.why.value.format(
            o=names.get(self.other, "?") if self.other else "",
            o_op=self.other.op.name if self.other else "",
            n=f"{self.count:,}",
            m=f"{self.most:,}",
        )
