"""A store of bytes by key on disk, in which compiled code outlives the process.

Whatever goes wrong with it costs time and nothing else: an entry that cannot be read, is
truncated, altered or another's is removed and counts as missing, and one that cannot be written
is not. Code that somebody else may have put there is never returned.
"""

from __future__ import annotations

import hashlib
import os
import stat
import struct
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from graphc.errors import CompileError

#: Turns the cache off if it is 0.
SWITCH = "GRAPHC_CACHE"
#: Names the folder to use instead of the platform's usual one.
DIRECTORY = "GRAPHC_CACHE_DIR"
#: The most bytes that entries may take together.
BOUND = "GRAPHC_CACHE_BYTES"

USUAL_BOUND = 256 * 2**20

#: Magic number, digest of the key, length and digest of the content, which follows.
_HEADER = struct.Struct("<16s32sQ32s")
_MAGIC = b"graphc cache 001"
_SUFFIX = ".entry"
_UNFINISHED = ".unfinished-"
#: Seconds after which an unfinished file must be one that a process left when it died.
_ABANDONED = 3600.0

_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


@dataclass(frozen=True, slots=True)
class Usage:
    """How many entries there are, and how many bytes they take."""

    entries: int
    bytes: int


class ObjectCache:
    """Entries in one folder, each a file of its own, which several processes may use at once.

    The least recently used entries go before all together take more than `bound` bytes. A
    process that writes while others do may add a sixteenth of it until it counts again.
    """

    def __init__(self, folder: Path, bound: int = USUAL_BOUND) -> None:
        self.folder = folder
        self.bound = bound
        self._allowed = bound - bound // 16  # the rest may be written before the next count
        self._uncounted: int | None = None  # bytes written since entries were last counted

    def refusal(self) -> str | None:
        """Why the folder cannot be used, None if it can. It is made if it is not there yet."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = self.folder.stat()
        except OSError as error:
            return f"{self.folder} cannot be made: {error.strerror}"
        if not stat.S_ISDIR(found.st_mode):
            return f"{self.folder} is no folder"
        if _is_foreign(found):
            return f"{self.folder} belongs to somebody else, or others may write there"
        if not os.access(self.folder, os.R_OK | os.W_OK | os.X_OK):
            return f"{self.folder} cannot be written"
        return None

    def get(self, key: str) -> bytes | None:
        """The content last put under the key, unless it is gone or not intact."""
        path, digest = self._place(key)
        try:
            content = _read(path, digest)
        except FileNotFoundError:
            return None
        except (OSError, _NotIntactError):
            _remove(path)
            return None
        _touch(path)
        return content

    def put(self, key: str, content: bytes) -> None:
        """Keep the content under the key. Readers see all of it, what was there before, or none."""
        path, digest = self._place(key)
        size = _HEADER.size + len(content)
        if size > self._allowed:
            return
        try:
            self._write(path, _header(digest, content), content)
        except OSError:  # no room, no permission, or on Windows a reader that holds the file
            return
        self._make_room(size)

    def usage(self) -> Usage:
        """What is there now."""
        sizes = [size for _, size, _ in self._entries()]
        return Usage(len(sizes), sum(sizes))

    def clear(self) -> Usage:
        """Remove every entry; what there was."""
        found = self.usage()
        for _, _, path in self._entries():
            _remove(path)
        self._uncounted = None
        return found

    def _place(self, key: str) -> tuple[Path, bytes]:
        digest = hashlib.sha256(key.encode()).digest()
        return self.folder / (digest.hex() + _SUFFIX), digest

    def _write(self, path: Path, header: bytes, content: bytes) -> None:
        handle, name = tempfile.mkstemp(prefix=_UNFINISHED, dir=self.folder)  # for us alone
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(header)
                file.write(content)
            os.replace(name, path)
        except BaseException:
            _remove(Path(name))
            raise

    def _make_room(self, written: int) -> None:
        """Remove what was used least recently, if there may be too much.

        Counting takes time in proportion to the entries, so it is done only now and then.
        """
        if self._uncounted is not None:
            self._uncounted += written
            if self._uncounted <= self.bound - self._allowed:
                return
        entries = sorted(self._entries())
        excess = sum(size for _, size, _ in entries) - self._allowed
        for _, size, path in entries:
            if excess <= 0:
                break
            _remove(path)
            excess -= size
        self._uncounted = 0

    def _entries(self) -> list[tuple[int, int, Path]]:
        """(time of last use, bytes, path) of every entry; what dead processes left is removed."""
        found: list[tuple[int, int, Path]] = []
        try:
            with os.scandir(self.folder) as items:
                for item in items:
                    self._take_in(item, found)
        except OSError:
            return []
        return found

    def _take_in(self, item: os.DirEntry[str], found: list[tuple[int, int, Path]]) -> None:
        try:
            known = item.stat(follow_symlinks=False)
        except OSError:  # another process has removed it
            return
        path = self.folder / item.name
        if item.name.endswith(_SUFFIX):
            found.append((known.st_mtime_ns, known.st_size, path))
        elif item.name.startswith(_UNFINISHED) and time.time() - known.st_mtime > _ABANDONED:
            _remove(path)


class _NotIntactError(Exception):
    """An entry that is not what was put under the key."""


def _header(key: bytes, content: bytes) -> bytes:
    return _HEADER.pack(_MAGIC, key, len(content), hashlib.sha256(content).digest())


def _read(path: Path, key: bytes) -> bytes:
    """The content of an entry; everything is checked on the file that is open."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    with open(os.open(path, flags), "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode) or _is_foreign(found):
            raise _NotIntactError
        header, content = file.read(_HEADER.size), file.read()
    if header != _header(key, content):
        raise _NotIntactError
    return content


