"""Dtypes against the tables of the array API standard."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

from graphc.errors import DTypeError
from graphc.ir import dtypes
from graphc.ir.dtypes import (
    ALL,
    DType,
    as_dtype,
    check_python_scalar,
    from_short,
    of_python_scalar,
    promote,
)

# Array API standard 2024.12, "Type promotion rules", for the dtypes that graphc has.
SIGNED = """
        i8   i16  i32  i64
i8      i8   i16  i32  i64
i16     i16  i16  i32  i64
i32     i32  i32  i32  i64
i64     i64  i64  i64  i64
"""
UNSIGNED = """
        u8
u8      u8
"""
MIXED = """
        i8   i16  i32  i64
u8      i16  i16  i32  i64
"""
FLOATING = """
        f32  f64
f32     f32  f64
f64     f64  f64
"""
BOOL = """
        bool
bool    bool
"""


def _table(text: str) -> dict[tuple[str, str], str]:
    head, *rows = (line.split() for line in text.strip().splitlines())
    return {
        (row[0], column): cell for row in rows for column, cell in zip(head, row[1:], strict=True)
    }


PROMOTION = {
    pair: result
    for text in (SIGNED, UNSIGNED, MIXED, FLOATING, BOOL)
    for pair, result in _table(text).items()
}
PROMOTION |= {(second, first): result for (first, second), result in PROMOTION.items()}


@pytest.mark.parametrize("second", ALL, ids=str)
@pytest.mark.parametrize("first", ALL, ids=str)
def test_promotion_table(first: DType, second: DType) -> None:
    expected = PROMOTION.get((first.short, second.short))
    if expected is None:
        with pytest.raises(DTypeError, match="are of different kinds and do not mix"):
            promote(first, second)
    else:
        assert promote(first, second) is from_short(expected)


def test_the_promotion_table_is_complete() -> None:
    kinds = {"b": 1, "iu": 5 * 5, "f": 2 * 2}
    assert len(PROMOTION) == sum(kinds.values())


def test_a_refused_promotion_says_how_to_convert() -> None:
    with pytest.raises(DTypeError) as caught:
        promote(dtypes.float32, dtypes.int64)
    assert str(caught.value) == (
        "float32 and int64 are of different kinds and do not mix; "
        "convert one of them with gc.astype(x, gc.float32)"
    )


@pytest.mark.parametrize("dtype", ALL, ids=str)
def test_every_way_to_name_a_dtype(dtype: DType) -> None:
    numpy = np.dtype(dtype.name)
    for way in (dtype, dtype.name, dtype.short, numpy, numpy.type, numpy.newbyteorder(">")):
        assert as_dtype(way) is dtype
    assert from_short(dtype.short) is dtype
    assert dtype.itemsize == numpy.itemsize


@pytest.mark.parametrize(
    ("value", "dtype"), [(bool, dtypes.bool_), (int, dtypes.int64), (float, dtypes.float64)]
)
def test_python_types_mean_what_they_mean_to_numpy(value: type, dtype: DType) -> None:
    assert as_dtype(value) is dtype


@pytest.mark.parametrize(
    "value",
    [None, 3, "f16", "float16", "complex64", np.complex128, object, "i4,f4", [], {}, "", "M8[s]"],
    ids=repr,
)
def test_what_is_no_dtype(value: object) -> None:
    with pytest.raises(DTypeError, match="is no graphc dtype; use one of bool, int8"):
        as_dtype(value)


def test_an_unknown_short_name_lists_the_known_ones() -> None:
    with pytest.raises(DTypeError) as caught:
        from_short("f16")
    assert str(caught.value) == (
        "unknown dtype 'f16'; graphc has bool, i8, i16, i32, i64, u8, f32, f64"
    )


@pytest.mark.parametrize("dtype", ALL, ids=str)
def test_there_is_one_object_per_dtype(dtype: DType) -> None:
    assert pickle.loads(pickle.dumps(dtype)) is dtype
    assert copy.deepcopy(dtype) is dtype
    assert copy.copy(dtype) is dtype


@pytest.mark.parametrize("dtype", ALL, ids=str)
def test_identities_of_minimum_and_maximum(dtype: DType) -> None:
    ends = (
        (-np.inf, np.inf)
        if dtype.is_float
        else (False, True)
        if dtype.is_bool
        else (np.iinfo(dtype.numpy).min, np.iinfo(dtype.numpy).max)
    )
    assert (dtype.lowest, dtype.highest) == ends
    assert dtype.numpy.type(dtype.lowest) == dtype.lowest


@pytest.mark.parametrize(
    ("value", "dtype"), [(True, dtypes.bool_), (3, dtypes.int64), (0.5, dtypes.float32)]
)
def test_python_scalars_alone(value: bool | int | float, dtype: DType) -> None:
    assert of_python_scalar(value) is dtype


# Array API: a bool goes with bool, an int with any number, a float with floating point.
FITS = {
    (True, "bool"),
    *((3, short) for short in ("i8", "i16", "i32", "i64", "u8", "f32", "f64")),
    *((0.5, short) for short in ("f32", "f64")),
}


@pytest.mark.parametrize("dtype", ALL, ids=str)
@pytest.mark.parametrize("value", [True, 3, 0.5])
def test_python_scalars_beside_a_tensor(value: bool | int | float, dtype: DType) -> None:
    if (value, dtype.short) in FITS:
        check_python_scalar(value, dtype)
    else:
        with pytest.raises(DTypeError, match="does not fit"):
            check_python_scalar(value, dtype)


@pytest.mark.parametrize(
    ("value", "dtype", "fits"),
    [
        (255, dtypes.uint8, True),
        (256, dtypes.uint8, False),
        (-1, dtypes.uint8, False),
        (-128, dtypes.int8, True),
        (128, dtypes.int8, False),
        (2**63 - 1, dtypes.int64, True),
        (2**63, dtypes.int64, False),
        (2**63, dtypes.float32, True),
    ],
)
def test_ranges_of_python_ints(value: int, dtype: DType, fits: bool) -> None:
    if fits:
        check_python_scalar(value, dtype)
    else:
        with pytest.raises(DTypeError, match=f"{value} is out of the range of {dtype.name}"):
            check_python_scalar(value, dtype)
