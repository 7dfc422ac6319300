"""Counters by which pieces of one launch wait for one another.

A piece may wait for pieces of lower numbers alone. Threads claim pieces in order, and a thread
that runs a program without a pool runs them in order, so whoever is waited for has begun, and the
first of all that have not ended waits for none. Whatever was written before a counter was set is
seen by who waited for it.
"""

from __future__ import annotations

from llvmlite import ir

from graphc.codegen.threads.pool_function import emit_pause
from graphc.codegen.values import I32, I64, POINTER, VOID, overloaded

#: How often a thread looks before it lets others of its processor run, each time it looks.
_LOOKS = 1 << 10

_ZERO, _ONE = I64(0), I64(1)


def emit_wait(builder: ir.IRBuilder, counter: ir.Value, least: ir.Value) -> None:
    """Wait until the counter is at least so much."""
    module = builder.module
    known = module.globals.get("wait")
    builder.call(known or _emit_function(module), [counter, least])


def emit_reached(builder: ir.IRBuilder, counter: ir.Value, value: ir.Value) -> None:
    """Set the counter, which only this thread does."""
    builder.atomic_rmw("xchg", counter, value, "release")


def _emit_function(module: ir.Module) -> ir.Function:
    """`void wait(counter, least)`: never part of a kernel's loop, as it mostly returns at once."""
    function = ir.Function(module, ir.FunctionType(VOID, [POINTER, I64]), name="wait")
    function.linkage = "internal"
    function.attributes.add("noinline")
    counter, least = function.args
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    look, again, after = (builder.append_basic_block(name) for name in ("look", "again", "after"))
    entry = builder.block
    builder.branch(look)
    builder.position_at_end(look)
    looks = builder.phi(I64)
    value = builder.load_atomic(counter, "acquire", 8, typ=I64)
    builder.cbranch(builder.icmp_signed(">=", value, least), after, again)
    builder.position_at_end(again)
    emit_pause(builder)
    more = builder.add(looks, _ONE)
    with builder.if_then(builder.icmp_signed(">", more, I64(_LOOKS))):
        _emit_give_way(builder)
    looks.add_incoming(_ZERO, entry)
    looks.add_incoming(more, builder.block)
    builder.branch(look)
    builder.position_at_end(after)
    builder.ret_void()
    return function


def _emit_give_way(builder: ir.IRBuilder) -> None:
    """Let other threads run; where there are no POSIX threads there is no pool, and no waiting."""
    if "windows" not in str(builder.module.triple):
        overloaded(builder, "sched_yield", I32)
