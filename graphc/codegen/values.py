"""LLVM's types for graphc's dtypes, and small pieces of IR that every emitter needs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from llvmlite import ir

from graphc.ir.dtypes import DType

I1, I8, I32, I64 = ir.IntType(1), ir.IntType(8), ir.IntType(32), ir.IntType(64)
POINTER = ir.PointerType()
VOID = ir.VoidType()


def register_type(dtype: DType) -> ir.Type:
    """How an element is held in a register: a bool is one bit."""
    if dtype.is_float:
        return ir.FloatType() if dtype.bits == 32 else ir.DoubleType()
    return ir.IntType(dtype.bits)


def memory_type(dtype: DType) -> ir.Type:
    """How an element lies in memory: a bool takes a byte."""
    return I8 if dtype.is_bool else register_type(dtype)


def size_of(type_: ir.Type) -> int:
    """Bytes that values of a type take in memory."""
    match type_:
        case ir.ArrayType() | ir.VectorType():
            return int(type_.count) * size_of(type_.element)
        case ir.IntType():
            return -(-int(type_.width) // 8)
        case ir.HalfType():
            return 2
        case ir.FloatType():
            return 4
        case _:  # doubles and pointers
            return 8


def is_vector(value: ir.Value) -> bool:
    """Whether the value has lanes."""
    return isinstance(value.type, ir.VectorType)


def lane_count(value: ir.Value) -> int:
    """Lanes of a vector, 1 for a scalar."""
    return int(value.type.count) if is_vector(value) else 1


def shaped(element: ir.Type, lanes: int) -> ir.Type:
    """The element type, or a vector of it."""
    return element if lanes == 1 else ir.VectorType(element, lanes)


class WrittenConstant(ir.FormattedConstant):  # type: ignore[misc]
    """A constant in LLVM's notation. For vectors llvmlite's own makes an object a lane, slowly."""

    def __init__(self, type_: ir.Type, text: str) -> None:
        self.type, self.constant = type_, text


def splat_constant(type_: ir.Type, element: ir.Constant) -> ir.Value:
    """The vector constant with one element in every lane, in LLVM's short notation."""
    return WrittenConstant(type_, f"splat ({element.type} {element.get_reference()})")


def undefined(type_: ir.Type) -> ir.Value:
    """Any value of the type."""
    return WrittenConstant(type_, "undef")


def zeros(type_: ir.Type) -> ir.Value:
    """Zero, in every lane of a vector."""
    return WrittenConstant(type_, "zeroinitializer")


def lanes_constant(numbers: Sequence[int], element: ir.Type) -> ir.Value:
    """The vector of these numbers; for the mask of a shuffle see `lane_order`."""
    text = ", ".join([f"{element} {number}" for number in numbers])
    return WrittenConstant(ir.VectorType(element, len(numbers)), f"<{text}>")


@cache
def lane_order(lanes: range) -> ir.Value:
    """The mask of a shuffle that takes these lanes."""
    return ir.Constant(ir.VectorType(I32, len(lanes)), list(lanes))


@cache
def _first_lane(lanes: int) -> ir.Value:
    """The mask of a shuffle that takes the first lane everywhere."""
    return ir.Constant(ir.VectorType(I32, lanes), None)


def splat(builder: ir.IRBuilder, value: ir.Value, lanes: int) -> ir.Value:
    """The scalar in every lane; what is a vector already stays."""
    if lanes == 1 or is_vector(value):
        return value
    type_ = ir.VectorType(value.type, lanes)
    if isinstance(value, ir.Constant):
        return splat_constant(type_, value)
    first = builder.insert_element(undefined(type_), value, ir.Constant(I32, 0))
    return builder.shuffle_vector(first, undefined(type_), _first_lane(lanes))


def same_width(builder: ir.IRBuilder, values: Sequence[ir.Value]) -> list[ir.Value]:
    """The values with scalars repeated if any of them is a vector."""
    lanes = max((lane_count(value) for value in values), default=1)
    return [splat(builder, value, lanes) for value in values]


def lane_numbers(lanes: int) -> ir.Value:
    """The vector 0, 1, 2, ... of int64."""
    return lanes_constant(range(lanes), I64)


def constant_like(value: ir.Value, number: float | int) -> ir.Value:
    """A number of the value's type, in every lane of it."""
    if not is_vector(value):
        return ir.Constant(value.type, number)
    return splat_constant(value.type, ir.Constant(value.type.element, number))


def intrinsic(builder: ir.IRBuilder, name: str, result: ir.Type, *args: ir.Value) -> ir.Value:
    """Call an LLVM intrinsic overloaded on its result type alone."""
    return overloaded(builder, f"{name}.{suffix(result)}", result, *args)


def overloaded(builder: ir.IRBuilder, name: str, result: ir.Type, *args: ir.Value) -> ir.Value:
    """Call an LLVM intrinsic by its full name, declaring it in the module once."""
    return builder.call(declared(builder, name, result, *args), args)


def declared(builder: ir.IRBuilder, name: str, result: ir.Type, *args: ir.Value) -> ir.Function:
    """An LLVM intrinsic by its full name."""
    module = builder.module
    function = module.globals.get(name)
    if function is None:
        type_ = ir.FunctionType(result, [arg.type for arg in args])
        function = ir.Function(module, type_, name=name)
    return function


def suffix(type_: ir.Type) -> str:
    """How a type is spelt in the name of an intrinsic."""
    if isinstance(type_, ir.VectorType):
        return f"v{type_.count}{suffix(type_.element)}"
    if isinstance(type_, ir.PointerType):
        return "p0"
    names = {"float": "f32", "double": "f64"}
    return names.get(str(type_), str(type_))


def smaller(builder: ir.IRBuilder, a: ir.Value, b: ir.Value) -> ir.Value:
    """The smaller of two numbers."""
    return builder.select(builder.icmp_signed("<", a, b), a, b)


def larger(builder: ir.IRBuilder, a: ir.Value, b: ir.Value) -> ir.Value:
    """The larger of two numbers."""
    return builder.select(builder.icmp_signed(">", a, b), a, b)


def any_lane(builder: ir.IRBuilder, condition: ir.Value) -> ir.Value:
    """Whether a condition holds in some lane."""
    if not is_vector(condition):
        return condition
    name = f"llvm.vector.reduce.or.{suffix(condition.type)}"
    return overloaded(builder, name, I1, condition)


def both(builder: ir.IRBuilder, first: ir.Value | None, second: ir.Value | None) -> ir.Value | None:
    """The conjunction of two masks, where None stands for all."""
    if first is None or second is None:
        return second if first is None else first
    left, right = same_width(builder, [first, second])
    return builder.and_(left, right)
