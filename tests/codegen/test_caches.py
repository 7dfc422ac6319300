"""Sizes of caches, as each system tells them."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path

import pytest

from graphc.codegen.caches import (
    SYSFS,
    Caches,
    completed,
    from_entries,
    from_sysfs,
    own_caches,
    usual_caches,
)
from graphc.codegen.caching.keys import part_key
from tests.codegen.targets import target_named

KILO, MEGA = 1 << 10, 1 << 20


def write(folder: Path, *caches: tuple[str, str, str]) -> Path:
    for place, cache in enumerate(caches):
        (folder / f"index{place}").mkdir()
        for name, text in zip(("level", "type", "size"), cache, strict=True):
            (folder / f"index{place}" / name).write_text(text + "\n")
    return folder


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ((), {}),
        ((("1", "Data", "48K"), ("1", "Instruction", "32K")), {1: 48 * KILO}),
        ((("1", "Data", "32K"), ("2", "Unified", "1M"), ("3", "Unified", "32768K")),
         {1: 32 * KILO, 2: MEGA, 3: 32 * MEGA}),
        ((("2", "Unified", "12345"),), {2: 12345}),
        ((("2", "Unified", "none"),), {}),
        ((("", "Unified", "1M"),), {}),
    ],
)  # fmt: skip
def test_files(files: tuple[tuple[str, str, str], ...], expected: object, tmp_path: Path) -> None:
    assert from_sysfs(write(tmp_path, *files)) == expected


def test_files_that_are_not_there(tmp_path: Path) -> None:
    (tmp_path / "index0").mkdir()
    assert from_sysfs(tmp_path) == from_sysfs(tmp_path / "nowhere") == {}


def entry(about: int, level: int, size: int, kind: int) -> bytes:
    return struct.pack("<QIIBBHII4x", 1, about, 0, level, 8, 64, size, kind)


def test_entries() -> None:
    """Of processors and of caches; instructions alone do not count, nor does half an entry."""
    core, instructions = entry(0, 2, 1, 0), entry(2, 1, 64 * KILO, 1)
    data, second, again = entry(2, 1, 48 * KILO, 2), entry(2, 2, MEGA, 0), entry(2, 2, KILO, 0)
    found = from_entries(b"".join((core, instructions, data, second, again, core[:9])))
    assert found == {1: 48 * KILO, 2: MEGA}
    assert from_entries(b"") == {}


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ({}, Caches()),
        ({1: 48 * KILO, 2: MEGA, 3: 32 * MEGA}, Caches(MEGA, 32 * MEGA)),
        ({2: 12 * MEGA}, Caches(12 * MEGA, 12 * MEGA)),
        ({2: 0, 3: -1}, Caches()),
        ({2: 2 * MEGA, 3: MEGA}, Caches(2 * MEGA, 2 * MEGA)),
    ],
)
def test_what_is_missing(sizes: dict[int, int], expected: Caches) -> None:
    assert completed(sizes) == expected


def test_this_machine() -> None:
    found = own_caches()
    assert found == target_named("").caches
    assert 0 < found.second <= found.third
    if told := from_sysfs(SYSFS):
        assert found.second == told[2]


@pytest.mark.parametrize("bits", [128, 256, 512])
def test_usual_ones(bits: int) -> None:
    found = usual_caches(bits)
    assert 256 * KILO <= found.second < found.third


def test_code_for_other_caches_is_other_code() -> None:
    target = target_named("")
    other = replace(target, caches=Caches(target.caches.second + 1, target.caches.third + 1))
    assert part_key("part", target) != part_key("part", other)
