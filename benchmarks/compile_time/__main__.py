"""Measure compile times, cold and warm.

`python -m benchmarks.compile_time [NAME]... [--rounds N]`
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.compile_time.programs import PROGRAMS
from benchmarks.driver.environment import ROOT, worker_environment

_HEADER = (
    f"{'program':12} {'nodes':>6} {'kernels':>8} {'build':>12} "
    f"{'cold':>14} {'its CPU time':>14} {'warm':>14} {'its CPU time':>14}"
)

Times = list[dict[str, Any]]


def main(arguments: Sequence[str]) -> None:
    """Print a table: the least and the median of several rounds."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compile_time")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(PROGRAMS)}")
    parser.add_argument("--rounds", type=int, default=5, metavar="N")
    options = parser.parse_args(arguments)
    if unknown := set(options.names) - set(PROGRAMS):
        parser.error(f"no such program: {', '.join(sorted(unknown))}")
    print("milliseconds to the first result, least (median); one interpreter each time")
    print(_HEADER)
    imports: list[float] = []
    for name in options.names or PROGRAMS:
        cold, warm = measured(name, options.rounds)
        first = cold[0]
        kernels = f"{first['kernels']}/{first['launches']}"
        build = _text(cold + warm, "build")
        print(
            f"{name:12} {first['nodes']:6} {kernels:>8} {build:>12} "
            f"{_text(cold, 'first'):>14} {_text(cold, 'cpu'):>14} "
            f"{_text(warm, 'first'):>14} {_text(warm, 'cpu'):>14}"
        )
        imports += [run["import"] for run in cold + warm]
    print(f"import graphc, beyond NumPy and llvmlite: {min(imports):.0f} ({median(imports):.0f})")


def measured(name: str, rounds: int) -> tuple[Times, Times]:
    """(cold, warm) runs, turn about."""
    cold: Times = []
    warm: Times = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(prefix="graphc-compile-time-") as folder:
            cold.append(_once(name, Path(folder)))
            warm.append(_once(name, Path(folder)))
    return cold, warm


def _once(name: str, folder: Path) -> dict[str, Any]:
    environment = worker_environment(os.cpu_count() or 1, folder) | {"GRAPHC_CACHE": "1"}
    command = [sys.executable, "-m", "benchmarks.compile_time.once", name]
    done = subprocess.run(
        command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _text(times: Times, field: str) -> str:
    values = [run[field] for run in times]
    return f"{min(values):.0f} ({median(values):.0f})"


if __name__ == "__main__":
    main(sys.argv[1:])
