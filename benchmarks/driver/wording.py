"""Numbers as people read them."""

from __future__ import annotations

_TIMES = ((1.0, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns"))
_SIZES = ((1 << 30, "GB"), (1 << 20, "MB"), (1 << 10, "kB"))


def duration(seconds: float) -> str:
    """Three digits and a unit: 1.53 ms."""
    for unit, name in _TIMES:
        if seconds >= 0.9995 * unit:
            return f"{three_digits(seconds / unit)} {name}"
    return f"{three_digits(seconds / 1e-9)} ns"


def size(count: float) -> str:
    """Three digits and a unit, of 1024: 16.0 MB."""
    for unit, name in _SIZES:
        if count >= unit:
            return f"{three_digits(count / unit)} {name}"
    return f"{count:.0f} B"


def three_digits(value: float) -> str:
    digits = 2 if value < 9.995 else 1 if value < 99.95 else 0
    return f"{value:.{digits}f}"
