"""OpenBLAS with LAPACK, from the package scipy-openblas32: loaded when a program first needs it."""

from __future__ import annotations

import ctypes
import functools
import os
import sys
from importlib.metadata import version

from graphc.errors import CompileError

_SUFFIX = {"win32": ".dll", "darwin": ".dylib"}.get(sys.platform, ".so")


def address(name: str) -> int:
    """Where a routine is in this process. CompileError if the library or the routine is missing."""
    try:
        function = getattr(_library(), name)
    except AttributeError:
        raise CompileError(
            f"scipy-openblas32 {version('scipy-openblas32')} has no routine {name}"
        ) from None
    return int(ctypes.cast(function, ctypes.c_void_p).value or 0)


@functools.cache
def _library() -> ctypes.CDLL:
    """The library, on the calling thread alone: graphc's own threads share out the matrices.

    The package's library is not the one that NumPy brings; its number of threads is its own.
    """
    try:
        import scipy_openblas32  # not before it is needed

        folder = scipy_openblas32.get_lib_dir()
        name = next(n for n in os.listdir(folder) if "openblas" in n and n.endswith(_SUFFIX))
        library = ctypes.CDLL(os.path.join(folder, name))
    except (ImportError, OSError, StopIteration) as error:
        raise CompileError(f"linear algebra needs the package scipy-openblas32: {error}") from None
    library.scipy_openblas_set_num_threads(1)
    return library