def _is_foreign(found: os.stat_result) -> bool:
    """Whether somebody else owns or may change it; never where files have no owners."""
    if not hasattr(os, "geteuid"):
        return False
    return found.st_uid != os.geteuid() or bool(found.st_mode & _OTHERS_WRITE)


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return  # it is looked at again, and found wrong again, the next time


def _touch(path: Path) -> None:
    try:
        os.utime(path)
    except OSError:
        return  # the entry is as good, and only goes sooner


def current_cache() -> ObjectCache | None:
    """The cache that the environment asks for; None if it is off or its folder is unusable.

    Read when a graph is compiled, not when graphc is imported. CompileError for a switch that is
    neither 0 nor 1 and for a bound that is no number.
    """
    if not is_on():
        return None
    folder = directory()
    if folder is None:
        return None
    cache = _opened(folder, bound())
    return None if cache.refusal() else cache


@lru_cache(maxsize=8)
def _opened(folder: Path, most: int) -> ObjectCache:
    """One for all compilations, so that entries are not counted in each."""
    return ObjectCache(folder, most)


def is_on() -> bool:
    """Whether the environment leaves the cache on."""
    value = os.environ.get(SWITCH, "1")
    if value not in ("0", "1"):
        raise CompileError(f"the environment variable {SWITCH} must be 0 or 1, not {value!r}")
    return value == "1"


def directory() -> Path | None:
    """Where entries are kept: where the environment says, or the platform keeps such things.

    None for a user without a home.
    """
    named = os.environ.get(DIRECTORY)
    if named:
        return Path(named).absolute()
    try:
        return _caches(Path.home()) / "graphc"
    except RuntimeError:
        return None


def _caches(home: Path) -> Path:
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return Path(local) if local else home / "AppData" / "Local"
    if sys.platform == "darwin":
        return home / "Library" / "Caches"
    named = os.environ.get("XDG_CACHE_HOME", "")
    return Path(named) if os.path.isabs(named) else home / ".cache"  # others are to be ignored


def bound() -> int:
    """The most bytes that entries may take."""
    value = os.environ.get(BOUND)
    if value is None:
        return USUAL_BOUND
    if not value.isdecimal():
        raise CompileError(f"{BOUND} must be a number of bytes, not {value!r}")
    return int(value)
