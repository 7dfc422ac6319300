"""The protocol of the thread pool as a model: every order in which its steps can happen.

One caller with a number of jobs, then the pool's end, and some workers. A step is one access to
shared memory or one call of the C library, as in `graphc/codegen/threads/pool.py`; what a step does
is named by the thread's place in the program. Memory is sequentially consistent here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import combinations
from typing import NamedTuple

CALLER = 0


class Thread(NamedTuple):
    """Where a thread is, and what it remembers."""

    place: str
    ran: int = 0
    piece: int = 0
    context: int | None = None


class State(NamedTuple):
    """Shared memory, and the threads; `live` is the job whose context may be touched."""

    threads: tuple[Thread, ...]
    job: int = 0
    live: int | None = None
    remaining: int = 0
    done: int = 0
    sleepers: int = 0
    waiting: bool = False
    stop: bool = False
    mutex: int | None = None
    begun: frozenset[int] = frozenset()
    finished: frozenset[int] = frozenset()


class Violation(Exception):
    """A state that must not be."""


@dataclass
class Model:
    """The programs of caller and workers.

    With `meet`, a piece ends only when all pieces of its job have begun, so that a job needs a
    thread for each. `without` leaves out one rule of the protocol.
    """

    workers: int
    pieces: int
    jobs: int
    meet: bool
    without: str = ""
    seen: set[State] = field(default_factory=set)

    def explore(self) -> int:
        """Visit every state; the number of them. Violation if one is wrong or leads nowhere."""
        threads = (Thread("describe"), *[Thread("look")] * self.workers)
        stack = [State(threads, job=-1)]
        while stack:
            state = stack.pop()
            if state in self.seen:
                continue
            self.seen.add(state)
            following = [after for k in range(len(threads)) for after in self.steps(state, k)]
            if not following and any(thread.place != "ended" for thread in state.threads):
                raise Violation(f"nobody can go on: {state}")
            stack += following
        return len(self.seen)

    def steps(self, state: State, k: int) -> Iterator[State]:
        """What the state can become by the next step of a thread."""
        thread = state.threads[k]
        if thread.place in ("asleep", "ended"):
            return
        name = thread.place.replace(" ", "_")
        if thread.place in NEEDS_MUTEX and state.mutex is not None:
            return
        yield from getattr(self, name)(state, k, thread)

    # -- what everybody does ------------------------------------------------------------------

    def claim(self, state: State, k: int, thread: Thread) -> Iterator[State]:
        old = state.remaining
        state = state._replace(remaining=old - 1)
        if old > 0:
            place = "begin" if self.without == "claim before reading" else "read"
            yield at(state, k, place, piece=old)
        elif k == CALLER:
            yield at(state, k, "await done")
        else:
            yield at(state, k, "report" if thread.ran else "idle")

    def read(self, state: State, k: int, thread: Thread) -> Iterator[State]:
        yield at(state, k, "begin", context=state.job)

    def begin(self, state: State, k: int, thread: Thread) -> Iterator[State]:
        if thread.context != state.live:
            raise Violation(f"thread {k} touches a context that is gone: {state}")
        if thread.piece in state.begun:
            raise Violation(f"thread {k} begins a piece again: {state}")
        yield at(state._replace(begun=state.begun | {thread.piece}), k, "finish")

    def finish(self, state: State, k: int, thread: Thread) -> Iterator[State]:
        if not self.meet or len(state.begun) == self.pieces:
            finished = state.finished | {thread.piece}
            place = "look" if self.without == "claim before reading" and k else "claim"
            yield at(state._replace(finished=finished), k, place, ran=thread.ran + 1)

    # -- the caller ---------------------------------------------------------------------------

    def describe(self, state: State, k: int, thread: Thread) -> Iterator[State]:
        if state.job + 1 == self.jobs:
            yield at(state, k, "stop")
        else:
            yield at(state._replace(job=state.job + 1, done=0), k, "publish")

    def publish(self, state: State, k: int, thread: Thread) -> Iterator[State]:
        state = state._replace(remaining=self.pieces, live=state.job)
        yield at(state._replace(begun=frozenset(), finished=frozenset()), k, "call", ran=0)

    def call(self, state: State, k: int, thread: Thread) -> Iterator[State]:
        place = "wake" if self.without == "passing the mutex" else "pass and wake"
        own = "read first" if self.without == "claim before reading" else "claim"
        if not state.sleepers or not self.meet:
            yield at(state, k, own)  # nobody sleeps, or the job is too short to wake anybody
        if state.sleepers:
            yield at(state, k, place)

    def pass_and_wake(self, state: State, k: int, thread: Thread) -> Iterator[State]:
        yield at(state, k, "wake")

    def wake(self, state: State, k: int, thread: Thread) -> Iterator[State]:
        asleep = [w for w in range(1, len(state.threads)) if state.threads[w].place == "asleep"]
        count = len(asleep) if self.pieces > state.sleepers else min(self.pieces - 1, len(asleep))
        for some in combinations(asleep, count):
            woken = state
            for worker in some:
                woken = at(woken, worker, "lock again")
            yield at(woken, k, "read first" if self.without == "claim before reading" else "claim")

    def read_first(self, state: State, k: int, thread: Thread) -> Iterator[State]:
        yield at(state, k, "claim", context=state.job)

    def await_done(self, state: State, k: int, thread: Thread) -> Iterator[State]:
        done = state.done == self.pieces - thread.ran or self.without == "waiting"
        yield at(state, k, "over" if done else "await lock")

    def await_lock(self, state: State, k: int, thread: Thread) -> Iterator[State]:
        yield at(state._replace(mutex=k), k, "await flag")

    def await_flag(self, state: State, k: int, thread: Thread) -> Iterator[State]:
        yield at(state._replace(waiting=True), k, "await look")

    def await_look(self, state: State, k: int, thread: Thread) -> Iterator[State]:
        if state.done == self.pieces - thread.ran:
            yield at(state._replace(mutex=None, waiting=False), k, "over")
        else:
            yield at(state._replace(mutex=None), k, "asleep")

    def over(self, state: State, k: int, thread: Thread) -> Iterator[State]:
        if len(state.finished) != self.pieces:
            raise Violation(f"a job is over before its pieces are: {state}")
        yield at(state._replace(live=None), k, "describe")

    def stop(self, state: State, k: int, thread: Thread) -> Iterator[State]:
        yield at(state._replace(stop=True), k, "pass and stop")

    def pass_and_stop(self, state: State, k: int, thread: Thread) -> Iterator[State]:
        for worker in range(1, len(state.threads)):
            if state.threads[worker].place == "asleep":
                state = at(state, worker, "lock again")
        yield at(state, k, "join")

    def join(self, state: State, k: int, thread: Thread) -> Iterator[State]:
        if all(worker.place == "ended" for worker in state.threads[1:]):
            yield at(state, k, "ended")

    # -- a worker -----------------------------------------------------------------------------

    def look(self, state: State, k: int, thread: Thread) -> Iterator[State]:
        if state.stop:
            yield at(state, k, "ended")
        elif state.remaining <= 0:
            yield at(state, k, "report" if thread.ran else "idle")
        else:
            yield at(state, k, "read first" if self.without == "claim before reading" else "claim")

    def report(self, state: State, k: int, thread: Thread) -> Iterator[State]:
        yield at(state._replace(done=state.done + thread.ran), k, "notify", ran=0)

    def notify(self, state: State, k: int, thread: Thread) -> Iterator[State]:
        yield at(state, k, "pass and notify" if state.waiting else "idle")

    def pass_and_notify(self, state: State, k: int, thread: Thread) -> Iterator[State]:
        if state.threads[CALLER].place == "asleep" and self.without != "notifying":
            state = at(state, CALLER, "lock again")
        yield at(state, k, "idle")

    def idle(self, state: State, k: int, thread: Thread) -> Iterator[State]:
        nothing = state.remaining <= 0 and not state.stop
        yield at(state, k, "sleep" if nothing else "look")

    def sleep(self, state: State, k: int, thread: Thread) -> Iterator[State]:
        yield at(state._replace(mutex=k), k, "count")

    def count(self, state: State, k: int, thread: Thread) -> Iterator[State]:
        yield at(state._replace(sleepers=state.sleepers + 1), k, "check")

    def check(self, state: State, k: int, thread: Thread) -> Iterator[State]:
        nothing = state.remaining <= 0 and not state.stop
        if nothing or self.without == "looking again":
            yield at(state, k, "wait")
        else:
            yield at(state, k, "leave")

    def wait(self, state: State, k: int, thread: Thread) -> Iterator[State]:
        yield at(state._replace(mutex=None), k, "asleep")

    def lock_again(self, state: State, k: int, thread: Thread) -> Iterator[State]:
        yield at(state._replace(mutex=k), k, "await look" if k == CALLER else "leave")

    def leave(self, state: State, k: int, thread: Thread) -> Iterator[State]:
        yield at(state._replace(sleepers=state.sleepers - 1, mutex=None), k, "look")


NEEDS_MUTEX = {
    "sleep", "lock again", "pass and wake", "pass and notify", "pass and stop", "await lock",
}  # fmt: skip


def at(state: State, k: int, place: str, **memory: int | None) -> State:
    """The state with a thread at another place, and with something new to remember."""
    threads = list(state.threads)
    threads[k] = threads[k]._replace(place=place, **memory)  # type: ignore[arg-type]
    return state._replace(threads=tuple(threads))
