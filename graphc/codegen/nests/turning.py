"""Rows and columns exchanged, as a function of its own that kernels call.

Turning a square in registers takes hundreds of shuffles, on which LLVM spends more time than on
the rest of a kernel. What it does depends on the size of an element alone, so there is one such
function for each size and distance of what is read, an object that all kernels of all programs
share.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from itertools import product

from llvmlite import ir

from graphc.codegen.expressions.access import (
    CLOSE,
    load_apart,
    load_picked,
    load_row,
    store_row,
)
from graphc.codegen.expressions.strides import exchanged
from graphc.codegen.nests.turned import TILE
from graphc.codegen.scopes import Scopes
from graphc.codegen.shared_objects import Emit
from graphc.codegen.target import Target
from graphc.codegen.values import I64, POINTER, VOID, lane_numbers, size_of, smaller, splat

#: Bytes of the elements that there are.
SIZES = (1, 2, 4, 8)

#: Rows and columns that are turned in registers at most; elements without masked vectors, which
#: LLVM then stores one by one, fewer at a time.
MOST, MOST_UNMASKED = 16, 8

_TYPE = ir.FunctionType(VOID, [POINTER, I64, POINTER, I64, I64, I64])


def turn_name(size: int, apart: int = 1) -> str:
    """What the function for elements of so many bytes, so far apart, is called."""
    return f"graphc_turn.{size}" + (f".{apart}" if apart > 1 else "")


def declare_turn(module: ir.Module, size: int, apart: int = 1) -> ir.Function:
    """The function, to be called from a module.

    `source, source_step, target, target_step, height, width`: puts the element `c * source_step +
    r * apart` of the source to `r * target_step + c` of the target, for `r` below `height` and `c`
    below `width`. It writes no others, and reads none but those that lie between.
    """
    name = turn_name(size, apart)
    known = module.globals.get(name)
    return known if known is not None else ir.Function(module, _TYPE, name=name)


def turns_called(
    modules: Collection[ir.Module], images: Collection[bytes], target: Target
) -> dict[str, Emit]:
    """The functions that modules, or objects of others, refer to: names, and what emits them."""
    names = {turn_name(*kind): kind for kind in product(SIZES, range(1, CLOSE + 1))}
    return {
        name: partial(emit_turn, size=size, target=target, apart=apart)
        for name, (size, apart) in names.items()
        if any(name in module.globals for module in modules)
        or any(name.encode() + b"\0" in image for image in images)
    }


def emit_turn(module: ir.Module, size: int, target: Target, apart: int = 1) -> None:
    """The function, in a module of its own."""
    lanes = _lanes(size, target)
    type_ = ir.VectorType(ir.IntType(8 * size), lanes)
    whole, part = _emit_whole(module, type_, apart), _emit_part(module, type_, apart)
    function = declare_turn(module, size, apart)
    function.attributes.add("nounwind")
    _emit_tiles(function, type_, whole, part, apart)


def _lanes(size: int, target: Target) -> int:
    most = MOST if size >= 4 or target.vector_bits >= 512 else MOST_UNMASKED
    return max(2, min(most, target.vector_bits // (8 * size)))


def _emit_tiles(
    function: ir.Function, type_: ir.Type, whole: ir.Function, part: ir.Function, apart: int
) -> None:
    """Tile by tile, so that lines that are read or written in parts are still in the cache."""
    source, source_step, goal, goal_step, height, width = function.args
    scopes, lanes = Scopes(function), I64(type_.count)

    def places(row: ir.Value, column: ir.Value) -> list[ir.Value]:
        there = scopes.builder.mul(row, I64(apart))
        start = _place(scopes.builder, type_, source, column, source_step, there)
        target = _place(scopes.builder, type_, goal, row, goal_step, column)
        return [start, source_step, target, goal_step]

    with (
        scopes.loop("tile.row", I64(0), height, TILE) as first_row,
        scopes.loop("tile.column", I64(0), width, TILE) as first_column,
    ):
        builder = scopes.builder
        rows = smaller(builder, builder.sub(height, first_row), I64(TILE))
        columns = smaller(builder, builder.sub(width, first_column), I64(TILE))
        full_rows, full_columns = (builder.and_(n, builder.neg(lanes)) for n in (rows, columns))
        builder.call(whole, [*places(first_row, first_column), full_rows, full_columns])
        parts = (
            (I64(0), full_columns, full_rows, rows),
            (full_columns, columns, I64(0), rows),
        )
        for left, right, top, bottom in parts:
            with (
                scopes.loop("column", left, right, type_.count) as column,
                scopes.loop("row", top, bottom, type_.count) as row,
            ):
                builder = scopes.builder
                at = (builder.add(first_row, row), builder.add(first_column, column))
                counts = [builder.sub(rows, row), builder.sub(columns, column)]
                builder.call(part, [*places(*at), *counts])
    scopes.builder.ret_void()


def _function(module: ir.Module, name: str, counts: int) -> ir.Function:
    """A function of two places, the distances of lines in them, and numbers of lines.

    It is not made part of the loops: LLVM would keep more addresses than there are registers.
    """
    kind = ir.FunctionType(VOID, [POINTER, I64, POINTER, I64, *[I64] * counts])
    function = ir.Function(module, kind, name=name)
    function.linkage = "internal"
    for attribute in ("nounwind", "noinline"):
        function.attributes.add(attribute)
    return function


def _emit_whole(module: ir.Module, type_: ir.Type, apart: int) -> ir.Function:
    """Rows and columns of a tile, as many of either as are a multiple of the lanes."""
    function = _function(module, "whole", 2)
    source, source_step, goal, goal_step, rows, columns = function.args
    scopes, lanes = Scopes(function), range(type_.count)
    with (
        scopes.loop("column", I64(0), columns, type_.count) as column,
        scopes.loop("row", I64(0), rows, type_.count) as row,
    ):
        builder = scopes.builder
        there = builder.mul(row, I64(apart))
        start = _place(builder, type_, source, column, source_step, there)
        target = _place(builder, type_, goal, row, goal_step, column)
        read = [
            _load(builder, type_, line, apart)
            for line in _lines(builder, start, [source_step for _ in lanes], type_)
        ]
        lines = _lines(builder, target, [goal_step for _ in lanes], type_)
        for row_read, line in zip(exchanged(builder, read), lines, strict=True):
            store_row(builder, row_read, line, None, size_of(type_.element))
    scopes.builder.ret_void()
    return function


def _load(builder: ir.IRBuilder, type_: ir.Type, line: ir.Value, apart: int) -> ir.Value:
    """Elements so far apart, and nothing behind the last of them."""
    if apart == 1:
        return load_row(builder, type_, line, None, size_of(type_.element))
    wanted = [apart * lane for lane in range(type_.count)]
    return load_picked(builder, type_, line, wanted, size_of(type_.element))


def _emit_part(module: ir.Module, type_: ir.Type, apart: int) -> ir.Function:
    """Some of the rows and columns that fit into registers.

    What does not exist is looked for where the last line is: an address without memory takes a
    processor hundreds of cycles even if nothing is read there.
    """
    function = _function(module, "part", 2)
    source, source_step, goal, goal_step, rows, columns = function.args
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    lanes, size = type_.count, size_of(type_.element)
    row_mask, column_mask = (
        builder.icmp_signed("<", lane_numbers(lanes), splat(builder, count, lanes))
        for count in (rows, columns)
    )
    has_row, has_column = (
        [builder.icmp_signed("<", I64(k), count) for k in range(lanes)] for count in (rows, columns)
    )
    steps = [builder.select(exists, source_step, I64(0)) for exists in has_column]
    places = _lines(builder, source, steps, type_)
    if apart == 1:
        read = [load_row(builder, type_, place, row_mask, size) for place in places]
    else:
        read = [load_apart(builder, type_, place, apart, row_mask) for place in places]
    steps = [builder.select(exists, goal_step, I64(0)) for exists in has_row]
    places = _lines(builder, goal, steps, type_)
    none = ir.Constant(column_mask.type, None)
    for k, line in enumerate(exchanged(builder, read)):
        mask = builder.select(has_row[k], column_mask, none)
        store_row(builder, line, places[k], mask, size)
    builder.ret_void()
    return function


def _place(
    builder: ir.IRBuilder, type_: ir.Type, base: ir.Value,
    line: ir.Value, step: ir.Value, place: ir.Value,
) -> ir.Value:  # fmt: skip
    offset = builder.add(builder.mul(line, step), place)
    return builder.gep(base, [offset], source_etype=type_.element)


def _lines(
    builder: ir.IRBuilder, first: ir.Value, steps: list[ir.Value], type_: ir.Type
) -> list[ir.Value]:
    """Where lines begin, each a step further than the one before."""
    found = [first]
    for step in steps[1:]:
        found.append(builder.gep(found[-1], [step], source_etype=type_.element))
    return found
