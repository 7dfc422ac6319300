"""What the functions of the call path are written with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import IntEnum

from llvmlite import ir

from graphc.codegen.calls.layout import Links, NumPyArray
from graphc.codegen.threads.pool_function import counted
from graphc.codegen.values import I8, I32, I64, POINTER, VOID, overloaded

NULL = ir.Constant(POINTER, None)
ZERO, ONE = I64(0), I64(1)


class Writer:
    """A function under construction. Structs are addressed by the enums of `layout`."""

    def __init__(
        self, module: ir.Module, name: str, result: ir.Type, parameters: Sequence[ir.Type]
    ) -> None:
        self.function = ir.Function(module, ir.FunctionType(result, parameters), name=name)
        self.arguments = self.function.args
        self.builder = ir.IRBuilder(self.function.append_basic_block("entry"))

    def internal(self) -> None:
        """Let the function be known in its module only."""
        self.function.linkage = "internal"

    def at(
        self, base: ir.Value, field: int, row: ir.Value | None = None, width: int = 1
    ) -> ir.Value:
        """The address of a word of a struct, or of the row-th of those in an array of them."""
        place: ir.Value = I64(int(field))
        if row is not None:
            place = self.builder.add(self.builder.mul(row, I64(width)), place)
        return self.builder.gep(base, [place], source_etype=I64)

    def load(self, base: ir.Value, field: int) -> ir.Value:
        """A number in a struct."""
        return self.builder.load(self.at(base, field), typ=I64)

    def pointer(self, base: ir.Value, field: int) -> ir.Value:
        """An address in a struct."""
        return self.builder.load(self.at(base, field), typ=POINTER)

    def store(self, value: ir.Value, base: ir.Value, field: int) -> None:
        self.builder.store(value, self.at(base, field))

    def row(self, array: ir.Value, layout: type[IntEnum], k: ir.Value) -> ir.Value:
        """The k-th struct of an array."""
        return self.at(array, 0, k, len(layout))

    def number_at(self, array: ir.Value, k: ir.Value) -> ir.Value:
        """The k-th number of an array."""
        return self.builder.load(self.at(array, 0, k), typ=I64)

    def pointer_at(self, array: ir.Value, k: ir.Value) -> ir.Value:
        """The k-th address of an array."""
        return self.builder.load(self.at(array, 0, k), typ=POINTER)

    def set_slot(self, value: ir.Value, table: ir.Value, slot: ir.Value) -> None:
        self.builder.store(value, self.at(table, 0, slot))

    def bytes_from(self, base: ir.Value, count: ir.Value | int) -> ir.Value:
        """The address so many bytes further on."""
        number = I64(int(count)) if isinstance(count, int) else count
        return self.builder.gep(base, [number], source_etype=I8)

    # Arrays of NumPy --------------------------------------------------------------------------

    def array_pointer(self, array: ir.Value, field: NumPyArray) -> ir.Value:
        return self.builder.load(self.bytes_from(array, field), typ=POINTER)

    def array_int(self, array: ir.Value, field: NumPyArray) -> ir.Value:
        """A field that is a C int, widened."""
        number = self.builder.load(self.bytes_from(array, field), typ=I32)
        return self.builder.sext(number, I64)

    # Conditions -------------------------------------------------------------------------------

    def same(self, a: ir.Value, b: ir.Value) -> ir.Value:
        return self.builder.icmp_unsigned("==", a, b)

    def differ(self, a: ir.Value, b: ir.Value) -> ir.Value:
        return self.builder.icmp_unsigned("!=", a, b)

    def less(self, a: ir.Value, b: ir.Value) -> ir.Value:
        return self.builder.icmp_signed("<", a, b)

    def is_null(self, pointer: ir.Value) -> ir.Value:
        return self.same(pointer, NULL)

    def nonzero(self, number: ir.Value) -> ir.Value:
        return self.differ(number, ZERO)

    @contextmanager
    def when(self, condition: ir.Value, likely: bool | None = None) -> Iterator[None]:
        with self.builder.if_then(condition, likely=likely):
            yield

    def leave_if(self, condition: ir.Value, result: ir.Value | None = None) -> None:
        """Return in the unlikely case that the condition holds."""
        with self.builder.if_then(condition, likely=False):
            self.leave(result)

    def leave(self, result: ir.Value | None = None) -> None:
        if result is None:
            self.builder.ret_void()
        else:
            self.builder.ret(result)

    @contextmanager
    def counted(self, count: ir.Value) -> Iterator[ir.Value]:
        """Run the code inside for 0, 1, ..., count - 1. It may leave the function."""
        with counted(self.builder, count) as k:
            yield k

    def variable(self, value: ir.Value) -> ir.Value:
        """A place on the stack for a value that changes."""
        with self.builder.goto_entry_block():
            place = self.builder.alloca(value.type)
        place.type = POINTER
        self.builder.store(value, place)
        return place

    # Functions --------------------------------------------------------------------------------

    def call(self, name: str, *arguments: ir.Value, result: ir.Type = POINTER) -> ir.Value:
        """Call a function of Python's C API, or of the module."""
        return overloaded(self.builder, name, result, *arguments)

    def call_field(
        self, base: ir.Value, field: int, result: ir.Type, *arguments: ir.Value
    ) -> ir.Value:
        """Call the function whose address is in a struct."""
        type_ = ir.FunctionType(result, [argument.type for argument in arguments])
        function = self.builder.load(self.at(base, field), typ=type_.as_pointer())
        return self.builder.call(function, list(arguments))

    def acquire(self, thing: ir.Value) -> None:
        """Count a reference to a Python object."""
        self.call("Py_IncRef", thing, result=VOID)

    def release(self, thing: ir.Value) -> None:
        """Give up a reference to a Python object."""
        self.call("Py_DecRef", thing, result=VOID)

    def call_method(self, links: ir.Value, name: Links, *arguments: ir.Value) -> ir.Value:
        """Call a method of the first argument by its name; a new reference, or null."""
        given = self.builder.alloca(POINTER, len(arguments))
        given.type = POINTER
        for k, argument in enumerate(arguments):
            self.store(argument, given, k)
        return self.call(
            "PyObject_VectorcallMethod",
            self.pointer(links, name), given, I64(len(arguments)), NULL,
        )  # fmt: skip
