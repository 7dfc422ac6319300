"""The object that a call returns: one array, or a list or tuple of arrays and Nones."""

from __future__ import annotations

from llvmlite import ir

from graphc.codegen.calls.blocks import emit_blocks, new_array
from graphc.codegen.calls.layout import (
    Buffer,
    Call,
    Form,
    Links,
    NumPyArray,
    Program,
)
from graphc.codegen.calls.matching import USABLE
from graphc.codegen.calls.writer import NULL, ZERO, Writer
from graphc.codegen.values import I1, I32, I64, POINTER

RESULTS, _PLACE, _ITEM = "gc.results", "gc.place", "gc.item"


def emit_results(module: ir.Module) -> None:
    """`ptr results(call, signature, table, out)`: the result, its arrays' addresses in the table.

    A new reference; null if `out` is not just as it should be, or with an exception. The arrays
    are those of `out` where it has some, else new ones without content.
    """
    emit_blocks(module)
    _emit_place(module)
    _emit_item(module)
    w = Writer(module, RESULTS, POINTER, [POINTER] * 4)
    w.internal()
    call, signature, table, out = w.arguments
    items, form = w.pointer(call, Call.ITEM), w.load(call, Call.FORM)
    with w.when(w.same(form, I64(Form.SINGLE)), likely=True):
        w.leave(w.call(_ITEM, call, signature, table, w.load(items, 0), out))
    links, count = w.pointer(call, Call.LINKS), w.load(call, Call.ITEMS)
    is_list = w.same(form, I64(Form.LIST))
    _check_out(w, links, out, count)
    with w.builder.if_else(is_list) as (as_list, as_tuple):
        with as_list:
            new_list = w.call("PyList_New", count)
            list_end = w.builder.block
        with as_tuple:
            new_tuple = w.call("PyTuple_New", count)
            tuple_end = w.builder.block
    result = w.builder.phi(POINTER)
    result.add_incoming(new_list, list_end)
    result.add_incoming(new_tuple, tuple_end)
    w.leave_if(w.is_null(result), NULL)
    with w.counted(count) as k:
        given = _given(w, links, out, k)
        item = w.call(_ITEM, call, signature, table, w.number_at(items, k), given)
        with w.when(w.is_null(item), likely=False):
            w.release(result)
            w.leave(NULL)
        with w.builder.if_else(is_list) as (to_list, to_tuple):
            with to_list:
                w.call("PyList_SetItem", result, k, item, result=I32)
            with to_tuple:
                w.call("PyTuple_SetItem", result, k, item, result=I32)
    w.leave(result)


def _check_out(w: Writer, links: ir.Value, out: ir.Value, count: ir.Value) -> None:
    """Leave unless `out` is null, or a list or tuple of the right length."""
    with w.when(w.differ(out, NULL)):
        type_ = w.array_pointer(out, NumPyArray.TYPE)
        of_list = w.same(type_, w.pointer(links, Links.LIST_TYPE))
        of_tuple = w.same(type_, w.pointer(links, Links.TUPLE_TYPE))
        w.leave_if(w.builder.not_(w.builder.or_(of_list, of_tuple)), NULL)
        w.leave_if(w.differ(w.call("PySequence_Size", out, result=I64), count), NULL)


def _given(w: Writer, links: ir.Value, out: ir.Value, k: ir.Value) -> ir.Value:
    """The k-th item of `out`, borrowed, or null."""
    given = w.variable(NULL)
    w.store(NULL, given, 0)
    with w.when(w.differ(out, NULL)):
        type_ = w.array_pointer(out, NumPyArray.TYPE)
        of_list = w.same(type_, w.pointer(links, Links.LIST_TYPE))
        with w.builder.if_else(of_list) as (from_list, from_tuple):
            with from_list:
                w.store(w.call("PyList_GetItem", out, k), given, 0)
            with from_tuple:
                w.store(w.call("PyTuple_GetItem", out, k), given, 0)
    return w.pointer(given, 0)


def _emit_item(module: ir.Module) -> None:
    """`ptr item(call, signature, table, i64 output, given)`: None, or the output's array.

    `given` is null or an item of `out`, which is None where no array is given.
    """
    w = Writer(module, _ITEM, POINTER, [POINTER, POINTER, POINTER, I64, POINTER])
    w.internal()
    call, signature, table, output, given = w.arguments
    none = w.pointer(w.pointer(call, Call.LINKS), Links.NONE)
    nothing = w.builder.or_(w.is_null(given), w.same(given, none))
    with w.when(w.less(output, ZERO)):
        w.leave_if(w.builder.not_(nothing), NULL)
        w.acquire(none)
        w.leave(none)
    given = w.builder.select(nothing, NULL, given)
    w.leave(w.call(_PLACE, call, signature, table, output, given))


def _emit_place(module: ir.Module) -> None:
    """`ptr place(call, signature, table, i64 output, given)`: the array, its address in the table.

    A new one if `given` is null.
    """
    w = Writer(module, _PLACE, POINTER, [POINTER, POINTER, POINTER, I64, POINTER])
    w.internal()
    call, signature, table, output, given = w.arguments
    outputs = w.pointer(w.pointer(call, Call.PROGRAM), Program.OUTPUT)
    buffer = w.row(outputs, Buffer, output)
    array = w.variable(given)
    with w.builder.if_else(w.is_null(given)) as (fresh, reused):
        with fresh:
            w.store(new_array(w, call, signature, output, buffer), array, 0)
        with reused:
            usable = w.call(USABLE, call, signature, table, output, given, result=I1)
            w.leave_if(w.builder.not_(usable), NULL)
            w.acquire(given)
    data = w.array_pointer(w.pointer(array, 0), NumPyArray.DATA)
    w.set_slot(data, table, w.load(buffer, Buffer.SLOT))
    w.leave(w.pointer(array, 0))
