"""Small tables of constants, indexed in every lane.

Where a register holds half of the table or more, a lookup is written as a permutation, which is
what LLVM's x86 back end makes of it; in narrower vectors it is a gather from memory.
"""

from __future__ import annotations

from collections.abc import Sequence

from llvmlite import ir

from graphc.codegen.values import shaped, splat, undefined
from graphc.codegen.vecmath.arith import Lanes


def lookup(m: Lanes, name: str, table: Sequence[float], index: ir.Value) -> ir.Value:
    """The table's entry at the index modulo its length, a power of two, in every lane.

    The index is of the integer type of `m`. The name, with the type, names the table in the module.
    """
    wrapped = m.and_(index, len(table) - 1)
    if m.width == len(table):
        return _permuted(m, table, wrapped)
    if 2 * m.width == len(table):
        low, high = (_permuted(m, half, wrapped) for half in (table[: m.width], table[m.width :]))
        return m.select(m.int_lt(wrapped, m.width), low, high)
    return _gathered(m, name, table, wrapped)


def _permuted(m: Lanes, table: Sequence[float], index: ir.Value) -> ir.Value:
    """The entry at the index modulo the number of lanes, out of as many."""
    builder, place = m.builder, ir.IntType(32)
    position = m.and_(index, m.width - 1)
    source = ir.Constant(m.type, [ir.Constant(m.type.element, value) for value in table])
    result = undefined(m.type)
    for lane in range(m.width):
        where = builder.extract_element(position, place(lane))
        entry = builder.extract_element(source, where)
        result = builder.insert_element(result, entry, place(lane))
    return result


def _gathered(m: Lanes, name: str, table: Sequence[float], index: ir.Value) -> ir.Value:
    element = m.type.element if isinstance(m.type, ir.VectorType) else m.type
    entries = _global(m.builder.module, f"gc.{name}.f{m.bits}", element, table)
    offset = m.shl(index, m.bits // 32 + 1)
    if m.bits == 32:
        offset = m.builder.zext(offset, shaped(ir.IntType(64), m.width))
    return gather(m, entries, offset)


def gather(m: Lanes, source: ir.GlobalVariable, offsets: ir.Value) -> ir.Value:
    """The values `offsets` bytes into a global; where a target has no gather, one by one.

    The offsets are integers of 64 bits, as many as lanes.
    """
    builder = m.builder
    start = builder.ptrtoint(source, ir.IntType(64))
    if not isinstance(m.type, ir.VectorType):
        address = builder.add(start, offsets)
        return builder.load(builder.inttoptr(address, m.type.as_pointer()))
    addresses = builder.add(splat(builder, start, m.width), offsets)
    pointers = builder.inttoptr(addresses, ir.VectorType(ir.PointerType(), m.width))
    operands = [
        pointers,
        ir.Constant(ir.IntType(32), m.bits // 8),
        ir.Constant(ir.VectorType(ir.IntType(1), m.width), [1] * m.width),
        undefined(m.type),
    ]
    name = f"llvm.masked.gather.{m.suffix}.v{m.width}p0"
    function = builder.module.globals.get(name)
    if function is None:
        signature = ir.FunctionType(m.type, [operand.type for operand in operands])
        function = ir.Function(builder.module, signature, name=name)
    return builder.call(function, operands)


def _global(
    module: ir.Module, name: str, element: ir.Type, table: Sequence[float]
) -> ir.GlobalVariable:
    existing = module.globals.get(name)
    if existing is not None:
        return existing
    type_ = ir.ArrayType(element, len(table))
    variable = ir.GlobalVariable(module, type_, name=name)
    variable.linkage = "internal"
    variable.global_constant = True
    variable.initializer = ir.Constant(type_, list(table))
    return variable
