"""Machine code as text: LLVM's intermediate form, and assembly."""

from __future__ import annotations

from llvmlite import ir

from graphc.codegen import program
from graphc.codegen.kernels import emit_kernel
from graphc.compiler import Compilation
from graphc.inspection.kernels import checked_number
from graphc.inspection.view import Code, View


def llvm_view(compilation: Compilation, kernel: int | None = None, optimized: bool = False) -> View:
    """LLVM's intermediate form as emitted, or after LLVM's own passes.

    With a number, a module of that kernel alone.
    """
    module = _module(compilation, kernel)
    text = str(program.optimize(module, compilation.target) if optimized else module)
    return _view("llvm", text, compilation, kernel, optimized=optimized)


def asm_view(compilation: Compilation, kernel: int | None = None) -> View:
    """Assembly for the target machine; with a number, of that kernel alone."""
    parsed = program.optimize(_module(compilation, kernel), compilation.target)
    return _view("asm", program.assembly(parsed, compilation.target), compilation, kernel)


def _view(
    stage: str, text: str, compilation: Compilation, kernel: int | None, **further: bool
) -> View:
    target = compilation.target
    data = {
        "stage": stage,
        "name": compilation.graph.name,
        "target": {
            "triple": target.triple,
            "cpu": target.cpu,
            "features": target.features,
            "vector_bits": target.vector_bits,
        },
        "kernel": kernel,
        **further,
        "text": text.strip(),
    }
    return View(data, (Code(text.strip(), stage),))


def _module(compilation: Compilation, kernel: int | None) -> ir.Module:
    """The whole program's module, or a new one with the kernel under the name it has there."""
    assert compilation.module is not None and compilation.schedule is not None
    if kernel is None:
        return compilation.module
    number = checked_number(compilation.schedule, kernel)
    name = f"kernel_{number}"
    module = ir.Module(name=name)
    module.triple = compilation.target.triple
    emit_kernel(module, name, compilation.schedule.distinct()[number], compilation.target)
    return module
