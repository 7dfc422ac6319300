from __future__ import annotations

import pytest

from benchmarks.driver.wording import duration, size


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (2.5e-10, "0.25 ns"),
        (0.6e-6, "600 ns"),
        (9.3e-6, "9.30 us"),
        (1.4049e-3, "1.40 ms"),
        (0.99949e-3, "999 us"),
        (0.9996e-3, "1.00 ms"),
        (77e-3, "77.0 ms"),
        (125.0, "125 s"),
    ],
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(12, "12 B"), (2048, "2.00 kB"), (16 << 20, "16.0 MB"), (3 << 30, "3.00 GB")],
)
def test_size(count: int, text: str) -> None:
    assert size(count) == text
