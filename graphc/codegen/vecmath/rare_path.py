"""A slow formula for the few lanes that need it, behind one branch and mostly out of line.

The branch is taken when any lane of a vector needs the formula, so the common case pays for one
comparison. Lanes that do not need it keep their usual value, so a lane's result never depends on
its neighbours.
"""

from __future__ import annotations

from collections.abc import Callable

from llvmlite import ir

from graphc.codegen.vecmath.arith import Lanes

Formula = Callable[..., ir.Value]


def replace_where(
    m: Lanes, condition: ir.Value, usual: ir.Value, name: str, formula: Formula, *args: ir.Value
) -> ir.Value:
    """`usual`, but formula(lanes, *args) in the lanes where `condition` holds.

    `args` and both results are of the type of `m`. The formula becomes the internal function
    `@gc.<name>.<type>` of the module; all of its calls must mean the same formula.
    """
    function = _outlined(m, name, formula, len(args))
    return _behind_branch(m, condition, usual, lambda: m.builder.call(function, args))


def replace_inline_where(
    m: Lanes, condition: ir.Value, usual: ir.Value, formula: Formula, *args: ir.Value
) -> ir.Value:
    """As `replace_where`, with the formula in place: for short ones, which a call would outweigh.

    A call makes its caller save every vector register.
    """
    return _behind_branch(m, condition, usual, lambda: formula(m, *args))


def _behind_branch(
    m: Lanes, condition: ir.Value, usual: ir.Value, emit: Callable[[], ir.Value]
) -> ir.Value:
    builder = m.builder
    before = builder.block
    with builder.if_then(_any_lane(m, condition), likely=False):
        replaced = m.select(condition, emit(), usual)
        after = builder.block
    result = builder.phi(m.type)
    result.add_incoming(usual, before)
    result.add_incoming(replaced, after)
    return result


def _any_lane(m: Lanes, condition: ir.Value) -> ir.Value:
    """Whether `condition` holds in some lane: one i1."""
    if not isinstance(condition.type, ir.VectorType):
        return condition
    module = m.builder.module
    name = f"llvm.vector.reduce.or.v{condition.type.count}i1"
    function = module.globals.get(name)
    if function is None:
        function = ir.Function(module, ir.FunctionType(ir.IntType(1), [condition.type]), name=name)
    return m.builder.call(function, [condition])


def _outlined(m: Lanes, name: str, formula: Formula, arity: int) -> ir.Function:
    """The module's function for `formula` at the type of `m`, emitted when first asked for."""
    module = m.builder.module
    symbol = f"gc.{name}.{m.suffix}"
    existing = module.globals.get(symbol)
    if existing is not None:
        return existing
    function = ir.Function(module, ir.FunctionType(m.type, [m.type] * arity), name=symbol)
    function.linkage = "internal"
    for attribute in ("noinline", "cold", "nounwind"):
        function.attributes.add(attribute)
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    builder.ret(formula(Lanes(builder, m.type), *function.args))
    return function
