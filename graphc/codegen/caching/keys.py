"""By what compiled code is looked up: everything that it depends on, as text."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from functools import cache

import llvmlite
import llvmlite.binding as llvm
import numpy as np

from graphc.codegen.target import Target
from graphc.ir.canonical import canonical_text
from graphc.ir.graph import Graph
from graphc.passes import settings
from graphc.schedule.kernel import Kernel

_LOADED = time.time()


def kernel_key(kernel: Kernel, target: Target) -> str:
    """Of the object that holds one kernel's function."""
    return f"kernel\n{_origin(target)}\n{kernel.key()!r}"


def program_key(graph: Graph, target: Target) -> str:
    """Of the executable of a graph as the user wrote it."""
    switches = f"fma={settings.is_on(settings.FMA)}"
    return f"program\n{_origin(target)}\n{switches}\n{canonical_text(graph)}"


def part_key(part: str, target: Target) -> str:
    """Of the object of a part of graphc itself, such as the thread pool."""
    return f"part\n{_origin(target)}\n{part}"


@cache
def _origin(target: Target) -> str:
    """Who makes the code, and for which machine. NumPy counts, since it folds constants."""
    made_by = (
        f"graphc {sources_digest()}",
        f"numpy {np.__version__}",
        f"llvmlite {llvmlite.__version__}",
        f"LLVM {'.'.join(map(str, llvm.llvm_version_info))}",
    )
    return "\n".join((*made_by, repr(target)))


@cache
def sources_digest() -> str:
    """A digest of graphc's own sources, finer than a version: sources may be edited in place.

    Sources that were edited after they had been loaded say nothing of the code that runs: then it
    is like no other. The version where there are no source files, as in an archive.
    """
    package = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
    digest, count = hashlib.sha256(), 0
    for path in _sources(package):
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_mtime > _LOADED:
                return f"edited while {os.getpid()} ran, since {_LOADED}"
            content = file.read()
        digest.update(f"{path[len(package) :]} {len(content)}\n".encode())
        digest.update(content)
        count += 1
    return digest.hexdigest() if count else _version()


def _sources(package: str) -> Iterator[str]:
    for folder, inner, files in os.walk(package):
        inner.sort()
        for name in sorted(files):
            if name.endswith(".py"):
                yield os.path.join(folder, name)


def _version() -> str:
    from importlib.metadata import version  # slow to import, and needed only here

    return version("graphc")
