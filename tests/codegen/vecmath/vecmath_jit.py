"""Runs one vector function over whole arrays: a loop kernel compiled by MCJIT."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable
from typing import Any

import llvmlite.binding as llvm
import numpy as np
from llvmlite import ir

from graphc.codegen.vecmath import registry

Array = np.ndarray[Any, np.dtype[Any]]
DTYPES: dict[int, type[np.floating[Any]]] = {32: np.float32, 64: np.float64}


def value_type(bits: int, width: int) -> ir.Type:
    element = ir.FloatType() if bits == 32 else ir.DoubleType()
    return ir.VectorType(element, width) if width > 1 else element


def loop_module(name: str, bits: int, width: int) -> ir.Module:
    """`void run(i64 steps, T* out, T* in...)`, which applies the function to `steps` values."""
    module = ir.Module(name=name)
    module.triple = llvm.get_process_triple()
    arity = registry.arity(name)
    value = value_type(bits, width)
    count = ir.IntType(64)
    pointer = value.as_pointer()
    signature = ir.FunctionType(ir.VoidType(), [count] + [pointer] * (arity + 1))
    function = ir.Function(module, signature, name="run")
    entry, body, done = (function.append_basic_block(label) for label in ("entry", "body", "done"))
    builder = ir.IRBuilder(entry)
    builder.branch(body)
    builder.position_at_end(body)
    step = builder.phi(count)
    step.add_incoming(count(0), entry)
    operands = [builder.load(builder.gep(arg, [step]), align=4) for arg in function.args[2:]]
    result = registry.call(builder, name, *operands)
    builder.store(result, builder.gep(function.args[1], [step]), align=4)
    following = builder.add(step, count(1))
    step.add_incoming(following, body)
    builder.cbranch(builder.icmp_signed("<", following, function.args[0]), body, done)
    builder.position_at_end(done)
    builder.ret_void()
    return module


HOST = ("", "")
TARGETS = [HOST, ("x86_64-unknown-linux-gnu", "haswell"), ("aarch64-unknown-linux-gnu", "generic")]
"""Target triple and processor; the empty ones are the host's."""


def target_machine(target: tuple[str, str] = HOST) -> Any:
    """Raises RuntimeError when this LLVM was built without the target."""
    if target != HOST:
        llvm.initialize_all_targets()
        llvm.initialize_all_asmprinters()
        triple, cpu = target
        return llvm.Target.from_triple(triple).create_target_machine(cpu=cpu, opt=2)
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    cpu, features = llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()
    native = llvm.Target.from_default_triple()
    return native.create_target_machine(cpu=cpu, features=features, opt=2, jit=True)


def optimised(module: ir.Module, machine: Any) -> Any:
    """The module with every vector function inlined and the usual scalar clean-up."""
    parsed = llvm.parse_assembly(str(module))
    parsed.verify()
    passes = llvm.create_new_module_pass_manager()
    passes.add_always_inliner_pass()
    passes.add_global_dead_code_eliminate_pass()
    passes.add_instruction_combine_pass()
    passes.add_new_gvn_pass()
    passes.add_aggressive_dce_pass()
    options = llvm.create_pipeline_tuning_options(speed_level=2)
    passes.run(parsed, llvm.create_pass_builder(machine, options))
    return parsed


def assembly(name: str, bits: int, width: int, target: tuple[str, str] = HOST) -> str:
    machine = target_machine(target)
    module = loop_module(name, bits, width)
    module.triple = machine.triple
    return str(machine.emit_assembly(optimised(module, machine)))


@functools.cache
def compiled(name: str, bits: int, width: int) -> Callable[..., Array]:
    """The function on arrays of one length and dtype: `compiled("exp", 32, 16)(x)`."""
    machine = target_machine()
    module = optimised(loop_module(name, bits, width), machine)
    jit = llvm.create_mcjit_compiler(module, machine)
    jit.finalize_object()
    arity = registry.arity(name)
    prototype = ctypes.CFUNCTYPE(None, ctypes.c_int64, *[ctypes.c_void_p] * (arity + 1))
    run = prototype(jit.get_function_address("run"))

    def apply(*arrays: Array) -> Array:
        assert jit is not None  # the machine code lives as long as its JIT does
        dtype, length = DTYPES[bits], arrays[0].size
        steps = -(-length // width)
        padded = [np.ones(steps * width, dtype) for _ in arrays]
        for target, array in zip(padded, arrays, strict=True):
            target[:length] = array
        out = np.empty(steps * width, dtype)
        run(steps, out.ctypes.data, *(target.ctypes.data for target in padded))
        return out[:length]

    return apply
