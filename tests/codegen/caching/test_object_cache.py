"""The cache on disk: what is damaged or another's is never returned, whoever writes at once."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from graphc.codegen.caching import object_cache
from graphc.codegen.caching.object_cache import ObjectCache, current_cache
from graphc.errors import CompileError

owners = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="files have no owners here")

CONTENT = bytes(range(256)) * 8


@pytest.fixture
def cache(tmp_path: Path) -> ObjectCache:
    made = ObjectCache(tmp_path / "cache")
    assert made.refusal() is None
    return made


def entry(cache: ObjectCache) -> Path:
    (path,) = cache.folder.glob("*.entry")
    return path


def test_what_is_put_is_got_by_its_key_alone(cache: ObjectCache) -> None:
    cache.put("a", CONTENT)
    cache.put("b", b"")
    assert (cache.get("a"), cache.get("b"), cache.get("c")) == (CONTENT, b"", None)
    cache.put("a", b"new")
    assert cache.get("a") == b"new"
    again = ObjectCache(cache.folder)
    assert again.get("a") == b"new"


# Damage --------------------------------------------------------------------------------------


def flipped(at: int) -> Callable[[bytes], bytes]:
    return lambda data: data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[:40],
        lambda data: data[:-1],
        lambda data: data + b"x",
        lambda data: data[len(CONTENT) :],
        lambda data: b"\x7fELF" + data[4:],
        *[flipped(at) for at in (0, 16, 47, 48, 55, 56, 87, 88, 1000, 88 + len(CONTENT) - 1)],
    ],
)
def test_a_damaged_entry_is_removed_and_can_be_written_again(
    cache: ObjectCache, damage: Callable[[bytes], bytes]
) -> None:
    cache.put("key", CONTENT)
    path = entry(cache)
    path.write_bytes(damage(path.read_bytes()))
    assert cache.get("key") is None
    assert not path.exists()
    cache.put("key", CONTENT)
    assert cache.get("key") == CONTENT


def test_an_entry_of_another_key_is_not_returned(cache: ObjectCache) -> None:
    cache.put("key", CONTENT)
    mine = entry(cache)
    elsewhere = mine.read_bytes()
    mine.unlink()
    cache.put("other", b"x")
    other = entry(cache)
    other.write_bytes(elsewhere)  # intact, but of another key
    assert cache.get("other") is None
    assert not other.exists()


@owners
def test_an_entry_that_others_may_write_or_that_is_a_link_is_not_returned(
    cache: ObjectCache, tmp_path: Path
) -> None:
    cache.put("key", CONTENT)
    path = entry(cache)
    assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0
    path.chmod(0o620)
    assert cache.get("key") is None
    cache.put("key", CONTENT)
    real = tmp_path / "elsewhere"
    path.rename(real)
    path.symlink_to(real)
    assert cache.get("key") is None
    assert real.exists()


# The folder ----------------------------------------------------------------------------------


@owners
def test_the_folder_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    cache = ObjectCache(tmp_path / "a" / "b")
    assert cache.refusal() is None
    assert stat.S_IMODE(cache.folder.stat().st_mode) == 0o700


@owners
def test_a_folder_that_others_may_write_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o770)
    assert "others may write there" in str(ObjectCache(folder).refusal())


@owners
def test_a_folder_of_somebody_else_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = ObjectCache(tmp_path)
    cache.put("key", CONTENT)
    me = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: me + 1)
    assert "belongs to somebody else" in str(cache.refusal())
    assert cache.get("key") is None


def test_a_file_in_its_place_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    assert ObjectCache(file).refusal() is not None
    assert ObjectCache(file / "below").refusal() is not None


def test_what_cannot_be_written_is_not(cache: ObjectCache, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a full disk or in a folder for reading only, which the superuser can still write."""

    def fails(*_: object) -> None:
        raise OSError(28, "No space left on device")

    cache.put("old", CONTENT)
    monkeypatch.setattr(os, "replace", fails)
    cache.put("new", CONTENT)
    monkeypatch.undo()
    assert (cache.get("old"), cache.get("new")) == (CONTENT, None)
    assert len(list(cache.folder.iterdir())) == 1


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser writes everywhere"
)
def test_a_folder_for_reading_only_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        assert "cannot be written" in str(ObjectCache(tmp_path).refusal())
    finally:
        tmp_path.chmod(0o700)


# Bound ---------------------------------------------------------------------------------------


