"""The table of vector functions, and the call of one as a function of the module.

Each function is emitted once per module and value type, as an internal `alwaysinline` function such
as `@gc.exp.v16f32`; LLVM's always-inliner puts its body where it is called.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable

from llvmlite import ir

from graphc.codegen.vecmath import (
    error_function,
    exponential,
    gamma,
    hyperbolic,
    inverse_hyperbolic,
    inverse_trigonometry,
    logarithm,
    power,
    roots,
    trigonometry,
)
from graphc.codegen.vecmath.arith import Lanes

Formula = Callable[..., ir.Value]
"""Takes a `Lanes` and one value of its type per argument, and returns a value of its type."""

FUNCTIONS: dict[str, Formula] = {
    **exponential.FUNCTIONS,
    **logarithm.FUNCTIONS,
    **power.FUNCTIONS,
    **roots.FUNCTIONS,
    **hyperbolic.FUNCTIONS,
    **inverse_hyperbolic.FUNCTIONS,
    **trigonometry.FUNCTIONS,
    **inverse_trigonometry.FUNCTIONS,
    **error_function.FUNCTIONS,
    **gamma.FUNCTIONS,
}


def arity(name: str) -> int:
    """How many arguments the function called `name` takes; KeyError for an unknown name."""
    return len(inspect.signature(FUNCTIONS[name]).parameters) - 1


def call(builder: ir.IRBuilder, name: str, *args: ir.Value) -> ir.Value:
    """Emit a call of the vector function `name` on values of one type: float, double or vectors.

    Raises KeyError for an unknown name and TypeError for a wrong number or types of arguments.
    """
    if len(args) != arity(name):
        raise TypeError(f"{name} takes {arity(name)} arguments, got {len(args)}")
    if any(arg.type != args[0].type for arg in args):
        raise TypeError(f"{name} got arguments of types {[str(arg.type) for arg in args]}")
    return builder.call(_function(builder.module, name, args[0].type), args)


def _function(module: ir.Module, name: str, type_: ir.Type) -> ir.Function:
    """The module's function for `name` at `type_`, emitted when it is first asked for."""
    builder = ir.IRBuilder()
    lanes = Lanes(builder, type_)
    symbol = f"gc.{name}.{lanes.suffix}"
    existing = module.globals.get(symbol)
    if existing is not None:
        return existing
    function = ir.Function(module, ir.FunctionType(type_, [type_] * arity(name)), name=symbol)
    function.linkage = "internal"
    function.attributes.add("alwaysinline")
    function.attributes.add("nounwind")
    builder.position_at_end(function.append_basic_block("entry"))
    builder.ret(FUNCTIONS[name](lanes, *function.args))
    return function
