"""Whether arguments are just what a program takes: arrays of its dtypes and of known shapes.

A float of Python's or NumPy's does for a float64 without dims, NumPy's float32 for a float32.
Anything else is left to Python, which converts it or says what is wrong.
"""

from __future__ import annotations

from llvmlite import ir

from graphc.codegen.calls.layout import (
    ALIGNED,
    CONTIGUOUS,
    WRITABLE,
    Buffer,
    Call,
    Links,
    NumPyArray,
    Program,
    Signature,
)
from graphc.codegen.calls.writer import NULL, ZERO, Writer
from graphc.codegen.values import I1, I64, POINTER

FITS, FIND, SAME_DIMS, USABLE = "gc.fits", "gc.find", "gc.same_dims", "gc.usable"
IS_NUMBER = "gc.is_number"


def emit_matching(module: ir.Module) -> None:
    """The functions below, for the others of the call path."""
    _emit_same_dims(module)
    _emit_fits(module)
    _emit_is_number(module)
    _emit_find(module)
    _emit_usable(module)


def _emit_same_dims(module: ir.Module) -> None:
    """`i1 same_dims(array, dims, i64 rank)`."""
    w = Writer(module, SAME_DIMS, I1, [POINTER, POINTER, I64])
    w.internal()
    array, dims, rank = w.arguments
    w.leave_if(w.same(rank, ZERO), I1(1))  # it may be no array
    own = w.array_pointer(array, NumPyArray.DIMS)
    with w.counted(rank) as k:
        w.leave_if(w.differ(w.number_at(own, k), w.number_at(dims, k)), I1(0))
    w.leave(I1(1))


def _emit_fits(module: ir.Module) -> None:
    """`i1 fits(links, object, buffer, i64 flags)`: whether it is an array that code can use.

    Not of a subclass, of that very dtype (and so byte order), with those flags and as many dims.
    """
    w = Writer(module, FITS, I1, [POINTER, POINTER, POINTER, I64])
    w.internal()
    links, given, buffer, flags = w.arguments
    type_ = w.array_pointer(given, NumPyArray.TYPE)
    w.leave_if(w.differ(type_, w.pointer(links, Links.ARRAY_TYPE)), I1(0))
    descr = w.array_pointer(given, NumPyArray.DESCR)
    w.leave_if(w.differ(descr, w.pointer(buffer, Buffer.DESCR)), I1(0))
    found = w.builder.and_(w.array_int(given, NumPyArray.FLAGS), flags)
    w.leave_if(w.differ(found, flags), I1(0))
    rank = w.array_int(given, NumPyArray.RANK)
    w.leave(w.same(rank, w.load(buffer, Buffer.RANK)))


def _emit_is_number(module: ir.Module) -> None:
    """`i1 is_number(links, object, buffer)`: whether it is a float of the dtype, without dims."""
    w = Writer(module, IS_NUMBER, I1, [POINTER, POINTER, POINTER])
    w.internal()
    links, given, buffer = w.arguments
    w.leave_if(w.nonzero(w.load(buffer, Buffer.RANK)), I1(0))
    wanted = w.pointer(buffer, Buffer.DESCR)
    type_ = w.array_pointer(given, NumPyArray.TYPE)
    is_single = w.same(type_, w.pointer(links, Links.FLOAT32_TYPE))
    single = w.same(wanted, w.pointer(links, Links.FLOAT32))
    w.leave_if(w.builder.and_(is_single, single), I1(1))
    w.leave_if(w.differ(wanted, w.pointer(links, Links.FLOAT64)), I1(0))
    kinds = (Links.FLOAT_TYPE, Links.FLOAT64_TYPE)
    plain, numpy = (w.same(type_, w.pointer(links, kind)) for kind in kinds)
    w.leave(w.builder.or_(plain, numpy))