def test_the_least_recently_used_go_first(tmp_path: Path) -> None:
    cache = ObjectCache(tmp_path, bound=16_000)
    old = time.time_ns() - 10**12
    for k in range(10):
        cache.put(f"{k}", bytes(1_000))
        place = max(tmp_path.glob("*.entry"), key=lambda path: path.stat().st_mtime_ns)
        os.utime(place, ns=(old + k, old + k))
    assert cache.get("0") is not None  # and is the most recently used now
    for k in range(10, 20):
        cache.put(f"{k}", bytes(1_000))
    assert cache.usage().bytes <= 16_000
    kept = [k for k in range(20) if cache.get(f"{k}") is not None]
    assert 0 in kept and 1 not in kept and kept[-10:] == list(range(10, 20))


def test_the_bound_is_never_passed(tmp_path: Path) -> None:
    cache = ObjectCache(tmp_path, bound=100_000)
    sizes = [1_000 + 700 * (k % 13) for k in range(120)]
    for k, size in enumerate(sizes):
        cache.put(f"{k}", bytes(size))
        assert cache.usage().bytes <= 100_000
    assert cache.usage().bytes > 80_000
    cache.put("large", bytes(100_000))
    assert cache.get("large") is None
    assert cache.get(f"{len(sizes) - 1}") is not None


def test_what_dead_processes_left_is_removed(cache: ObjectCache) -> None:
    left, young = (cache.folder / f".unfinished-{name}" for name in ("left", "young"))
    for path in (left, young):
        path.write_bytes(CONTENT)
    os.utime(left, (0, 0))
    cache.put("key", CONTENT)
    assert not left.exists() and young.exists()
    assert cache.usage().entries == 1
    assert cache.clear().entries == 1
    assert cache.usage() == object_cache.Usage(0, 0)


# Processes -----------------------------------------------------------------------------------

WRITES = """
import random, sys
from pathlib import Path
from graphc.codegen.caching.object_cache import ObjectCache
cache, draw = ObjectCache(Path(sys.argv[1]), 200_000), random.Random(int(sys.argv[2]))
misses = 0
for step in range(600):
    key = str(draw.randrange(12))
    found = cache.get(key)
    if found is None:
        misses += 1
    else:
        assert found == key.encode() * 3_000, key
    if found is None or draw.random() < 0.5:
        cache.put(key, key.encode() * 3_000)
assert misses < 100, misses
"""


def test_processes_that_write_the_same_entries_at_once(tmp_path: Path) -> None:
    running = [
        subprocess.Popen([sys.executable, "-c", WRITES, str(tmp_path), str(seed)])
        for seed in range(3)
    ]
    assert [process.wait(timeout=120) for process in running] == [0, 0, 0]
    assert {path.suffix for path in tmp_path.iterdir()} == {".entry"}


# Environment ---------------------------------------------------------------------------------


def test_the_environment_chooses_folder_and_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRAPHC_CACHE", "1")
    monkeypatch.setenv("GRAPHC_CACHE_DIR", str(tmp_path / "here"))
    monkeypatch.setenv("GRAPHC_CACHE_BYTES", "12345")
    cache = current_cache()
    assert cache is not None
    assert (cache.folder, cache.bound) == (tmp_path / "here", 12345)
    assert current_cache() is cache
    monkeypatch.setenv("GRAPHC_CACHE", "0")
    assert current_cache() is None


@pytest.mark.parametrize(
    ("name", "value"), [("GRAPHC_CACHE", "off"), ("GRAPHC_CACHE_BYTES", "1 GB")]
)
def test_a_value_that_is_not_understood_is_an_error(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv("GRAPHC_CACHE", "1")
    monkeypatch.setenv(name, value)
    with pytest.raises(CompileError, match=name):
        current_cache()


@pytest.mark.parametrize(
    ("platform", "named", "place"),
    [
        ("linux", {}, "home/.cache/graphc"),
        ("linux", {"XDG_CACHE_HOME": "/caches"}, "/caches/graphc"),
        ("linux", {"XDG_CACHE_HOME": "caches"}, "home/.cache/graphc"),
        ("darwin", {"XDG_CACHE_HOME": "/caches"}, "home/Library/Caches/graphc"),
        ("win32", {"LOCALAPPDATA": "local"}, "local/graphc"),
        ("win32", {}, "home/AppData/Local/graphc"),
    ],
)
def test_the_usual_folder_is_the_platforms(
    monkeypatch: pytest.MonkeyPatch, platform: str, named: dict[str, str], place: str
) -> None:
    for name in ("GRAPHC_CACHE_DIR", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in named.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(Path, "home", lambda: Path("home"))
    assert object_cache.directory() == Path(place)


def test_a_user_without_a_home_has_no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    def home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setenv("GRAPHC_CACHE", "1")
    monkeypatch.delenv("GRAPHC_CACHE_DIR", raising=False)
    monkeypatch.setattr(Path, "home", home)
    assert object_cache.directory() is None
    assert current_cache() is None
