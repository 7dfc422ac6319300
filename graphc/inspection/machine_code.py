"""Machine code as text: LLVM's intermediate form, and assembly."""

from __future__ import annotations

from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir

from graphc.codegen import translation
from graphc.codegen.kernels import function_name
from graphc.compiler import Compilation
from graphc.inspection.kernels import checked_number
from graphc.inspection.view import Code, View


def llvm_view(compilation: Compilation, kernel: int | None = None, optimized: bool = False) -> View:
    """LLVM's intermediate form as emitted, or after LLVM's own passes, as one module.

    With a number, of that kernel alone.
    """
    text = str(_linked(compilation, kernel, optimized))
    return _view("llvm", text, compilation, kernel, optimized=optimized)


def asm_view(compilation: Compilation, kernel: int | None = None) -> View:
    """Assembly for the target machine; with a number, of that kernel alone."""
    text = translation.assembly(_linked(compilation, kernel, True), compilation.target)
    return _view("asm", text, compilation, kernel)


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


def _linked(compilation: Compilation, kernel: int | None, optimized: bool) -> Any:
    """What the compiler makes in parts as one module of LLVM's."""
    first, *others = _modules(compilation, kernel)

    def parsed(module: ir.Module) -> Any:
        if optimized:
            return translation.optimize(module, compilation.target)
        return llvm.parse_assembly(str(module))

    whole = parsed(first)
    for module in others:
        whole.link_in(parsed(module))
    return whole


def _modules(compilation: Compilation, kernel: int | None) -> list[ir.Module]:
    """The modules of a whole program, the entry last, or the one of a kernel."""
    assert compilation.modules is not None and compilation.schedule is not None
    if kernel is None:
        return list(compilation.modules.values())
    number = checked_number(compilation.schedule, kernel)
    name = function_name(compilation.schedule.distinct()[number])
    return [compilation.modules[name]]
