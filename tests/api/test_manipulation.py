from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import AttributeValueError, ShapeError
from tests.api.erring import check_error

pytestmark = pytest.mark.usefixtures("graph")

CASES: list[tuple[str, Callable[[Any], Any], Callable[[Any], Any]]] = [
    ("reshape", lambda x: gc.reshape(x, (4, -1)), lambda a: a.reshape(4, -1)),
    ("reshape to -1 last", lambda x: gc.reshape(x, ("n", -1)), lambda a: a.reshape(len(a), 12)),
    ("reshape by dims", lambda x: x.reshape(x.shape[0], 12), lambda a: a.reshape(len(a), 12)),
    ("flatten", gc.flatten, np.ravel),
    ("expand_dims", lambda x: gc.expand_dims(x, axis=1), lambda a: a[:, None]),
    ("expand_dims at the end", lambda x: gc.expand_dims(x, axis=-1), lambda a: a[..., None]),
    ("expand_dims twice", lambda x: gc.expand_dims(x, axis=(0, 2)), lambda a: a[None, :, None]),
    ("squeeze", lambda x: gc.squeeze(x[:, :1, :1], axis=(1, -1)), lambda a: a[:, 0, 0]),
    ("permute_dims", lambda x: gc.permute_dims(x, (2, 0, 1)), lambda a: a.transpose(2, 0, 1)),
    ("permute by -1", lambda x: gc.permute_dims(x, (-1, 0, 1)), lambda a: np.moveaxis(a, 2, 0)),
    ("matrix_transpose", gc.matrix_transpose, lambda a: a.swapaxes(1, 2)),
    ("mT", lambda x: x.mT, lambda a: a.swapaxes(1, 2)),
    ("T", lambda x: x[:, 0].T, lambda a: a[:, 0].T),
    ("moveaxis", lambda x: gc.moveaxis(x, 0, -1), lambda a: np.moveaxis(a, 0, -1)),
    ("moveaxis of two", lambda x: gc.moveaxis(x, (0, 1), (2, 0)), lambda a: a.transpose(1, 2, 0)),
    ("flip", gc.flip, np.flip),
    ("flip along axes", lambda x: gc.flip(x, axis=(0, -1)), lambda a: np.flip(a, (0, -1))),
    ("roll", lambda x: gc.roll(x, 5), lambda a: np.roll(a, 5)),
    ("roll a known axis", lambda x: gc.roll(x, -1, axis=1), lambda a: np.roll(a, -1, 1)),
    ("roll by the size", lambda x: gc.roll(x, 3, axis=1), lambda a: a),
    ("roll a fed axis", lambda x: gc.roll(x, 1, axis=0), lambda a: np.roll(a, 1, 0)),
    ("roll far", lambda x: gc.roll(x, -23, axis=0), lambda a: np.roll(a, -23, 0)),
    ("roll two", lambda x: gc.roll(x, (1, 2), axis=(0, 2)), lambda a: np.roll(a, (1, 2), (0, 2))),
    ("tile", lambda x: gc.tile(x, 2), lambda a: np.tile(a, 2)),
    ("tile more dims", lambda x: gc.tile(x, (2, 1, 3, 1)), lambda a: np.tile(a, (2, 1, 3, 1))),
    ("tile to nothing", lambda x: gc.tile(x, (0, 1)), lambda a: np.tile(a, (0, 1))),
    ("repeat", lambda x: gc.repeat(x, 2), lambda a: np.repeat(a, 2)),
    ("repeat along", lambda x: gc.repeat(x, 3, axis=-1), lambda a: np.repeat(a, 3, -1)),
    ("repeat a fed axis", lambda x: gc.repeat(x, 3, axis=0), lambda a: np.repeat(a, 3, 0)),
    ("stop_gradient", gc.stop_gradient, lambda a: a),
    ("identity", gc.identity, lambda a: a),
]  # fmt: skip


