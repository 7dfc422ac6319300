"""A picture of the arena: which temporary holds which bytes while which kernel runs."""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_lowercase, ascii_uppercase, digits

from graphc.memory.live import LiveRange
from graphc.memory.plan import Layout

_LETTERS = ascii_uppercase + ascii_lowercase + digits
_MOST_ROWS = 32
_MOST_COLUMNS = 84
_WIDEST = 3
_FREE = "."


def letter(temporary: int) -> str:
    """The letter that stands for a temporary; the 63rd has that of the first again."""
    return _LETTERS[temporary % len(_LETTERS)]


def picture(ranges: Sequence[LiveRange], layout: Layout) -> str:
    """Launches from left to right, offsets in bytes from top to bottom.

    Every row is a span of bytes that belong together; an arena of very many spans is cut into 32
    equal bands, of which the middle is shown. Of very many launches, every k-th is shown.
    """
    starts, probes = _rows(layout)
    launches = max((live.last for live in ranges), default=-1) + 1
    stride = -(-launches // _MOST_COLUMNS)
    columns = range(0, launches, stride)
    width = min(_WIDEST, _MOST_COLUMNS // len(columns))
    margin = max(len("offset"), len(f"{layout.total:,}"))
    lines = [f"{'offset':>{margin}} | {_scale(columns, width)}"]
    for start, probe in zip(starts, probes, strict=True):
        cells = (_holder(ranges, layout, probe, launch) * width for launch in columns)
        lines.append(f"{start:>{margin},} | {''.join(cells)}")
    lines.append(f"{layout.total:>{margin},} | end")
    return "\n".join(lines)


def _rows(layout: Layout) -> tuple[list[int], list[int]]:
    """Where each row starts, and a byte that stands for it."""
    edges = {0, layout.total}
    for offset, size in zip(layout.offsets, layout.sizes, strict=True):
        edges |= {offset, offset + size}
    starts = sorted(edges)[:-1]
    if len(starts) <= _MOST_ROWS:
        return starts, starts
    starts = [layout.total * k // _MOST_ROWS for k in range(_MOST_ROWS)]
    return starts, [start + layout.total // (2 * _MOST_ROWS) for start in starts]


def _holder(ranges: Sequence[LiveRange], layout: Layout, probe: int, launch: int) -> str:
    for k, live in enumerate(ranges):
        if live.first <= launch <= live.last:
            start = layout.offsets[k]
            if start <= probe < start + layout.sizes[k]:
                return letter(k)
    return _FREE


def _scale(columns: Sequence[int], width: int) -> str:
    """The numbers of launches above their columns, as many as have room."""
    text = ""
    for k, launch in enumerate(columns):
        if k * width >= len(text) and (launch % 5 == 0 or width == _WIDEST):
            text = text.ljust(k * width) + f"{launch} "
    return text.rstrip()
