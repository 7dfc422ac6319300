"""How much memory this process takes, as far as its system tells."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

_PROCESS = Path("/proc/self")


def resident() -> int | None:
    """Bytes in physical memory now; None where the system does not tell."""
    try:
        pages = (_PROCESS / "statm").read_text().split()[1]
    except OSError:
        return None
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def peak() -> int | None:
    """The most bytes ever in physical memory, or since `forget_peak`; None if not known."""
    try:
        found = re.search(r"VmHWM:\s*(\d+) kB", (_PROCESS / "status").read_text())
        return int(found[1]) * 1024 if found else None
    except OSError:
        return _peak_of_rusage()


def _peak_of_rusage() -> int | None:
    try:
        import resource
    except ImportError:  # Windows
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) * unit


def forget_peak() -> bool:
    """Let `peak` start again from now; False where the system does not allow that."""
    try:
        (_PROCESS / "clear_refs").write_text("5")
    except OSError:
        return False
    return True
