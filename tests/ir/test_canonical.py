"""The canonical text: equal for equal programs, different for anything that matters."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from graphc.ir import dtypes
from graphc.ir.canonical import canonical_text
from graphc.ir.dims import symbol
from graphc.ir.graph import Graph, extract
from graphc.ir.location import Location, created_at
from graphc.ops import ops

n, m = symbol("n"), symbol("m")
HERE = Location("/home/a/model.py", 3)


def program(
    *,
    name: str = "step",
    fed: str = "x",
    dtype: dtypes.DType = dtypes.float32,
    rows: object = n,
    line: Location | None = HERE,
    axes: tuple[int, ...] = (1,),
    factor: object = 0.5,
    op: str = "add",
    trainable: bool = True,
    swapped: bool = False,
    doubled: bool = False,
    assigned: bool = True,
) -> Graph:
    with created_at(line):
        x = ops.placeholder(shape=(n, 4), dtype=dtype, name=fed)
        y = ops.placeholder(shape=(rows, 4), dtype=dtype, name="y")
        w = ops.variable(shape=(n, 4), dtype=dtype, name="w", trainable=trainable)
        number = ops.constant(value=np.full((1, 4), factor, dtype.numpy))
        scaled = ops.mul(x, ops.broadcast_to(number, shape=x.shape))
        value = getattr(ops, op)(scaled, y)
        total = ops.sum(value, axes=axes)
    outputs = [total, value] if swapped else [value, total]
    return extract(name, outputs * (2 if doubled else 1), [(w, value)] if assigned else [])


def test_equal_programs_have_equal_texts() -> None:
    assert canonical_text(program()) == canonical_text(program())


@pytest.mark.parametrize(
    "other",
    [
        {"name": "other"}, {"fed": "z"}, {"fed": 'x"|'}, {"dtype": dtypes.float64},
        {"rows": m}, {"rows": 5}, {"line": None}, {"line": Location("/home/a/model.py", 4)},
        {"line": Location("/home/b/model.py", 3)}, {"axes": (0,)}, {"axes": (0, 1)},
        {"factor": 0.25}, {"factor": -0.5}, {"factor": [0.5, 0.5, 0.5, 0.0]}, {"factor": np.nan},
        {"op": "sub"}, {"trainable": False}, {"swapped": True}, {"doubled": True},
        {"assigned": False},
    ],
    ids=str,
)  # fmt: skip
def test_whatever_matters_shows(other: dict[str, object]) -> None:
    changed: Callable[..., Graph] = program
    assert canonical_text(changed(**other)) != canonical_text(program())


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (np.float32(0.0), np.float32(-0.0)),
        (np.zeros(2, np.int64), np.zeros(2, np.float64)),
        (np.zeros((2, 3)), np.zeros((3, 2))),
        (np.arange(100), np.arange(100)[::-1].copy()),
        (np.zeros(1, bool), np.zeros(1, np.uint8)),
    ],
)
def test_constants_count_by_bits_dtype_and_shape(left: np.ndarray, right: np.ndarray) -> None:  # type: ignore[type-arg]
    one, other = (extract("c", [ops.constant(value=np.asarray(v))]) for v in (left, right))
    assert canonical_text(one) != canonical_text(other)


def test_the_layout_of_a_constant_does_not_count() -> None:
    array = np.arange(12.0).reshape(3, 4)
    one, other = (extract("c", [ops.constant(value=v)]) for v in (array, np.asfortranarray(array)))
    assert canonical_text(one) == canonical_text(other)
