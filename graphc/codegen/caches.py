"""How large the caches are, for which products are cut: of this machine, or of others like it."""

from __future__ import annotations

import ctypes
import ctypes.util
import functools
import os
import struct
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

#: Where Linux tells of the first CPU's caches.
SYSFS = Path("/sys/devices/system/cpu/cpu0/cache")

_UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}

#: What the C library of Linux calls them, where sysfs tells nothing.
_SYSCONF = {2: "SC_LEVEL2_CACHE_SIZE", 3: "SC_LEVEL3_CACHE_SIZE"}

#: What macOS calls them: those of its fast cores, else those of all.
_SYSCTL = {
    2: ("hw.perflevel0.l2cachesize", "hw.l2cachesize"),
    3: ("hw.perflevel0.l3cachesize", "hw.l3cachesize"),
}

#: An entry of what Windows tells of processors: their mask, what the entry is about, and of a cache
#: the level, the ways, the size of a line, the size, and the kind. Caches have this number.
_ENTRY, _IS_CACHE = struct.Struct("<QI4xBBHII4x"), 2

#: Kinds of caches on Windows that hold data: any, and data alone.
_HOLDS_DATA = (0, 2)


@dataclass(frozen=True, slots=True)
class Caches:
    """Bytes of the second and the third level, which a core has to itself or shares with others.

    Without numbers they are what is assumed where nobody tells. No third level is one as large as
    the second.
    """

    second: int = 512 << 10
    third: int = 8 << 20


#: Of CPUs that are named and not at hand. Those with the widest vectors are built for servers.
USUAL, OF_SERVERS = Caches(), Caches(1 << 20, 32 << 20)


def usual_caches(vector_bits: int) -> Caches:
    """What CPUs with vectors of that many bits usually have."""
    return OF_SERVERS if vector_bits == 512 else USUAL


@functools.cache
def own_caches() -> Caches:
    """The caches of this machine, as far as it tells."""
    match sys.platform:
        case "darwin":
            return completed(_from_sysctl())
        case "win32":
            return completed(_from_windows())
        case _:
            return completed(from_sysfs(SYSFS) or _from_sysconf())


def completed(sizes: Mapping[int, int]) -> Caches:
    """Caches from sizes by level, of which any may be missing or no size at all."""
    known = {level: size for level, size in sizes.items() if size > 0}
    second = known.get(2, USUAL.second)
    third = known.get(3, second if 2 in known else USUAL.third)
    return Caches(second, max(second, third))


def from_sysfs(folder: Path) -> dict[int, int]:
    """Sizes by level from files as those of Linux; none where one is not understood."""
    found: dict[int, int] = {}
    try:
        for index in sorted(folder.glob("index*")):
            level, kind, text = (
                (index / name).read_text().strip() for name in ("level", "type", "size")
            )
            if kind in ("Data", "Unified"):
                found[int(level)] = int(text.rstrip("KMG")) * _UNITS.get(text[-1:], 1)
    except (OSError, ValueError):
        return {}
    return found


def _from_sysconf() -> dict[int, int]:
    names = getattr(os, "sysconf_names", {})
    return {level: os.sysconf(name) for level, name in _SYSCONF.items() if name in names}


def _from_sysctl() -> dict[int, int]:
    """Sizes by level from macOS, 0 for what it does not know."""
    library = ctypes.CDLL(ctypes.util.find_library("c"))

    def number(name: str) -> int:
        value, size = ctypes.c_uint64(0), ctypes.c_size_t(8)
        place, length = ctypes.byref(value), ctypes.byref(size)
        failed = library.sysctlbyname(name.encode(), place, length, None, ctypes.c_size_t(0))
        return 0 if failed else value.value

    return {
        level: next((size for name in names if (size := number(name))), 0)
        for level, names in _SYSCTL.items()
    }


def _from_windows() -> dict[int, int]:
    """Sizes by level from Windows; none if it does not answer."""
    kernel = ctypes.CDLL("kernel32", use_last_error=True)
    length = ctypes.c_uint32(0)
    kernel.GetLogicalProcessorInformation(None, ctypes.byref(length))
    entries = ctypes.create_string_buffer(length.value)
    if not kernel.GetLogicalProcessorInformation(entries, ctypes.byref(length)):
        return {}
    return from_entries(entries.raw[: length.value])


def from_entries(entries: bytes) -> dict[int, int]:
    """Sizes by level from what Windows writes of processors; those of the first of each level."""
    found: dict[int, int] = {}
    whole = len(entries) // _ENTRY.size * _ENTRY.size
    for _, about, level, _, _, size, kind in _ENTRY.iter_unpack(entries[:whole]):
        if about == _IS_CACHE and kind in _HOLDS_DATA:
            found.setdefault(level, size)
    return found
