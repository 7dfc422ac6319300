"""A schedule as one LLVM module: a function for each distinct kernel, and the entry."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir

from graphc.codegen.elements import Elements
from graphc.codegen.kernels import emit_kernel, outer_loop, symbol_names
from graphc.codegen.scopes import Scopes
from graphc.codegen.target import Target
from graphc.codegen.values import I64, POINTER, VOID
from graphc.errors import CompileError
from graphc.ir.node import Node
from graphc.ir.scalar import Site
from graphc.schedule.kernel import Launch, Schedule, Workspace

ENTRY = "graphc_entry"


def emit_program(
    schedule: Schedule,
    slots: Mapping[Node | Workspace, int],
    symbols: Mapping[str, int],
    target: Target,
) -> ir.Module:
    """The module that runs a schedule, given the place of buffers and sizes in their tables."""
    module = ir.Module(name="graphc")
    module.triple = target.triple
    functions: dict[Hashable, ir.Function] = {}
    for kernel in schedule.distinct():
        name = f"kernel_{len(functions)}"
        functions[kernel.key()] = emit_kernel(module, name, kernel, target)
    type_ = ir.FunctionType(VOID, [POINTER, POINTER, POINTER])
    entry = ir.Function(module, type_, name=ENTRY)
    for argument, name in zip(entry.args, ("table", "sizes", "status"), strict=True):
        argument.name = name
    _emit_entry(entry, schedule, functions, slots, symbols)
    return module


def _emit_entry(
    entry: ir.Function,
    schedule: Schedule,
    functions: Mapping[Hashable, ir.Function],
    slots: Mapping[Node | Workspace, int],
    symbols: Mapping[str, int],
) -> None:
    """Call every kernel in turn; leave after one in which a check has failed."""
    table, sizes, status = entry.args
    scopes = Scopes(entry)
    builder = scopes.builder
    for name, k in symbols.items():
        scopes.bind(name, _entry_of(builder, sizes, k, I64))
    elements = Elements(scopes, {}, frozenset(), status, ir.Constant(I64, 0), {})
    first_site = 0
    for launch in schedule.launches:
        pointers = [_entry_of(builder, table, slots[b], POINTER) for b in launch.operands]
        dims = [scopes.find(name) for name in symbol_names(launch.kernel)]
        number = ir.Constant(I64, first_site)
        loop = outer_loop(launch.kernel)
        bounds = [ir.Constant(I64, 0), elements.size(loop.axis.extent)] if loop else []
        function = functions[launch.kernel.key()]
        builder.call(function, [*pointers, *dims, status, number, *bounds])
        if launch.sites:
            first_site += len(launch.sites)
            _leave_if_failed(builder, status)
    builder.ret_void()


def _entry_of(builder: ir.IRBuilder, table: ir.Value, k: int, type_: ir.Type) -> ir.Value:
    address = builder.gep(table, [ir.Constant(I64, k)], source_etype=type_)
    return builder.load(address, typ=type_)


def _leave_if_failed(builder: ir.IRBuilder, status: ir.Value) -> None:
    failed = builder.icmp_signed("!=", builder.load(status, typ=I64), ir.Constant(I64, 0))
    with builder.if_then(failed, likely=False):
        builder.ret_void()


def checked_sites(launches: tuple[Launch, ...]) -> list[Site]:
    """Where indices are checked, in the numbering of the entry."""
    return [site for launch in launches for site in launch.sites]


def optimize(module: ir.Module, target: Target) -> Any:
    """Parse, check and optimise a module. CompileError carries LLVM's own words."""
    try:
        parsed = llvm.parse_assembly(str(module))
        parsed.verify()
    except RuntimeError as error:
        raise CompileError(f"the generated code is not valid: {error}") from None
    builder = llvm.create_pass_builder(target.machine(), llvm.create_pipeline_tuning_options())
    passes = _light_passes()
    passes.run(parsed, builder)
    return parsed


def _light_passes() -> Any:
    """What the emitted code still needs: vectors, masks and hoisting are in it already.

    Ten times as fast as LLVM's default pipeline for it, and the code is smaller.
    """
    passes = llvm.create_new_module_pass_manager()
    passes.add_always_inliner_pass()
    passes.add_sroa_pass()
    passes.add_instruction_combine_pass()
    passes.add_simplify_cfg_pass()
    passes.add_new_gvn_pass()
    passes.add_dead_code_elimination_pass()
    return passes


def object_code(parsed: Any, target: Target) -> bytes:
    """Machine code of an optimised module, as a relocatable object file."""
    return bytes(target.machine().emit_object(parsed))


def assembly(parsed: Any, target: Target) -> str:
    """The same as text."""
    return str(target.machine().emit_assembly(parsed))
