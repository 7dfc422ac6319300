"""The loop behind `Session.run_steps`: one step after the other, without Python in between."""

from __future__ import annotations

from llvmlite import ir

from graphc.codegen.calls.function import commit, enter, fill_program
from graphc.codegen.calls.layout import Arena, Feed, Program, Stacked, Steps
from graphc.codegen.calls.writer import ZERO, Writer
from graphc.codegen.values import I1, I64, POINTER, VOID, overloaded

STEPS, _GATHER, _FEED = "graphc_steps", "gc.gather", "gc.feed"


def emit_steps(module: ir.Module) -> None:
    """`i64 graphc_steps(steps, i64 first, i64 end)`: run these steps; how many succeeded.

    It stops at the first in which a check fails, whose report is in the arena; that step has
    changed no variable. Called without the GIL, by who holds the lock of the variables.
    """
    _emit_gather(module)
    _emit_feed(module)
    w = Writer(module, STEPS, I64, [POINTER, I64, I64])
    steps, first, end = w.arguments
    program = w.pointer(steps, Steps.PROGRAM)
    signature, arena = w.pointer(steps, Steps.SIGNATURE), w.pointer(steps, Steps.ARENA)
    table = w.at(arena, Arena.TABLE)
    outputs, stacked = w.load(program, Program.OUTPUTS), w.pointer(steps, Steps.STACKED)
    with w.counted(w.builder.sub(end, first)) as k:
        step = w.builder.add(first, k)
        w.call(_FEED, steps, step, result=VOID)
        with w.counted(outputs) as output:
            row = w.row(stacked, Stacked, output)
            offset = w.builder.mul(step, w.load(row, Stacked.STRIDE))
            place = w.bytes_from(w.pointer(row, Stacked.BASE), offset)
            w.set_slot(place, table, w.load(row, Stacked.SLOT))
        fill_program(w, program, signature, arena)
        w.leave_if(w.builder.not_(enter(w, program, signature, arena)), k)
        commit(w, program)
    w.leave(w.builder.sub(end, first))


def _emit_feed(module: ir.Module) -> None:
    """`void feed(steps, i64 step)`: the slots of the placeholders."""
    w = Writer(module, _FEED, VOID, [POINTER, I64])
    w.internal()
    steps, step = w.arguments
    table = w.at(w.pointer(steps, Steps.ARENA), Arena.TABLE)
    feeds = w.pointer(steps, Steps.FEED)
    inputs = w.load(w.pointer(steps, Steps.PROGRAM), Program.INPUTS)
    permutation = w.pointer(steps, Steps.PERMUTATION)
    with w.counted(inputs) as k:
        feed = w.row(feeds, Feed, k)
        slot, rows = w.load(feed, Feed.SLOT), w.load(feed, Feed.ROWS)
        with w.builder.if_else(w.less(rows, ZERO)) as (sliced, gathered):
            with sliced:
                offset = w.builder.mul(step, w.load(feed, Feed.STRIDE))
                w.set_slot(w.bytes_from(w.pointer(feed, Feed.BASE), offset), table, slot)
            with gathered:
                numbers = w.at(permutation, 0, w.builder.mul(step, rows))
                w.call(_GATHER, feed, numbers, result=VOID)
                w.set_slot(w.pointer(feed, Feed.TARGET), table, slot)
    w.leave()


def _emit_gather(module: ir.Module) -> None:
    """`void gather(feed, numbers)`: copy the rows of these numbers, one behind the other."""
    w = Writer(module, _GATHER, VOID, [POINTER, POINTER])
    w.internal()
    feed, numbers = w.arguments
    base, target = w.pointer(feed, Feed.BASE), w.pointer(feed, Feed.TARGET)
    size = w.load(feed, Feed.ROW_BYTES)
    with w.counted(w.load(feed, Feed.ROWS)) as k:
        source = w.bytes_from(base, w.builder.mul(w.number_at(numbers, k), size))
        place = w.bytes_from(target, w.builder.mul(k, size))
        overloaded(w.builder, "llvm.memcpy.p0.p0.i64", VOID, place, source, size, I1(0))
    w.leave()
