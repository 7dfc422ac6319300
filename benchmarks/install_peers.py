"""Install what graphc is compared with into the environment that runs this, as far as can be.

The list is the extra `benchmarks` in pyproject.toml. Each is installed by itself: what cannot be
installed here is absent from the benchmarks, and no reason to do without the others.
"""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"
_PIP = (sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")


def requirements() -> list[str]:
    """What pyproject.toml lists, NumPy before it."""
    with PROJECT.open("rb") as file:
        found = tomllib.load(file)["project"]["optional-dependencies"]["benchmarks"]
    return ["numpy>=2", *map(str, found)]


def main() -> int:
    """The exit status is 1 if not one of them could be installed."""
    wanted = requirements()
    absent = [each for each in wanted if subprocess.run([*_PIP, each], check=False).returncode]
    for each in absent:
        print(f"could not be installed, and will be absent: {each}")
    return int(len(absent) == len(wanted))


if __name__ == "__main__":
    raise SystemExit(main())
