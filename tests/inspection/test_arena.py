from __future__ import annotations

import pytest

from graphc.inspection.arena import letter, picture
from graphc.memory.live import LiveRange
from graphc.memory.plan import MemoryPlan

_RANGES = (LiveRange(64, 0, 1), LiveRange(128, 1, 3), LiveRange(64, 2, 3))


def test_a_picture() -> None:
    layout = MemoryPlan(_RANGES).layout({})
    assert picture(_RANGES, layout) == "\n".join(
        [
            "offset | 0  1  2  3",
            "     0 | AAAAAACCCCCC",
            "    64 | ...BBBBBBBBB",
            "   192 | end",
        ]
    )


@pytest.mark.parametrize("count", [1, 20, 50, 100, 500])
def test_pictures_are_no_larger_than_a_screen(count: int) -> None:
    ranges = [LiveRange(64 * (1 + k % 7), k, k + 3) for k in range(count)]
    lines = picture(ranges, MemoryPlan(tuple(ranges)).layout({})).splitlines()
    assert len(lines) <= 34
    assert max(map(len, lines)) <= 100


def test_a_cell_shows_who_holds_the_byte() -> None:
    """Every letter stands where the layout puts it, in a picture that leaves nothing out."""
    ranges = tuple(LiveRange(64 * (1 + k % 3), k, k + 2) for k in range(8))
    layout = MemoryPlan(ranges).layout({})
    for line in picture(ranges, layout).splitlines()[1:-1]:
        start, cells = line.split(" | ")
        offset = int(start.replace(",", ""))
        for launch, cell in enumerate(cells[::3]):
            holders = [
                letter(k)
                for k, live in enumerate(ranges)
                if live.first <= launch <= live.last
                and layout.offsets[k] <= offset < layout.offsets[k] + layout.sizes[k]
            ]
            assert cell == (holders[0] if holders else ".")


def test_letters_begin_again_after_the_last() -> None:
    assert [letter(k) for k in (0, 25, 26, 61, 62)] == ["A", "Z", "a", "9", "A"]
