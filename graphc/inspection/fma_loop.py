"""A native loop of fused multiply-adds and nothing else, in vectors of the machine's full width."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir

#: Independent sums: enough to hide the latency of an addition, few enough to stay in registers.
CHAINS = 12


def fma_loop(bits: int) -> tuple[Callable[[int, int], object], int]:
    """(a native function of a number of turns and an address for the sums, lanes in a vector)."""
    features, width = _host()
    lanes = width // bits
    machine = llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=features, opt=2
    )
    module = llvm.parse_assembly(str(_fma_module(bits, lanes)))
    compiler = llvm.create_mcjit_compiler(module, machine)
    compiler.finalize_object()
    signature = ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_void_p)
    native = signature(compiler.get_function_address("probe"))

    def loop(turns: int, out: int) -> None:
        native(turns, out)
        _ = compiler  # keeps the code

    return loop, lanes


def _host() -> tuple[str, int]:
    """LLVM's features for this machine, and the width of its vectors in bits."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    features = llvm.get_host_cpu_features()
    if features.get("avx512f"):  # LLVM alone keeps to half of the registers
        return features.flatten() + ",-prefer-256-bit", 512
    return features.flatten(), 256 if features.get("avx2") else 128


def _fma_module(bits: int, lanes: int) -> ir.Module:
    """void probe(i64 turns, ptr out): chains of sum = sum*sum + x, and at the end their total."""
    number: Any = ir.FloatType() if bits == 32 else ir.DoubleType()
    vector, count = ir.VectorType(number, lanes), ir.IntType(64)
    module = ir.Module("probe")
    signature = ir.FunctionType(ir.VoidType(), [count, vector.as_pointer()])
    function = ir.Function(module, signature, "probe")
    entry, body, leave = (function.append_basic_block(name) for name in ("entry", "body", "leave"))
    ir.IRBuilder(entry).branch(body)
    builder = ir.IRBuilder(body)
    turn = builder.phi(count)
    sums = [builder.phi(vector) for _ in range(CHAINS)]
    x = ir.Constant(vector, [0.25] * lanes)
    fma = ir.Function(module, ir.FunctionType(vector, [vector] * 3), f"llvm.fma.v{lanes}f{bits}")
    new = [builder.call(fma, [part, part, x]) for part in sums]
    next_turn = builder.add(turn, count(1))
    turn.add_incoming(count(0), entry)
    turn.add_incoming(next_turn, body)
    for k, (part, value) in enumerate(zip(sums, new, strict=True)):
        part.add_incoming(ir.Constant(vector, [k / (4 * CHAINS)] * lanes), entry)
        part.add_incoming(value, body)
    builder.cbranch(builder.icmp_signed("<", next_turn, function.args[0]), body, leave)
    builder.position_at_end(leave)
    total = new[0]
    for value in new[1:]:
        total = builder.fadd(total, value)
    builder.store(total, function.args[1], align=bits // 8)
    builder.ret_void()
    return module
