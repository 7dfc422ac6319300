"""Runs kernels on memory that may be shared, exactly and by the letter.

Elements are terms: an operation with the terms that it was applied to, so results are equal only if
they were computed alike. Loops marked `vector` take four positions at a time: of each statement
first everything is read, then everything is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphc.ir import dims
from graphc.ir.dims import Size
from graphc.ir.scalar import Expr
from graphc.schedule.kernel import Kernel
from graphc.schedule.statements import (
    Combine,
    Fold,
    Loop,
    Sort,
    Statement,
    Store,
    Update,
)

Term = Any
#: The values of sizes, axes and locals, for one lane.
Lane = dict[str, Any]
LANES = 4


class Memory:
    """Elements by place. Buffers of one home are one memory."""

    def __init__(self, homes: Mapping[str, str]) -> None:
        self.homes = homes
        self.cells: dict[tuple[str, int], Term] = {}

    def read(self, buffer: str, place: int) -> Term:
        home = self.homes.get(buffer, buffer)
        return self.cells.get((home, place), (home, place))

    def write(self, buffer: str, place: int, term: Term) -> None:
        self.cells[self.homes.get(buffer, buffer), place] = term


def run(
    kernel: Kernel, sizes: Mapping[str, int], homes: Mapping[str, str], *, backwards: bool = False
) -> Memory:
    """What the kernel leaves; `backwards`: the outermost loop, which may be cut, runs so."""
    memory = Memory(homes)
    if backwards and kernel.parallel:
        loop = kernel.body[0]
        assert isinstance(loop, Loop)
        extent = dims.evaluate(loop.axis.extent, sizes)
        for position in reversed(range(extent)):
            _Run(memory).body(loop.body, [{**sizes, loop.axis.name: position}])
    else:
        _Run(memory).body(kernel.body, [dict(sizes)])
    return memory


class _Run:
    def __init__(self, memory: Memory) -> None:
        self.memory = memory

    def body(self, body: tuple[Statement, ...], lanes: list[Lane]) -> None:
        for statement in body:
            match statement:
                case Store(target, offset, value):
                    self.write(target, [(_at(offset, e), self.value(value, e)) for e in lanes])
                case Update(target, offset, combiner, value, None):
                    for lane in lanes:
                        place = _at(offset, lane)
                        term = (combiner, self.memory.read(target, place), self.value(value, lane))
                        self.memory.write(target, place, term)
                case Combine(result, operands):
                    for lane in lanes:
                        terms = tuple(self.value(operand, lane) for operand in operands)
                        lane[result] = (lane[result], *terms)
                case Loop():
                    self.loop(statement, lanes)
                case Fold(reductions, inner):
                    for lane in lanes:
                        lane |= {r.result: (r.combiner,) for r in reductions}
                    self.body(inner, lanes)
                case Sort(axis, key, _, _, target, offset, _):
                    for lane in lanes:
                        self.sort(lane, axis.name, _at(axis.extent, lane), key, target, offset)
                case _:
                    raise AssertionError(statement)

    def write(self, target: str, elements: list[tuple[int, Term]]) -> None:
        for place, term in elements:
            self.memory.write(target, place, term)

    def loop(self, loop: Loop, lanes: list[Lane]) -> None:
        name, extent = loop.axis.name, _at(loop.axis.extent, lanes[0])
        if not loop.vector:
            for position in range(extent):
                for lane in lanes:
                    lane[name] = position
                self.body(loop.body, lanes)
            return
        (outer,) = lanes
        for start in range(0, extent, LANES):
            window = [{**outer, name: k} for k in range(start, min(start + LANES, extent))]
            self.body(loop.body, window)
            for result in [key for key in outer if key.startswith("%")]:
                outer[result] = (outer[result], *(lane[result] for lane in window))

    def sort(
        self, lane: Lane, name: str, extent: int, key: Expr, target: str, offset: Size
    ) -> None:
        keys = tuple(self.value(key, {**lane, name: k}) for k in range(extent))
        for k in range(extent):
            self.memory.write(target, _at(offset, {**lane, name: k}), ("sorted", k, keys))

    def value(self, expr: Expr, lane: Lane) -> Term:
        match expr.name:
            case "const":
                return expr.data
            case "local":
                return lane[str(expr.data)]
            case "load":
                return self.memory.read(str(expr.source), _at(expr.offset, lane))
            case name:
                return (name, *(self.value(arg, lane) for arg in expr.args))


def _at(size: Size, lane: Lane) -> int:
    known = {name: value for name, value in lane.items() if isinstance(value, int)}
    return dims.evaluate(size, known)
