"""Who may use a session's variables: several runs that read them, or one that may write them.

Runs that go through native code alone look at the same words (`layout.State`), and come here
only when somebody is in the way. Who has to wait gets a ticket and stands in a queue, past which
nobody goes.

A Ctrl-C may strike between any two steps of Python code. So whatever a ticket has got is written
into it by the same native call that takes it, and one native call gives it back.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from graphc.codegen.calls.layout import State, Ticket
from graphc.errors import SessionError
from graphc.runtime.call_code import CallCode
from graphc.runtime.callbacks import is_calling
from graphc.runtime.words import Words, address, zeros

T = TypeVar("T")

#: How long somebody waits before looking whether a wake-up was lost to a Ctrl-C.
_PATIENCE_SECONDS = 0.02


class _Waiting:
    """A place in the queue."""

    def __init__(self, exclusive: bool) -> None:
        self.ticket = zeros(len(Ticket))
        self.ticket[Ticket.EXCLUSIVE] = int(exclusive)
        self.address = address(self.ticket)
        self.gate = threading.Lock()

    @property
    def gone(self) -> bool:
        """Whether it is waiting no more."""
        return not self.ticket[Ticket.QUEUED]

    def wake(self) -> None:
        """Let the thread look again."""
        with suppress(RuntimeError):  # it is awake
            self.gate.release()


class Turns:
    """A lock for readers and writers, first come first served."""

    def __init__(self, code: CallCode) -> None:
        self.state: Words[int] = zeros(len(State))
        self._address = address(self.state)
        self._code = code
        self._queue: deque[_Waiting] = deque()
        self._own = threading.local()
        _existing.add(self)

    def during(self, exclusive: bool, work: Callable[[], T]) -> T:
        """Do something while nobody writes, or while nobody else does anything.

        SessionError inside something else that this thread does so; only a finalizer, or a Python
        function that a program calls, can try.
        """
        if getattr(self._own, "inside", False):
            raise SessionError(
                "a session cannot be used inside a run of its own, by a finalizer or by a Python "
                "function that it calls"
            )
        leave, state, waiting = self._code.leave, self._address, _Waiting(exclusive)
        try:
            self._own.inside = True
            self._take(waiting)
            return work()
        finally:
            self._own.inside = False  # no call into Python may come before the next
            others = leave(state, waiting.address)
            if others:
                self.wake()

    def wake(self) -> None:
        """Let those who wait look whether their turn has come."""
        for waiting in list(self._queue):
            waiting.wake()

    def _take(self, waiting: _Waiting) -> None:
        enter, state = self._code.enter, self._address
        if enter(state, waiting.address, 0):
            return
        if is_calling():
            raise SessionError(
                "the session is in use, and a Python function that a program calls cannot wait for "
                "it: it might be for the end of the run that calls it"
            )
        self._queue.append(waiting)
        waiting.gate.acquire(blocking=False)
        while not (self._first() is waiting and enter(state, waiting.address, 1)):
            waiting.gate.acquire(timeout=_PATIENCE_SECONDS)
        self.wake()  # the next may be able to go as well

    def _first(self) -> _Waiting | None:
        """The head of the queue, from which those are taken who have left it."""
        while True:
            try:
                head = self._queue[0]
                if not head.gone:
                    return head
                self._queue.remove(head)
            except IndexError:
                return None
            except ValueError:  # another thread has removed it
                pass

    # Forks ------------------------------------------------------------------------------------

    def before_fork(self) -> None:
        """Wait until nobody writes, and keep it so: a child must see whole values."""
        if not getattr(self._own, "inside", False) and not is_calling():
            self._own.fork = _Waiting(exclusive=False)
            self._take(self._own.fork)

    def after_fork_in_parent(self) -> None:
        """Let others write again."""
        waiting = getattr(self._own, "fork", None)
        if waiting is not None:
            self._own.fork = None
            if self._code.leave(self._address, waiting.address):
                self.wake()

    def after_fork_in_child(self) -> None:
        """Forget the other threads, which do not exist here."""
        for field in (State.WRITER, State.READERS, State.WAITING):
            self.state[field] = 0
        self._queue.clear()
        self._own.fork = None


_existing: weakref.WeakSet[Turns] = weakref.WeakSet()


def _before_fork() -> None:
    for turns in list(_existing):
        turns.before_fork()


def _after_fork_in_parent() -> None:
    for turns in list(_existing):
        turns.after_fork_in_parent()


def _after_fork_in_child() -> None:
    for turns in list(_existing):
        turns.after_fork_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=_after_fork_in_parent,
        after_in_child=_after_fork_in_child,
    )