@pytest.mark.parametrize("size", [0, 1, 4])
@pytest.mark.parametrize(("apply", "expected"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_against_numpy(apply: Any, expected: Any, size: int, compute: Any) -> None:
    x = gc.placeholder(gc.float32, ("n", 3, 4))
    data = np.arange(size * 12, dtype=np.float32).reshape(size, 3, 4)
    result = apply(x)
    np.testing.assert_array_equal(compute(result, {x: data}), expected(data))


def test_what_changes_nothing_is_no_node() -> None:
    x = gc.placeholder(gc.float32, ("n", 3))
    assert gc.reshape(x, x.shape) is x
    assert gc.permute_dims(x, (0, 1)) is x
    assert gc.roll(x, 0, axis=1) is x
    assert gc.expand_dims(x, axis=()) is x


def test_a_reshape_that_may_fit_is_checked_when_fed(graph: gc.Graph) -> None:
    x = gc.placeholder(gc.float32, ("n", 6))
    result = gc.reshape(x, (4, -1))
    assert result.shape == (4, "(6*n)//4")
    assert [str(guard) for guard in graph.extract([result]).guards] == ["6*n == 4*((6*n)//4)"]


def test_identity_gives_a_name(graph: gc.Graph) -> None:
    x = gc.placeholder(gc.float32, (3,), name="x")
    named = gc.identity(x + 1, name="scores/final")
    assert graph.find("scores/final") is named
    assert repr(named) == "<gc.Tensor %scores/final f32[3] identity>"


@pytest.mark.parametrize(
    ("apply", "error", "message", "op"),
    [
        (lambda x: gc.reshape(x, (5, 5)), ShapeError, "but 24 is not 25", "reshape"),
        (lambda x: gc.reshape(x, (-1, -1)), ShapeError, "only one size can be -1", "reshape"),
        (lambda x: gc.reshape(x, (-2, 12)), ShapeError, "-2 is no size", "reshape"),
        (lambda x: gc.reshape(x, (0, -1)), ShapeError, "another size is 0", "reshape"),
        (lambda x: gc.squeeze(x, 1), ShapeError, "f32[2, 3, 4] is not of size 1", "squeeze"),
        (lambda x: gc.permute_dims(x, (0, 0, 1)), ShapeError, "not a permutation", "permute_dims"),
        (lambda x: gc.permute_dims(x, (0, 1)), ShapeError, "are not a permutation", "permute_dims"),
        (lambda x: gc.matrix_transpose(x[0, 0]), ShapeError, "two dims", "matrix_transpose"),
        (lambda x: gc.moveaxis(x, (0, 1), 2), ShapeError, "cannot move axes", "moveaxis"),
        (lambda x: gc.roll(x, (1, 2), axis=0), AttributeValueError, "2 shifts", "roll"),
        (lambda x: gc.roll(x, 0.5), AttributeValueError, "shift must be an integer", "roll"),
        (lambda x: gc.tile(x, 1.5), AttributeValueError, "must be an integer", "tile"),
        (lambda x: x.T, gc.errors.GraphError, "needs a matrix", "T"),
    ],
)  # fmt: skip
def test_errors(apply: Any, error: Any, message: str, op: str) -> None:
    x = gc.placeholder(gc.float32, (2, 3, 4))
    check_error(apply, x, error, message, op)


@pytest.mark.parametrize("k", [-1, 0, 1, 2, 3, 6])
@pytest.mark.parametrize("axes", [(0, 1), (1, 0), (2, -3)], ids=str)
def test_rot90(k: int, axes: tuple[int, int], compute: Any) -> None:
    data = np.arange(24).reshape(2, 3, 4)
    x = gc.placeholder(gc.int64, ("n", 3, 4))
    np.testing.assert_array_equal(
        compute(gc.rot90(x, k, axes=axes), {x: data}), np.rot90(data, k, axes)
    )


def test_rot90_needs_a_plane(fails: Callable[..., Any]) -> None:
    x = gc.placeholder(gc.float32, (2, 2))
    with fails(AttributeValueError, "two different axes", op="rot90"):
        gc.rot90(x, axes=(1, -1))
