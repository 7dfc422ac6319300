"""Executables as bytes, and back.

The tables are JSON: a dataclass is the list of its fields, an enum its value, a dtype its short
name, a symbolic dim its text; an array is its dtype, shape and the number of the raw block that
holds its elements, and `bytes` is such a number alone. How a field is written follows from its
declared type, so a new field of `Executable` is carried without a word here, and one of a type
that has no form is an error as soon as anything is written.
"""

from __future__ import annotations

import json
import struct
import types
import typing
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any

import numpy as np

from graphc.codegen.executable import Executable
from graphc.errors import CompileError
from graphc.ir.dim_text import parse_dim
from graphc.ir.dims import Dim, Size
from graphc.ir.dtypes import DType, from_short

_MAGIC = b"graphc executable 1\n"
_LENGTH = struct.Struct("<Q")

Blocks = list[bytes]
Form = tuple[Callable[[Any, Blocks], Any], Callable[[Any, Blocks], Any]]


def to_bytes(executable: Executable) -> bytes:
    """The executable as bytes, which `from_bytes` reads in any process on any machine."""
    blocks: Blocks = []
    write, _ = form_of(Executable)
    tables = write(executable, blocks)
    lengths = [len(block) for block in blocks]
    head = json.dumps([lengths, tables], separators=(",", ":"), allow_nan=False).encode()
    return b"".join([_MAGIC, _LENGTH.pack(len(head)), head, *blocks])


def from_bytes(content: bytes) -> Executable:
    """The executable that `to_bytes` wrote; CompileError for anything else."""
    start = len(_MAGIC) + _LENGTH.size
    if not content.startswith(_MAGIC) or len(content) < start:
        raise CompileError("this is no executable of graphc, or one of another version")
    (length,) = _LENGTH.unpack_from(content, len(_MAGIC))
    try:
        lengths, tables = json.loads(content[start : start + length])
        blocks = _cut(content, start + length, lengths)
        executable = form_of(Executable)[1](tables, blocks)
    except (ValueError, TypeError, KeyError, IndexError, CompileError) as error:
        raise CompileError(f"the executable is damaged: {error}") from None
    assert isinstance(executable, Executable)
    return executable


def _cut(content: bytes, start: int, lengths: list[int]) -> Blocks:
    blocks = []
    for length in lengths:
        blocks.append(content[start : start + length])
        start += length
    if start != len(content):
        raise CompileError(f"it has {len(content)} bytes instead of {start}")
    return blocks


@cache
def form_of(type_: Any) -> Form:
    """How values of a type are written and read; CompileError if there is no form for it."""
    if type_ == Size:
        return _write_size, _read_size
    if type_ in _SIMPLE:
        return _SIMPLE[type_]
    origin, arguments = typing.get_origin(type_), typing.get_args(type_)
    if origin is np.ndarray:
        return _write_array, _read_array
    if origin is tuple and len(arguments) == 2 and arguments[1] is Ellipsis:
        return _sequence_form(arguments[0])
    if origin is tuple and arguments:
        return _record_form(tuple, tuple(arguments))
    if origin in (types.UnionType, typing.Union) and type(None) in arguments:
        (inner,) = (argument for argument in arguments if argument is not type(None))
        return _optional_form(inner)
    if isinstance(type_, type) and issubclass(type_, Enum):
        return (lambda value, _: value.value), (lambda data, _: type_(data))
    if is_dataclass(type_):
        return _dataclass_form(type_)
    raise CompileError(f"there is no form in which to keep a {type_}")


def _as_is(value: Any, _: Blocks) -> Any:
    return value


def _write_bytes(value: bytes, blocks: Blocks) -> int:
    blocks.append(value)
    return len(blocks) - 1


def _read_bytes(number: int, blocks: Blocks) -> bytes:
    return blocks[number]


#: Forms of types that consist of nothing else.
_SIMPLE: dict[Any, Form] = {
    int: (_as_is, _as_is),
    bool: (_as_is, _as_is),
    str: (_as_is, _as_is),
    float: (lambda value, _: value.hex(), lambda data, _: float.fromhex(data)),
    bytes: (_write_bytes, _read_bytes),
    DType: (lambda value, _: value.short, lambda data, _: from_short(data)),
    Dim: (lambda value, _: str(value), lambda data, _: parse_dim(data)),
}


def _write_size(value: Size, _: Blocks) -> int | str:
    return value if isinstance(value, int) else str(value)


def _read_size(data: int | str, _: Blocks) -> Size:
    return data if isinstance(data, int) else parse_dim(data)


def _write_array(value: np.ndarray[Any, Any], blocks: Blocks) -> list[Any]:
    blocks.append(np.ascontiguousarray(value).tobytes())
    return [value.dtype.str, list(value.shape), len(blocks) - 1]


def _read_array(data: list[Any], blocks: Blocks) -> np.ndarray[Any, Any]:
    dtype, shape, number = data
    return np.ndarray(tuple(shape), np.dtype(dtype), blocks[number])


def _sequence_form(element: Any) -> Form:
    write, read = form_of(element)
    if write is _as_is:
        return (lambda values, _: list(values)), (lambda data, _: tuple(data))
    return (
        lambda values, blocks: [write(value, blocks) for value in values],
        lambda data, blocks: tuple([read(part, blocks) for part in data]),
    )


def _optional_form(inner: Any) -> Form:
    write, read = form_of(inner)
    return (
        lambda value, blocks: None if value is None else write(value, blocks),
        lambda data, blocks: None if data is None else read(data, blocks),
    )


def _record_form(make: Callable[[list[Any]], Any], types_: tuple[Any, ...]) -> Form:
    forms = [form_of(type_) for type_ in types_]

    def write(values: Any, blocks: Blocks) -> list[Any]:
        return [form[0](value, blocks) for form, value in zip(forms, values, strict=True)]

    def read(data: list[Any], blocks: Blocks) -> Any:
        return make([form[1](part, blocks) for form, part in zip(forms, data, strict=True)])

    return write, read


def _dataclass_form(type_: Any) -> Form:
    """The fields in their order; the format's version need not change with them.

    What is read was written by the same sources (the cache's keys see to that) or says that it
    has another number of fields.
    """
    declared = typing.get_type_hints(type_)
    names = [field.name for field in fields(type_)]
    write, read = _record_form(
        lambda values: type_(*values), tuple(declared[name] for name in names)
    )
    return (lambda value, blocks: write([getattr(value, name) for name in names], blocks)), read
