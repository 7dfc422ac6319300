"""What Python changes together with running calls: short functions, to be called under the GIL.

None of them can be interrupted, neither by another Python thread nor by a signal.

- `void gc.push_arena(program, arena)`
- `ptr gc.pop_arena(program)`: a free arena, or null
- `ptr gc.push_signature(program, signature, i64 most)`: the least recently used if there are more
- `i64 gc.enter(state, ticket, i64 first)`: take the ticket's turn, if it has come
- `i64 gc.leave(state, ticket)`: give up what the ticket has got; how many others are waiting
"""

from __future__ import annotations

from llvmlite import ir

from graphc.codegen.calls.layout import Arena, Program, Signature, State, Ticket
from graphc.codegen.calls.writer import NULL, ONE, ZERO, Writer
from graphc.codegen.values import I64, POINTER, VOID

PUSH_ARENA, POP_ARENA, PUSH_SIGNATURE, ENTER, LEAVE = (
    f"gc.{name}" for name in ("push_arena", "pop_arena", "push_signature", "enter", "leave")
)


def emit_lists(module: ir.Module) -> None:
    """The functions above."""
    _emit_push_arena(module)
    _emit_pop_arena(module)
    _emit_push_signature(module)
    _emit_enter(module)
    _emit_leave(module)


def _emit_push_arena(module: ir.Module) -> None:
    w = Writer(module, PUSH_ARENA, VOID, [POINTER, POINTER])
    program, arena = w.arguments
    w.store(w.pointer(program, Program.ARENAS), arena, Arena.NEXT)
    w.store(arena, program, Program.ARENAS)
    w.leave()


def _emit_pop_arena(module: ir.Module) -> None:
    w = Writer(module, POP_ARENA, POINTER, [POINTER])
    (program,) = w.arguments
    arena = w.pointer(program, Program.ARENAS)
    with w.when(w.differ(arena, NULL)):
        w.store(w.pointer(arena, Arena.NEXT), program, Program.ARENAS)
    w.leave(arena)


def _emit_push_signature(module: ir.Module) -> None:
    """At least one stays."""
    w = Writer(module, PUSH_SIGNATURE, POINTER, [POINTER, POINTER, I64])
    program, signature, most = w.arguments
    w.store(w.pointer(program, Program.SIGNATURES), signature, Signature.NEXT)
    w.store(signature, program, Program.SIGNATURES)
    last = w.variable(signature)
    with w.counted(w.builder.sub(most, ONE)):
        following = w.pointer(w.pointer(last, 0), Signature.NEXT)
        w.leave_if(w.is_null(following), NULL)
        w.store(following, last, 0)
    excess = w.pointer(w.pointer(last, 0), Signature.NEXT)
    w.store(NULL, w.pointer(last, 0), Signature.NEXT)
    w.leave(excess)


def _emit_enter(module: ir.Module) -> None:
    """The turn has come to who is first in the queue, or finds none, and has nobody in the way."""
    w = Writer(module, ENTER, I64, [POINTER, POINTER, I64])
    state, ticket, first = w.arguments
    exclusive = w.nonzero(w.load(ticket, Ticket.EXCLUSIVE))
    readers, waiting = w.load(state, State.READERS), w.load(state, State.WAITING)
    in_the_way = w.builder.select(exclusive, readers, ZERO)
    in_the_way = w.builder.or_(in_the_way, w.load(state, State.WRITER))
    in_the_way = w.builder.or_(in_the_way, w.builder.select(w.nonzero(first), ZERO, waiting))
    with w.when(w.nonzero(in_the_way)):
        queued = w.load(ticket, Ticket.QUEUED)
        w.store(w.builder.sub(w.builder.add(waiting, ONE), queued), state, State.WAITING)
        w.store(ONE, ticket, Ticket.QUEUED)
        w.leave(ZERO)
    w.store(w.builder.sub(waiting, w.load(ticket, Ticket.QUEUED)), state, State.WAITING)
    w.store(ZERO, ticket, Ticket.QUEUED)
    w.store(ONE, ticket, Ticket.HELD)
    _count(w, state, exclusive, ONE)
    w.leave(ONE)


def _emit_leave(module: ir.Module) -> None:
    w = Writer(module, LEAVE, I64, [POINTER, POINTER])
    state, ticket = w.arguments
    waiting = w.builder.sub(w.load(state, State.WAITING), w.load(ticket, Ticket.QUEUED))
    w.store(waiting, state, State.WAITING)
    held, exclusive = w.load(ticket, Ticket.HELD), w.nonzero(w.load(ticket, Ticket.EXCLUSIVE))
    w.store(ZERO, ticket, Ticket.QUEUED)
    w.store(ZERO, ticket, Ticket.HELD)
    _count(w, state, exclusive, w.builder.sub(ZERO, held))
    w.leave(waiting)


def _count(w: Writer, state: ir.Value, exclusive: ir.Value, change: ir.Value) -> None:
    """Count a writer or a reader."""
    writer, readers = w.at(state, State.WRITER), w.at(state, State.READERS)
    place = w.builder.select(exclusive, writer, readers)
    w.store(w.builder.add(w.load(place, 0), change), place, 0)
