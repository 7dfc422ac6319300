"""Nested blocks of a function under construction, each with the values that are known in it.

A value is emitted in the outermost scope where everything it depends on is known, so what does
not change in a loop is computed before it. To make that possible, the branch that leaves a
scope's block for a loop is written only when the loop is complete.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from llvmlite import ir

from graphc.codegen.builder import Builder
from graphc.codegen.values import I8, I64, POINTER, lane_numbers, size_of, splat, zeros


@dataclass(eq=False)
class Scope:
    """A block that is still open at its end, and what has been computed in it.

    `rows` are what was loaded together. `guarded` scopes run only when the loops inside have
    something to do; loads are never moved out of one, since outside them the memory may not exist.
    """

    builder: ir.IRBuilder
    names: dict[str, ir.Value] = field(default_factory=dict)
    memo: dict[Hashable, ir.Value] = field(default_factory=dict)
    rows: dict[Hashable, list[ir.Value]] = field(default_factory=dict)
    guarded: bool = False


@dataclass(frozen=True)
class Window:
    """Several neighbouring positions of an axis, worked on together; `mask` tells which exist.

    `is_single`: it is known now that only the first does.
    """

    axis: str
    lanes: int
    mask: ir.Value | None
    is_single: bool = False


#: Bytes of a piece of memory that does not go on the stack if there is room elsewhere. Threads
#: may have as little as 32 KiB of stack, and what is smaller often ends up in registers.
LARGE = 2048

#: Where pieces of the room begin.
LINE = 64


class Scopes:
    """The stack of open scopes of one function.

    `room` points to memory for large allocations, `room_bytes` is how much they need; without it
    all are on the stack.
    """

    def __init__(self, function: ir.Function, room: ir.Value | None = None) -> None:
        self.function, self.room = function, room
        self.room_bytes = self._taken = 0
        entry = Builder(function.append_basic_block("entry"))
        self.allocations = entry
        self.stack = [Scope(entry, guarded=True)]
        self.window: Window | None = None
        self._zeros: dict[str, ir.Value] = {}

    @property
    def builder(self) -> ir.IRBuilder:
        """Writes at the end of the innermost scope."""
        return self.stack[-1].builder

    def bind(self, name: str, value: ir.Value) -> None:
        """Make a value known under a name from the innermost scope inwards."""
        self.stack[-1].names[name] = value

    def find(self, name: str) -> ir.Value:
        """The value bound to a name."""
        return self.stack[self.depth(name)].names[name]

    def depth(self, name: str) -> int:
        """The innermost scope that binds the name."""
        for depth in range(len(self.stack) - 1, -1, -1):
            if name in self.stack[depth].names:
                return depth
        raise KeyError(name)

    def innermost_guard(self) -> int:
        return max(depth for depth, scope in enumerate(self.stack) if scope.guarded)

    def allocate(self, type_: ir.Type, count: int = 1, align: int | None = None) -> ir.Value:
        """Memory for as long as the function runs, or `for_a_while`; taken once at its entry."""
        size = count * size_of(type_)
        with self.allocations.goto_entry_block():
            if self.room is not None and size >= LARGE:
                place = ir.Constant(I64, self._taken)
                self._taken += -(-size // LINE) * LINE
                self.room_bytes = max(self.room_bytes, self._taken)
                return self.allocations.gep(self.room, [place], source_etype=I8)
            memory = self.allocations.alloca(type_, ir.Constant(I64, count))
            memory.type = POINTER  # so that rows as well as elements may be stored in it
            if align is not None:
                memory.align = align
            return memory

    @contextmanager
    def for_a_while(self) -> Iterator[None]:
        """Large memory that code inside allocates is free again for what is emitted after it."""
        taken = self._taken
        yield
        self._taken = taken

    def zeros(self, type_: ir.Type) -> ir.Value:
        """Memory that holds zeros, to be read in place of what does not exist."""
        if str(type_) not in self._zeros:
            self._zeros[str(type_)] = self.allocate(type_)
            with self.allocations.goto_entry_block():
                self.allocations.store(zeros(type_), self._zeros[str(type_)])
        return self._zeros[str(type_)]

    @contextmanager
    def guard(self, condition: ir.Value) -> Iterator[None]:
        """Code inside runs only if the condition holds."""
        outer = self.stack[-1]
        inside = self.function.append_basic_block("guarded")
        self.stack.append(Scope(Builder(inside), guarded=True))
        yield
        inner = self.stack.pop()
        after = self.function.append_basic_block("after")
        inner.builder.branch(after)
        outer.builder.cbranch(condition, inside, after)
        outer.builder.position_at_end(after)

    @contextmanager
    def loop(self, name: str, start: ir.Value, end: ir.Value, step: int = 1) -> Iterator[ir.Value]:
        """Code inside runs with `name` bound to start, start + step, ... below `end`."""
        outer = self.stack[-1]
        body = self.function.append_basic_block(f"loop.{name.strip('$')}")
        scope = Scope(Builder(body))
        position = scope.builder.phi(I64)
        scope.names[name] = position
        self.stack.append(scope)
        yield position
        self.stack.pop()
        after = self.function.append_basic_block("after")
        following = scope.builder.add(position, ir.Constant(I64, step), flags=("nuw", "nsw"))
        position.add_incoming(start, outer.builder.block)
        position.add_incoming(following, scope.builder.block)
        again = scope.builder.icmp_signed("<", following, end)
        scope.builder.cbranch(again, body, after)
        outer.builder.cbranch(outer.builder.icmp_signed("<", start, end), body, after)
        outer.builder.position_at_end(after)

    @contextmanager
    def turns(self, name: str) -> Iterator[tuple[ir.Value, Callable[[ir.Value], None]]]:
        """Code inside runs again and again, with `name` bound to 0, 1, ...; it must say until when.

        What is yielded first is the number; it is known behind the loop too. The function is called
        once, with the condition under which what follows runs, and the loop goes on.
        """
        outer = self.stack[-1]
        head = self.function.append_basic_block(f"loop.{name}")
        body = self.function.append_basic_block(f"turn.{name}")
        after = self.function.append_basic_block("after")
        scope = Scope(Builder(head), guarded=True)
        position = scope.builder.phi(I64)
        scope.names[name] = position
        self.stack.append(scope)

        def go_on_if(condition: ir.Value) -> None:
            scope.builder.cbranch(condition, body, after)
            scope.builder.position_at_end(body)

        yield position, go_on_if
        self.stack.pop()
        following = scope.builder.add(position, ir.Constant(I64, 1), flags=("nuw", "nsw"))
        position.add_incoming(ir.Constant(I64, 0), outer.builder.block)
        position.add_incoming(following, scope.builder.block)
        scope.builder.branch(head)
        outer.builder.branch(head)
        outer.builder.position_at_end(after)

    @contextmanager
    def either(self, condition: ir.Value) -> Iterator[Callable[[], None]]:
        """Code inside runs if the condition holds, until the function is called; then, if not."""
        outer = self.stack[-1]
        then, otherwise, after = (
            self.function.append_basic_block(name) for name in ("then", "otherwise", "after")
        )
        self.stack.append(Scope(Builder(then), guarded=True))

        def other() -> None:
            self.stack.pop().builder.branch(after)
            self.stack.append(Scope(Builder(otherwise), guarded=True))

        yield other
        self.stack.pop().builder.branch(after)
        outer.builder.cbranch(condition, then, otherwise)
        outer.builder.position_at_end(after)

    def each_window(
        self, name: str, start: ir.Value, end: ir.Value, lanes: int, body: Callable[[], None]
    ) -> None:
        """Emit the body for full windows of the axis and, masked, for what is left at its end."""
        full = self.full_windows(name, start, end, lanes, body)
        self.masked_window(name, full, end, lanes, body)

    def masked_window(
        self, name: str, start: ir.Value, end: ir.Value, lanes: int, body: Callable[[], None]
    ) -> None:
        """Emit the body for the fewer than `lanes` positions up to a bound, if there are any."""
        left = _known_extent(start, end)
        if left == 0:
            return
        count = self.builder.sub(end, start) if left is None else ir.Constant(I64, left)
        with self.guard(self.builder.icmp_signed(">", count, ir.Constant(I64, 0))):
            self.bind(name, start)
            if left is not None:
                lanes = min(lanes, max(2, 1 << (left - 1).bit_length()))
            mask = None
            if left != lanes:
                limit = splat(self.builder, count, lanes)
                mask = self.builder.icmp_signed("<", lane_numbers(lanes), limit)
            self._within(Window(name, lanes, mask, left == 1), body)

    def full_windows(
        self, name: str, start: ir.Value, end: ir.Value, lanes: int, body: Callable[[], None]
    ) -> ir.Value:
        """Emit the body for full windows of the axis; the position where they end."""
        known = _known_extent(start, end)
        if known is None:
            whole = self.builder.and_(self.builder.sub(end, start), ir.Constant(I64, -lanes))
            full = self.builder.add(start, whole)
        elif known < lanes:
            return start
        else:
            full = ir.Constant(I64, start.constant + known - known % lanes)
        with self.loop(name, start, full, lanes):
            self._within(Window(name, lanes, None), body)
        return full

    def _within(self, window: Window, body: Callable[[], None]) -> None:
        outside, self.window = self.window, window
        body()
        self.window = outside


def _known_extent(start: ir.Value, end: ir.Value) -> int | None:
    """The number of positions between two bounds, if both are known."""
    if isinstance(start, ir.Constant) and isinstance(end, ir.Constant):
        return int(end.constant - start.constant)
    return None
