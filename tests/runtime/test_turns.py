"""Turns of readers and writers: order, exclusion, tickets that are given back, forks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from graphc.codegen.calls.layout import State, Ticket
from graphc.errors import SessionError
from graphc.runtime.native_step import code
from graphc.runtime.turns import Turns
from graphc.runtime.words import address, zeros


@pytest.fixture
def turns() -> Turns:
    return Turns(code())


def in_thread(work: Callable[[], Any]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def until(condition: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.001)


def test_readers_go_together_and_a_writer_alone(turns: Turns) -> None:
    together = threading.Barrier(3, timeout=30)
    readers = [in_thread(lambda: turns.during(False, together.wait)) for _ in range(2)]
    together.wait()
    for reader in readers:
        reader.join(30)
    inside: list[int] = []

    def write() -> None:
        def work() -> None:
            inside.append(1)
            time.sleep(0.001)
            assert len(inside) == 1 and turns.state[State.WRITER] == 1
            assert turns.state[State.READERS] == 0
            inside.pop()

        turns.during(True, work)

    writers = [in_thread(write) for _ in range(8)]
    for writer in writers:
        writer.join(30)
        assert not writer.is_alive()
    assert turns.state.tolist() == [0, 0, 0, 0]


def test_first_come_first_served(turns: Turns) -> None:
    release, order, threads = threading.Event(), [], []
    held = in_thread(lambda: turns.during(False, release.wait))
    until(lambda: turns.state[State.READERS] == 1)
    for number, exclusive in enumerate((True, False, False, True, False)):
        work = lambda n=number: order.append(n)  # noqa: E731
        threads.append(in_thread(lambda e=exclusive, w=work: turns.during(e, w)))
        until(lambda n=number: turns.state[State.WAITING] == n + 1)
    assert order == []  # the reader that came third does not pass the writer that came first
    release.set()
    for thread in (held, *threads):
        thread.join(30)
    assert order[0] == 0 and set(order[1:3]) == {1, 2} and order[3:] == [3, 4]
    assert turns.state.tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("exclusive", [False, True])
def test_an_error_gives_the_turn_back(turns: Turns, exclusive: bool) -> None:
    with pytest.raises(ZeroDivisionError):
        turns.during(exclusive, lambda: 1 // 0)
    assert turns.state.tolist() == [0, 0, 0, 0]
    assert turns.during(True, lambda: 7) == 7


def test_a_turn_inside_a_turn_is_an_error(turns: Turns) -> None:
    for outer in (False, True):
        for inner in (False, True):
            with pytest.raises(SessionError, match="inside a run of its own"):
                turns.during(outer, lambda i=inner: turns.during(i, lambda: 0))
    assert turns.state.tolist() == [0, 0, 0, 0]
    assert turns.during(True, lambda: 7) == 7


def test_who_gives_up_waiting_is_passed(turns: Turns, monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()
    held = in_thread(lambda: turns.during(True, release.wait))
    until(lambda: turns.state[State.WRITER] == 1)
    original = Turns._first

    def interrupted(self: Turns) -> Any:
        if threading.current_thread().name == "struck":
            raise KeyboardInterrupt
        return original(self)

    monkeypatch.setattr(Turns, "_first", interrupted)
    caught: list[BaseException] = []

    def give_up() -> None:
        try:
            turns.during(False, lambda: 0)
        except KeyboardInterrupt as error:
            caught.append(error)

    struck = threading.Thread(target=give_up, name="struck")
    struck.start()
    struck.join(30)
    assert len(caught) == 1 and turns.state[State.WAITING] == 0
    done: list[int] = []
    after = in_thread(lambda: turns.during(True, lambda: done.append(1)))
    until(lambda: turns.state[State.WAITING] == 1)
    release.set()
    after.join(30)
    held.join(30)
    assert done == [1] and turns.state.tolist() == [0, 0, 0, 0]


def test_a_lost_wake_up_costs_little(turns: Turns, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Turns, "wake", lambda self: None)
    release = threading.Event()
    held = in_thread(lambda: turns.during(True, release.wait))
    until(lambda: turns.state[State.WRITER] == 1)
    after = in_thread(lambda: turns.during(True, lambda: 0))
    until(lambda: turns.state[State.WAITING] == 1)
    release.set()
    after.join(5)
    held.join(5)
    assert not after.is_alive()


def test_tickets(turns: Turns) -> None:
    enter, leave, state = code().enter, code().leave, address(turns.state)
    writer, reader, other = (zeros(len(Ticket)) for _ in range(3))
    writer[Ticket.EXCLUSIVE] = 1
    assert enter(state, address(reader), 0) == 1
    assert enter(state, address(writer), 0) == enter(state, address(writer), 1) == 0
    assert turns.state.tolist() == [0, 0, 1, 1] and writer.tolist() == [1, 0, 1]
    assert enter(state, address(other), 0) == 0  # it would read, but somebody waits
    assert leave(state, address(reader)) == 2
    assert leave(state, address(reader)) == 2  # again changes nothing
    assert enter(state, address(writer), 1) == 1
    assert turns.state.tolist() == [0, 1, 0, 1] and writer.tolist() == [1, 1, 0]
    assert enter(state, address(other), 1) == 0
    assert leave(state, address(writer)) == 1
    assert enter(state, address(other), 1) == 1
    assert leave(state, address(other)) == 0
    assert turns.state.tolist() == [0, 0, 0, 0]
