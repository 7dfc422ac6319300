"""Work for other threads: all of it is done, errors come back, no thread is left."""

from __future__ import annotations

import sys
import threading
import time

import pytest

from graphc.codegen import translators
from graphc.codegen.translators import SHORT, Translators, quick_turns


def threads() -> int:
    return sum(thread.name.startswith("graphc-translation") for thread in threading.enumerate())


@pytest.fixture(params=[1, 2, 5])
def cpus(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(translators, "_cpus", lambda: request.param)
    return int(request.param)


def test_everything_that_was_begun_is_made(cpus: int) -> None:
    with Translators() as made:
        for k in range(40):
            made.begin(f"part {k}", k, lambda k=k: b"%d" % k)  # type: ignore[misc]
        assert threads() == cpus - 1
        assert made.finish() == {f"part {k}": b"%d" % k for k in range(40)}
    assert threads() == 0


def test_work_goes_on_while_more_is_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(translators, "_cpus", lambda: 2)
    done = threading.Event()

    def make() -> bytes:
        done.set()
        return b""

    with Translators() as made:
        made.begin("first", 1, make)
        assert done.wait(20)


def test_the_largest_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(translators, "_cpus", lambda: 1)
    order: list[int] = []
    with Translators() as made:
        for size in (2, 9, 4):
            made.begin(str(size), size, lambda size=size: order.append(size) or b"")  # type: ignore[misc,func-returns-value]
        made.finish()
    assert order == [9, 4, 2]


def test_the_first_error_is_the_one_that_is_raised(cpus: int) -> None:
    def fail(text: str) -> bytes:
        raise ValueError(text)

    with Translators() as made, pytest.raises(ValueError, match="first"):
        made.begin("fine", 0, lambda: b"")
        made.begin("a", 1, lambda: fail("first"))
        made.begin("b", 2, lambda: fail("second"))
        made.finish()
    assert threads() == 0


def test_after_an_error_elsewhere_nothing_more_is_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(translators, "_cpus", lambda: 2)
    started, count = threading.Event(), []

    def make() -> bytes:
        started.set()
        time.sleep(0.05)
        count.append(1)
        return b""

    with pytest.raises(KeyError), Translators() as made:
        for k in range(50):
            made.begin(str(k), 1, make)
        assert started.wait(20)
        raise KeyError
    assert threads() == 0 and len(count) < 50


def test_threads_of_python_take_turns_as_usual_afterwards() -> None:
    usual = sys.getswitchinterval()
    with pytest.raises(KeyError), quick_turns():
        assert sys.getswitchinterval() == pytest.approx(SHORT)
        with quick_turns():
            pass
        assert sys.getswitchinterval() == pytest.approx(SHORT)
        raise KeyError
    assert sys.getswitchinterval() == usual
