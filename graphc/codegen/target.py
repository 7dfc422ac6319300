"""The machine that code is generated for."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from dataclasses import dataclass, replace
from typing import Any

import llvmlite.binding as llvm

from graphc.codegen.caches import USUAL, Caches, own_caches, usual_caches
from graphc.errors import CompileError

#: Names a CPU, as LLVM knows it, to compile for instead of the one at hand.
CPU_VARIABLE = "GRAPHC_TARGET_CPU"


@dataclass(frozen=True, slots=True)
class Target:
    """A CPU: LLVM's triple, name and features for it, the width of its vectors, its caches."""

    triple: str
    cpu: str
    features: str
    vector_bits: int
    caches: Caches = USUAL

    @property
    def vector_registers(self) -> int:
        """How many vectors its registers hold."""
        return 16 if self.triple.startswith("x86_64") and self.vector_bits < 512 else 32

    def machine(self, level: int = 2) -> Any:
        """A new LLVM target machine; each just-in-time compiler takes one for itself.

        At level 0 it translates several times as fast, to code that is as right and slower.
        """
        target = llvm.Target.from_triple(self.triple)
        return target.create_target_machine(
            cpu=self.cpu, features=self.features, opt=level, reloc="pic", codemodel="default"
        )


def current_target() -> Target:
    """The target that the environment names, else this machine. CompileError for an unknown CPU."""
    return _target(os.environ.get(CPU_VARIABLE, ""))


@functools.cache
def _target(cpu: str) -> Target:
    _initialize()
    triple = llvm.get_process_triple()
    if not cpu or cpu == "native":
        features = llvm.get_host_cpu_features()
        name = llvm.get_host_cpu_name()
        enabled = {feature for feature, present in features.items() if present}
        found = _widened(triple, name, features.flatten(), enabled)
        return replace(found, caches=own_caches())
    features_text = _features_of(triple, cpu)
    return _widened(triple, cpu, "", set(features_text))


@functools.cache
def _initialize() -> None:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    llvm.initialize_native_asmparser()


def _widened(triple: str, cpu: str, flags: str, enabled: set[str]) -> Target:
    """The target with its full vector width asked for (LLVM alone keeps to half of AVX-512)."""
    bits = 256 if "avx2" in enabled else 128
    if "avx512f" in enabled:
        bits, flags = 512, ",".join(filter(None, [flags, "-prefer-256-bit"]))
    return Target(triple, cpu, flags, bits, usual_caches(bits))


_LEVELS = {
    "x86-64": (), "x86-64-v2": (), "x86-64-v3": ("avx2",), "haswell": ("avx2",),
    "x86-64-v4": ("avx2", "avx512f"),
}  # fmt: skip


def _features_of(triple: str, cpu: str) -> tuple[str, ...]:
    """Which vector extensions a named CPU has, found by compiling a probe for it."""
    is_x86 = triple.startswith("x86_64")
    if is_x86 and cpu in _LEVELS:
        return _LEVELS[cpu]
    text = _probe(triple, cpu, "-prefer-256-bit" if is_x86 else "")
    registers = (("avx512f", "%zmm"), ("avx2", "%ymm"))
    return tuple(name for name, register in registers if is_x86 and register in text)


#: Prints the assembly of an addition of 16 integers, which shows the CPU's widest registers.
_PROBE = """
import sys
import llvmlite.binding as llvm
llvm.initialize_native_target()
llvm.initialize_native_asmprinter()
triple, cpu, features = sys.argv[1:]
target = llvm.Target.from_triple(triple)
machine = target.create_target_machine(cpu=cpu, features=features, opt=1)
module = llvm.parse_assembly(
    f'target triple = "{triple}"\\n'
    "define <16 x i32> @probe(<16 x i32> %a, <16 x i32> %b) {"
    " %c = add <16 x i32> %a, %b ret <16 x i32> %c }"
)
print(machine.emit_assembly(module))
"""


def _probe(triple: str, cpu: str, features: str) -> str:
    """The probe's assembly; CompileError for a CPU that LLVM does not know or cannot serve.

    In a process of its own: LLVM only warns of a name that it does not know, and ends the
    process that asks for 64-bit code for a CPU without it.
    """
    command = [sys.executable, "-c", _PROBE, triple, cpu, features]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "not a recognized processor" in done.stderr:
        raise CompileError(f"{CPU_VARIABLE} names {cpu!r}, a CPU that LLVM does not know")
    if done.returncode:
        raise CompileError(f"cannot compile for the CPU {cpu!r}: {done.stderr.strip()[-200:]}")
    return done.stdout
