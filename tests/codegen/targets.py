"""The targets that tests generate code for and run it."""

from __future__ import annotations

import os
import platform

import pytest

from graphc.codegen.target import CPU_VARIABLE, Target, current_target

IS_X86 = platform.machine().lower() in ("x86_64", "amd64")
#: A CPU with narrower vectors than this machine's may be, whose code runs here.
LESSER = "x86-64-v3" if IS_X86 else "generic"


def target_named(cpu: str) -> Target:
    """The target of that name, as the environment would choose it; "" for this machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(CPU_VARIABLE, cpu)
        return current_target()


def chosen() -> dict[str, Target]:
    """This machine, and one with narrower vectors."""
    return {"host": target_named(os.environ.get(CPU_VARIABLE, "")), "lesser": target_named(LESSER)}