def _emit_find(module: ir.Module) -> None:
    """`ptr find(call, arguments)`: the signature of the arguments' shapes, or null.

    It becomes the first of the program's signatures.
    """
    w = Writer(module, FIND, POINTER, [POINTER, POINTER])
    w.internal()
    call, arguments = w.arguments
    program = w.pointer(call, Call.PROGRAM)
    numbers, inputs = w.pointer(call, Call.ARGUMENTS), w.pointer(program, Program.INPUT)
    count = w.load(program, Program.INPUTS)
    _refuse_others(w, call, arguments)
    before = w.variable(NULL)
    signature = w.variable(w.pointer(program, Program.SIGNATURES))
    look, compare = (w.builder.append_basic_block(name) for name in ("look", "compare"))
    w.builder.branch(look)
    w.builder.position_at_end(look)
    here = w.pointer(signature, 0)
    w.leave_if(w.is_null(here), NULL)
    w.builder.branch(compare)
    w.builder.position_at_end(compare)
    following = w.builder.append_basic_block("following")
    dims = w.variable(w.pointer(here, Signature.DIMS))
    with w.counted(count) as k:
        given = w.pointer_at(arguments, w.number_at(numbers, k))
        rank = w.load(w.row(inputs, Buffer, k), Buffer.RANK)
        wanted = w.pointer(dims, 0)
        alike = w.call(SAME_DIMS, given, wanted, rank, result=I1)
        onwards = w.builder.append_basic_block("alike")
        w.builder.cbranch(alike, onwards, following)
        w.builder.position_at_end(onwards)
        w.store(w.at(wanted, 0, rank), dims, 0)
    _to_front(w, program, here, w.pointer(before, 0))
    w.leave(here)
    w.builder.position_at_end(following)
    w.store(here, before, 0)
    w.store(w.pointer(here, Signature.NEXT), signature, 0)
    w.builder.branch(look)


def _refuse_others(w: Writer, call: ir.Value, arguments: ir.Value) -> None:
    """Leave with null if an argument is neither an array that code can use nor a number."""
    program = w.pointer(call, Call.PROGRAM)
    numbers, inputs = w.pointer(call, Call.ARGUMENTS), w.pointer(program, Program.INPUT)
    links, flags = w.pointer(call, Call.LINKS), I64(CONTIGUOUS | ALIGNED)
    with w.counted(w.load(program, Program.INPUTS)) as k:
        given = w.pointer_at(arguments, w.number_at(numbers, k))
        buffer = w.row(inputs, Buffer, k)
        fits = w.call(FITS, links, given, buffer, flags, result=I1)
        with w.when(w.builder.not_(fits), likely=False):
            number = w.call(IS_NUMBER, links, given, buffer, result=I1)
            w.leave_if(w.builder.not_(number), NULL)


def _to_front(w: Writer, program: ir.Value, signature: ir.Value, before: ir.Value) -> None:
    with w.when(w.differ(before, NULL)):
        w.store(w.pointer(signature, Signature.NEXT), before, Signature.NEXT)
        w.store(w.pointer(program, Program.SIGNATURES), signature, Signature.NEXT)
        w.store(signature, program, Program.SIGNATURES)


def _emit_usable(module: ir.Module) -> None:
    """`i1 usable(call, signature, table, i64 output, object)`: whether it can take an output.

    It must overlap no placeholder, whose addresses are in the table, and no output before it.
    """
    w = Writer(module, USABLE, I1, [POINTER, POINTER, POINTER, I64, POINTER])
    w.internal()
    call, signature, table, output, given = w.arguments
    program = w.pointer(call, Call.PROGRAM)
    outputs = w.pointer(program, Program.OUTPUT)
    buffer = w.row(outputs, Buffer, output)
    flags = I64(CONTIGUOUS | ALIGNED | WRITABLE)
    fits = w.call(FITS, w.pointer(call, Call.LINKS), given, buffer, flags, result=I1)
    w.leave_if(w.builder.not_(fits), I1(0))
    dims = w.pointer_at(w.pointer(signature, Signature.OUTPUT_DIMS), output)
    alike = w.call(SAME_DIMS, given, dims, w.load(buffer, Buffer.RANK), result=I1)
    w.leave_if(w.builder.not_(alike), I1(0))
    sizes = w.pointer(signature, Signature.OUTPUT_BYTES)
    begin = w.builder.ptrtoint(w.array_pointer(given, NumPyArray.DATA), I64)
    end = w.builder.add(begin, w.number_at(sizes, output))
    inputs = w.pointer(program, Program.INPUT)
    input_sizes = w.pointer(signature, Signature.INPUT_BYTES)
    with w.counted(w.load(program, Program.INPUTS)) as k:
        _refuse_overlap(w, begin, end, table, w.row(inputs, Buffer, k), w.number_at(input_sizes, k))
    with w.counted(output) as k:
        _refuse_overlap(w, begin, end, table, w.row(outputs, Buffer, k), w.number_at(sizes, k))
    w.leave(I1(1))


def _refuse_overlap(
    w: Writer, begin: ir.Value, end: ir.Value, table: ir.Value, buffer: ir.Value, size: ir.Value
) -> None:
    start = w.number_at(table, w.load(buffer, Buffer.SLOT))
    stop = w.builder.add(start, size)
    before = w.builder.icmp_unsigned("<", begin, stop)
    overlap = w.builder.and_(before, w.builder.icmp_unsigned("<", start, end))
    not_empty = w.builder.and_(w.differ(begin, end), w.differ(start, stop))
    w.leave_if(w.builder.and_(overlap, not_empty), I1(0))
