"""The pool of a session: as many threads as asked for, made when first needed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import AttributeValueError, SessionError
from graphc.runtime.pool import THREADS_VARIABLE, default_threads
from graphc.runtime.session_pool import SessionPool
from tests.runtime.conftest import Open


def test_as_many_threads_as_asked_for(
    graph: gc.Graph, open_session: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert open_session(graph).threads == default_threads()
    assert gc.Session(graph, threads=3).threads == 3
    monkeypatch.setenv(THREADS_VARIABLE, "5")
    assert open_session(graph).threads == 5
    monkeypatch.setenv(THREADS_VARIABLE, "no")
    with pytest.raises(AttributeValueError, match=THREADS_VARIABLE):
        open_session(graph)


def test_a_pool_is_made_once_and_not_after_closing() -> None:
    pool = SessionPool(2)
    assert pool._pool is None
    first = pool.address
    assert first == pool.address != 0 or pool._pool is not None
    pool.close()
    pool.close()
    with pytest.raises(SessionError):
        _ = pool.address
    with SessionPoolOf(1) as one:
        assert one.address == 0


class SessionPoolOf(SessionPool):
    def __enter__(self) -> SessionPoolOf:
        return self

    def __exit__(self, *error: Any) -> None:
        self.close()


def test_short_runs_need_no_pool_and_long_ones_give_the_same_bits(graph: gc.Graph) -> None:
    x = gc.placeholder(gc.float32, ("n",), name="x")
    fetches = [gc.sum(gc.exp(x)), gc.sin(x)]
    feed = np.linspace(-3, 3, 300_000, dtype=np.float32)
    found = set()
    for threads in (1, 2, 3):
        with gc.Session(graph, threads=threads) as session:
            session.run(fetches, {x: feed[:10]})
            assert session._pool._pool is None
            total, sines = session.run(fetches, {x: feed})
            assert session._pool._pool is not None
            (again,) = session.run_steps([fetches[1]], {x: feed}, 1)
            assert again.tobytes() == sines.tobytes()
            found.add(total.tobytes() + sines.tobytes())
    assert len(found) == 1
