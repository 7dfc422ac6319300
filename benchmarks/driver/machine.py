"""What there is to say about the machine and the software, for whoever compares two reports."""

from __future__ import annotations

import os
import platform
import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm

from benchmarks.driver.limits import largest_cache


def describe() -> dict[str, Any]:
    """Nothing in it tells whose machine it is. `load` is the average number of busy processes."""
    return {
        "cpu": _cpu(),
        "architecture": platform.machine(),
        "cores": available_cores(),
        "largest_cache_bytes": largest_cache(),
        "system": platform.system(),
        "python": platform.python_version(),
        "numpy": version("numpy"),
        "llvmlite": version("llvmlite"),
        "load": load(),
    }


def available_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def load() -> float | None:
    """The load average over the last minute; None where the system has none."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def _cpu() -> str:
    """The vendor's name, where the system tells, and LLVM's."""
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.M)
    except OSError:
        found = None
    name = found[1] if found else platform.processor()
    return f"{name} ({llvm.get_host_cpu_name()})".strip()
