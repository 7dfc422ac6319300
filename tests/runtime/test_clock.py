"""The clock of timed programs."""

from __future__ import annotations

import ctypes
from time import perf_counter, sleep

import pytest

from graphc.runtime import clock


@pytest.mark.parametrize("address", [clock.address, clock.callback])
def test_it_counts_nanoseconds(address) -> None:  # type: ignore[no-untyped-def]
    now = ctypes.CFUNCTYPE(ctypes.c_int64)(address())
    begin, outer = now(), perf_counter()
    sleep(0.01)
    inner, end = perf_counter() - outer, now()
    assert inner * 1e9 <= end - begin < inner * 1e9 + 1e9


def test_it_stays_where_it_is() -> None:
    assert clock.address() == clock.address() and clock.callback() == clock.callback()


def test_without_a_native_clock_it_is_pythons(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "is_available", lambda: False)
    assert clock.address() == clock.callback()
