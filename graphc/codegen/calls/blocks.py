"""New arrays for results. Large ones take over the memory of results that nobody refers to.

Fresh memory costs page faults, and allocators give what is large back to the system as soon as it
is freed. So a signature keeps *blocks*: arrays that own the memory, up to `MOST_BLOCKS` for each
output. A result is a view of a block, and refers to it as long as it lives, or any view of it. So
a block is free if the only reference to it is the signature's.

Nobody can come between looking at that and taking a reference, for both are done under the GIL
and neither runs Python code. Making an array may run some: look at everything again after it.
"""

from __future__ import annotations

from llvmlite import ir

from graphc.codegen.calls.layout import (
    ALIGNED,
    CONTIGUOUS,
    LARGE_BYTES,
    MOST_BLOCKS,
    WRITABLE,
    Buffer,
    Call,
    Links,
    NumPyArray,
    Program,
    Signature,
    State,
)
from graphc.codegen.calls.writer import NULL, Writer
from graphc.codegen.values import I32, I64, POINTER

_LARGE, _FREE_BLOCK, _NEW_BLOCK = (
    f"gc.{name}" for name in ("large_array", "free_block", "new_block")
)


def emit_blocks(module: ir.Module) -> None:
    """What `new_array` calls."""
    _emit_free_block(module)
    _emit_new_block(module)
    _emit_large(module)


def new_array(
    w: Writer, call: ir.Value, signature: ir.Value, output: ir.Value, buffer: ir.Value
) -> ir.Value:
    """An array without content, a new reference. Leaves with null and an exception if none."""
    size = w.number_at(w.pointer(signature, Signature.OUTPUT_BYTES), output)
    made = []
    with w.builder.if_else(w.less(size, I64(LARGE_BYTES)), likely=True) as (small, large):
        with small:  # no further function, as a small program's run takes no longer than its call
            array = _array(w, call, signature, output, buffer, Links.ARRAY_TYPE)
            made.append((array, w.builder.block))
        with large:
            array = w.call(_LARGE, call, signature, output, buffer)
            made.append((array, w.builder.block))
    either = w.builder.phi(POINTER)
    for array, block in made:
        either.add_incoming(array, block)
    w.leave_if(w.is_null(either), NULL)
    return either


def _emit_large(module: ir.Module) -> None:
    """`ptr large_array(call, signature, i64 output, buffer)`: a new array, a view of a block."""
    w = Writer(module, _LARGE, POINTER, [POINTER, POINTER, I64, POINTER])
    w.internal()
    call, signature, output, buffer = w.arguments
    block = w.variable(w.call(_FREE_BLOCK, call, signature, output))
    with w.when(w.is_null(w.pointer(block, 0)), likely=False):
        w.store(w.call(_NEW_BLOCK, call, signature, output, buffer), block, 0)
        w.leave_if(w.is_null(w.pointer(block, 0)), NULL)
    owner = w.pointer(block, 0)
    data = w.array_pointer(owner, NumPyArray.DATA)
    array = _array(w, call, signature, output, buffer, Links.ARRAY_TYPE, data)
    with w.when(w.is_null(array), likely=False):
        w.release(owner)
        w.leave(NULL)
    links = w.pointer(call, Call.LINKS)
    failed = w.call_field(links, Links.SET_BASE, I32, array, owner)  # takes the reference
    with w.when(w.differ(failed, I32(0)), likely=False):
        w.release(array)
        w.leave(NULL)
    w.leave(array)


def _emit_free_block(module: ir.Module) -> None:
    """`ptr free_block(call, signature, i64 output)`: a new reference, or null if there is none."""
    w = Writer(module, _FREE_BLOCK, POINTER, [POINTER, POINTER, I64])
    w.internal()
    call, signature, output = w.arguments
    blocks, first = _places(w, signature, output)
    none = w.pointer(w.pointer(call, Call.LINKS), Links.NONE)
    with w.counted(I64(MOST_BLOCKS)) as k:
        block = w.call("PyList_GetItem", blocks, w.builder.add(first, k))
        with w.when(w.differ(block, none)):
            only_ours = w.same(w.array_int(block, NumPyArray.REFERENCES), I64(1))
            with w.when(only_ours):
                w.acquire(block)
                w.leave(block)
    w.leave(NULL)


def _emit_new_block(module: ir.Module) -> None:
    """`ptr new_block(call, signature, i64 output, buffer)`: a new reference.

    Null comes with an exception. The signature keeps the block too, if it has a place for it and
    the session is open.
    """
    w = Writer(module, _NEW_BLOCK, POINTER, [POINTER, POINTER, I64, POINTER])
    w.internal()
    call, signature, output, buffer = w.arguments
    block = _array(w, call, signature, output, buffer, Links.BLOCK_TYPE)
    w.leave_if(w.is_null(block), NULL)
    state = w.pointer(w.pointer(call, Call.PROGRAM), Program.STATE)
    with w.when(w.nonzero(w.load(state, State.CLOSED)), likely=False):
        w.leave(block)
    blocks, first = _places(w, signature, output)
    none = w.pointer(w.pointer(call, Call.LINKS), Links.NONE)
    with w.counted(I64(MOST_BLOCKS)) as k:
        place = w.builder.add(first, k)
        with w.when(w.same(w.call("PyList_GetItem", blocks, place), none)):
            w.acquire(block)  # for the list
            w.call("PyList_SetItem", blocks, place, block, result=I32)
            w.leave(block)
    w.leave(block)


def _places(w: Writer, signature: ir.Value, output: ir.Value) -> tuple[ir.Value, ir.Value]:
    """The list of all blocks, and which one is the output's first."""
    return w.pointer(signature, Signature.BLOCKS), w.builder.mul(output, I64(MOST_BLOCKS))


def _array(
    w: Writer,
    call: ir.Value,
    signature: ir.Value,
    output: ir.Value,
    buffer: ir.Value,
    type_: Links,
    data: ir.Value = NULL,
) -> ir.Value:
    """A new array of the output's dtype and shape, with memory of its own if none is given."""
    links, descr = w.pointer(call, Call.LINKS), w.pointer(buffer, Buffer.DESCR)
    w.acquire(descr)  # NumPy takes this reference
    rank = w.builder.trunc(w.load(buffer, Buffer.RANK), I32)
    dims = w.pointer_at(w.pointer(signature, Signature.OUTPUT_DIMS), output)
    flags = I32(0) if data is NULL else I32(CONTIGUOUS | ALIGNED | WRITABLE)
    return w.call_field(
        links, Links.NEW_ARRAY, POINTER,
        w.pointer(links, type_), descr, rank, dims, NULL, data, flags, NULL,
    )  # fmt: skip
