"""Where workers run: their interpreters, environment variables and folders."""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PEERS_FOLDER = ROOT / ".bench-venv"

#: Told to choose kernels for another machine than this, a BLAS is not at its best.
_UNSET = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "MKL_ENABLE_INSTRUCTIONS", "GRAPHC_TARGET_CPU")
_THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
#: Names of folders in a worker's own, so that nothing is found compiled: compile times are cold.
_CACHES = {
    "GRAPHC_CACHE_DIR": "graphc",
    "TORCHINDUCTOR_CACHE_DIR": "inductor",
    "TRITON_CACHE_DIR": "triton",
    "NUMBA_CACHE_DIR": "numba",
    "BENCHMARK_SCRATCH": ".",
}


def peers_python() -> Path:
    """The interpreter that `make bench-env` makes, whether it is there or not."""
    folder, name = ("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")
    return PEERS_FOLDER / folder / name


def own_python() -> Path:
    """The interpreter that runs graphc."""
    return Path(sys.executable)


def worker_environment(threads: int, scratch: Path) -> dict[str, str]:
    """Variables for a worker with so many threads and a folder of its own."""
    kept = {name: value for name, value in os.environ.items() if name not in _UNSET}
    return {
        **kept,
        **dict.fromkeys(_THREADS, str(threads)),
        **{name: str(scratch / folder) for name, folder in _CACHES.items()},
        # With glibc's arenas for each thread, XLA gives every large result back to the system,
        # and gets it again page by page. Affects no other program here, and only Linux.
        "MALLOC_ARENA_MAX": "1",
    }
