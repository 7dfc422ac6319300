"""The environment variables that turn passes off; nothing else in the room reads any."""

from __future__ import annotations

import os

from graphc.errors import CompileError

#: `GRAPHC_FMA=0` keeps every product apart from the sum that uses it (two roundings).
FMA = "GRAPHC_FMA"


def is_on(variable: str) -> bool:
    """Whether the environment leaves a pass on: 1 or unset is on, 0 is off.

    Read when a graph is compiled, not when graphc is imported. CompileError for other values.
    """
    value = os.environ.get(variable, "1")
    if value not in ("0", "1"):
        raise CompileError(f"the environment variable {variable} must be 0 or 1, not {value!r}")
    return value == "1"
