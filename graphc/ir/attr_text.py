"""Attributes in the text form, kind by kind, in both directions.

Graphs held in attributes are the printer's and the parser's business.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from graphc.errors import DimError, DTypeError
from graphc.ir.array_text import (
    Array,
    Nested,
    array_of,
    content_name,
    elements_text,
    is_inline,
    type_of_array,
)
from graphc.ir.cursor import Cursor
from graphc.ir.dim_text import read_dim
from graphc.ir.dims import Size
from graphc.ir.dtypes import DType, from_short
from graphc.ir.opdef import AttrKind
from graphc.ir.types import Shape, TensorType, TupleType, Type

_TENSOR = re.compile(r"([a-z]+[0-9]*)\[([^\[\]{}]*)\]")
_SHAPE = re.compile(r"\[([^\[\]{}]*)\]")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_INT = re.compile(r"-?[0-9]{1,40}(?![0-9.eE])")
_NUMBER = re.compile(r"-?(?:[0-9]+(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?|inf|nan)(?![A-Za-z0-9_])")
_REFERENCE = re.compile(r"@(c_[0-9a-f]+)")


def attribute_text(kind: AttrKind, value: Any, type_: Type) -> str:
    """An attribute's value; arrays of the node's own type leave that out."""
    match kind:
        case AttrKind.BOOL:
            return "true" if value else "false"
        case AttrKind.FLOAT:
            return float.__repr__(value)
        case AttrKind.TEXT:
            return quoted(value)
        case AttrKind.INTS | AttrKind.SHAPE:
            return f"[{', '.join(map(str, value))}]"
        case AttrKind.ARRAY:
            return _array_text(value, type_)
        case _:
            return str(value)


def quoted(text: str) -> str:
    """The text in quotes, as JSON writes it."""
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which no file can hold
        return json.dumps(text)
    return json.dumps(text, ensure_ascii=False)


def _array_text(array: Array, type_: Type) -> str:
    if not is_inline(array):
        return f"@{content_name(array)}"
    own = type_of_array(array)
    return elements_text(array) if own == type_ else f"{own} {elements_text(array)}"


def read_attribute(
    cursor: Cursor, kind: AttrKind, type_: Type | None, constants: Mapping[str, Array]
) -> Any:
    """The value of an attribute of the kind; ParseError if something else comes next.

    `type_` is the node's declared type, which arrays written without a type have.
    """
    match kind:
        case AttrKind.BOOL:
            return _read_bool(cursor)
        case AttrKind.INT:
            return _read_int(cursor)
        case AttrKind.INTS:
            return _read_ints(cursor)
        case AttrKind.FLOAT:
            return float(cursor.require(_NUMBER, "a number"))
        case AttrKind.TEXT:
            return cursor.string()
        case AttrKind.DTYPE:
            return read_dtype(cursor)
        case AttrKind.SHAPE:
            return _read_shape(cursor)
        case AttrKind.ARRAY:
            return _read_array(cursor, type_, constants)
        case AttrKind.GRAPH:
            raise AssertionError("the parser reads graphs")


def _read_bool(cursor: Cursor) -> bool:
    start = cursor.skip()
    word = cursor.match(_WORD)
    if word is None or word.group() not in ("true", "false"):
        cursor.position = start
        cursor.fail_expecting("true or false")
    return word.group() == "true"


def _read_int(cursor: Cursor) -> int:
    return int(cursor.require(_INT, "an integer"))


def _read_ints(cursor: Cursor) -> tuple[int, ...]:
    cursor.expect("[")
    values: list[int] = []
    while not cursor.accept("]"):
        if values:
            cursor.expect(",")
        values.append(_read_int(cursor))
    return tuple(values)


def read_dtype(cursor: Cursor) -> DType:
    """A dtype's short name."""
    start = cursor.skip()
    try:
        return from_short(cursor.require(_WORD, "a dtype"))
    except DTypeError as error:
        cursor.fail(error.message, start, cause=error)


def _read_shape(cursor: Cursor) -> Shape:
    start = cursor.skip()
    match = cursor.match(_SHAPE)
    if match is None:
        cursor.fail_expecting("a shape")
    try:
        return _shape(match.group(1))
    except DimError as error:
        cursor.fail(error.message, start, cause=error)


def read_type(cursor: Cursor) -> Type:
    """A tensor's type, or several in parentheses."""
    if not cursor.accept("("):
        return read_tensor_type(cursor)
    elements: list[TensorType] = []
    while not cursor.accept(")"):
        if elements:
            cursor.expect(",")
        elements.append(read_tensor_type(cursor))
    return TupleType(tuple(elements))


def read_tensor_type(cursor: Cursor) -> TensorType:
    """A type such as `f32[batch, 64]`."""
    start = cursor.skip()
    match = cursor.match(_TENSOR)
    if match is None:
        cursor.fail_expecting("a type such as f32[2, n]")
    try:
        return _tensor_type(*match.groups())
    except (DimError, DTypeError) as error:
        cursor.fail(error.message, start, cause=error)


@lru_cache(maxsize=4096)
def _tensor_type(dtype: str, sizes: str) -> TensorType:
    return TensorType(from_short(dtype), _shape(sizes))


def _shape(text: str) -> Shape:
    if not text.strip():
        return ()
    sizes: list[Size] = []
    position = -1
    while position < len(text):
        size, position = read_dim(text, position + 1)
        sizes.append(size)
        position += len(text[position:]) - len(text[position:].lstrip())
        if text[position : position + 1] not in ("", ","):
            raise DimError(f"a dim of [{text}] is followed by {text[position:]!r}")
    return tuple(sizes)


def _read_array(cursor: Cursor, type_: Type | None, constants: Mapping[str, Array]) -> Array:
    start = cursor.skip()
    reference = cursor.match(_REFERENCE)
    if reference is not None:
        if reference.group(1) not in constants:
            cursor.fail(f"the constant {reference.group()} is not given", start)
        return constants[reference.group(1)]
    if _TENSOR.match(cursor.text, start):
        type_ = read_tensor_type(cursor)
    if not isinstance(type_, TensorType):
        cursor.fail("an array here needs its type before it", start)
    elements = _read_elements(cursor)
    try:
        return array_of(elements, type_)
    except (ValueError, OverflowError) as error:
        cursor.fail(str(error), start, cause=error)


def _read_elements(cursor: Cursor) -> Nested:
    if not cursor.accept("["):
        return _read_element(cursor)
    values: list[Nested] = []
    while not cursor.accept("]"):
        if values:
            cursor.expect(",")
        values.append(_read_elements(cursor))
    return values


def _read_element(cursor: Cursor) -> bool | int | float:
    integer = cursor.match(_INT)
    if integer is not None:
        return -0.0 if integer.group() == "-0" else int(integer.group())
    number = cursor.match(_NUMBER)
    if number is not None:
        return float(number.group())
    return _read_bool(cursor)
