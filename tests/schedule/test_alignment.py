"""What an op reads at the positions it writes: followed with NumPy by changing all else.

A change of operand elements outside a row must leave the same row of the result as it is.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from graphc.ir.dtypes import DType, float32, int8, int64
from graphc.ir.node import Node
from graphc.ir.opdef import Array, Kind
from graphc.ops import ops
from graphc.schedule.alignment import aligned_dims, is_same_position, without_ones
from tests.ops.sampling import Case, all_cases, draw_inputs, one_dtype_each, parametrized, place

MOST_ROWS = 24
CASES = [case for case in one_dtype_each(list(all_cases())) if case.sample.args]


def compute(node: Node, arrays: list[Array]) -> Array:
    with np.errstate(all="ignore"):
        return np.asarray(node.op.reference(dict(node.attrs), *arrays))


def redrawn(array: Array, seed: int) -> Array:
    """An array like it with its elements elsewhere, and so still in range."""
    mixed = np.random.default_rng(seed).permutation(array.ravel())
    return np.roll(mixed, 1).reshape(array.shape)


def rows_of(shape: tuple[int, ...], count: int) -> Iterator[tuple[int, ...]]:
    """Indices of the leading dims, not more than a few."""
    every = list(np.ndindex(*shape[:count]))
    yield from every[:: max(1, len(every) // MOST_ROWS)]


def stays(node: Node, arrays: list[Array], k: int, row: tuple[int, ...]) -> bool:
    """Whether a row of the result stays as it is when all other rows of an operand change."""
    before = compute(node, arrays)[row]
    for seed in range(3):
        changed = redrawn(arrays[k], seed)
        changed[row] = arrays[k][row]
        after = compute(node, [changed if j == k else array for j, array in enumerate(arrays)])
        if after[row].tobytes() != before.tobytes():
            return False
    return True


def shared_dims(node: Node, k: int) -> int:
    """The dims aligned that the result has too: a reduction keeps those before its first axis."""
    count = aligned_dims(node, k)
    if node.op.kind is not Kind.REDUCTION:
        return count
    axes = node.attrs["axes"] if "axes" in node.attrs else (node.attrs["axis"],)
    return min([count, *map(int, axes)])


@parametrized(CASES)
def test_other_rows_change_nothing(case: Case) -> None:
    _, node = place(case)
    arrays = draw_inputs(case)
    for k, array in enumerate(arrays):
        count = shared_dims(node, k)
        assert 0 <= count <= min(len(node.shape), array.ndim)
        assert node.shape[:count] == array.shape[:count]
        for row in rows_of(array.shape, count):
            assert stays(node, arrays, k, row), (k, row)


@parametrized([case for case in CASES if case.op.kind is not Kind.REDUCTION])
def test_other_positions_change_nothing(case: Case) -> None:
    """A reduction is left out: its positions are those of the loop that it runs."""
    _, node = place(case)
    arrays = draw_inputs(case)
    for k, array in enumerate(arrays):
        if not is_same_position(node, k):
            continue
        common = without_ones(array.shape)
        assert common == without_ones(node.shape)
        for index in rows_of(array.shape, len(common)):
            assert stays(node, arrays, k, index), (k, index)


# Known numbers ------------------------------------------------------------------------------


def of(*shape: int, dtype: DType = float32) -> Node:
    return ops.placeholder(shape=shape, dtype=dtype, name="x")


def along(axis: int) -> Node:
    return ops.iota(shape=(4, 3), dtype=int64, axis=axis)


X, I = of(4, 3, 5), of(4, 3, dtype=int64)  # noqa: E741 - as an index is written

# a node, which of its inputs, and in how many dims it is aligned with it, no more and no fewer
KNOWN: dict[str, tuple[Node, int, int]] = {
    "elementwise": (ops.exp(X), 0, 3),
    "dims of 1 at the end": (ops.reshape(of(4, 3), shape=(4, 3, 1, 1)), 0, 2),
    "a dim of 1 in front": (ops.reshape(of(4, 3), shape=(1, 4, 3)), 0, 0),
    "inner dims joined": (ops.reshape(X, shape=(4, 15)), 0, 1),
    "outer dims joined": (ops.reshape(X, shape=(12, 5)), 0, 0),
    "repeated along a row": (ops.broadcast_to(of(4, 1, 5), shape=(4, 3, 5)), 0, 1),
    "repeated in new rows": (ops.broadcast_to(of(3, 5), shape=(4, 3, 5)), 0, 0),
    "inner dims exchanged": (ops.permute_dims(X, axes=(0, 2, 1)), 0, 1),
    "outer dims exchanged": (ops.permute_dims(of(4, 4, 5), axes=(1, 0, 2)), 0, 0),
    "some columns": (ops.slice(X, start=(0, 0, 1), step=(1, 1, 2), shape=(4, 3, 2)), 0, 2),
    "the first rows": (ops.slice(X, start=(0, 0, 0), step=(1, 1, 1), shape=(2, 3, 5)), 0, 0),
    "later columns": (ops.slice(X, start=(0, 1, 0), step=(1, 1, 1), shape=(4, 2, 5)), 0, 1),
    "columns put apart": (
        ops.slice_adjoint(X, start=(0, 0, 1), step=(1, 1, 2), shape=(4, 3, 12)), 0, 2,
    ),
    "padded at the end of rows": (ops.pad(X, low=(0, 0, 0), high=(0, 0, 2), value=0.0), 0, 2),
    "padded in the middle": (ops.pad(X, low=(0, 1, 0), high=(0, 0, 2), value=0.0), 0, 1),
    "reversed rows": (ops.flip(X, axes=(2,)), 0, 2),
    "rows in reverse": (ops.flip(X, axes=(2, 0)), 0, 0),
    "nothing reversed": (ops.flip(X, axes=()), 0, 3),
    "joined along rows": (ops.concat(X, X, axis=2), 1, 2),
    "joined in rows": (ops.concat(X, X, axis=0), 0, 0),
    "one of many": (ops.one_hot(I, depth=(3,), dtype=float32), 0, 2),
    "picked columns": (ops.gather(X, of(3, dtype=int64), axes=(2,), position=2), 0, 2),
    "picked columns, put first": (ops.gather(X, of(3, dtype=int64), axes=(2,), position=0), 0, 0),
    "the positions of what is picked": (ops.gather(X, I, axes=(0,), position=0), 1, 2),
    "positions put later": (ops.gather(X, I, axes=(2,), position=1), 1, 0),
    "picked from its own row": (ops.gather(X, along(0), I, axes=(0, 1), position=0), 0, 1),
    "picked from its own place": (ops.gather(X, along(0), along(1), axes=(0, 1), position=0), 0, 2),
    "picked from a row of another number": (
        ops.gather(of(3, 4, 5), along(1), along(0), axes=(0, 1), position=0), 0, 0,
    ),
    "picked from the first rows": (
        ops.gather(of(6, 3), along(0), I, axes=(0, 1), position=0), 0, 0,
    ),
    "picked by a count that wraps around": (
        ops.gather(of(200, 3), ops.iota(shape=(200,), dtype=int8, axis=0), axes=(0,), position=0),
        0, 0,
    ),
    "a product": (ops.matmul(of(4, 3), of(3, 5)), 0, 0),
    "what is scanned": (ops.cumsum(X, axis=2), 0, 0),
}  # fmt: skip


@pytest.mark.parametrize("title", KNOWN)
def test_known_numbers(title: str) -> None:
    node, k, expected = KNOWN[title]
    assert aligned_dims(node, k) == expected


@pytest.mark.parametrize("title", KNOWN)
def test_known_rows_change_nothing(title: str) -> None:
    node, k, count = KNOWN[title]
    arrays = [values_for(source) for source in node.inputs]
    for row in rows_of(arrays[k].shape, count):
        assert stays(node, arrays, k, row)


def values_for(node: Node) -> Array:
    """An iota's values; distinct ones elsewhere, and small ones for indices."""
    if node.op.name == "iota":
        return compute(node, [])
    count = node.tensor.size
    assert isinstance(count, int)
    values = np.arange(count) if node.dtype.is_float else np.arange(count) * 2 % 3
    return np.asarray(values.reshape(node.shape), node.dtype.numpy)


# Whether the tests above can fail -----------------------------------------------------------

# nodes, and the dims in which they are aligned with their first input
EXACT: list[tuple[Node, int]] = [
    (ops.reshape(of(4, 6), shape=(4, 3, 2)), 1),
    (ops.permute_dims(of(4, 4), axes=(1, 0)), 0),
    (ops.flip(of(4, 5), axes=(1,)), 1),
    (ops.pad(of(4, 5), low=(0, 1), high=(0, 0), value=0.0), 1),
    (ops.cumsum(of(4, 5), axis=0), 0),
    (ops.sort(of(4, 5), axis=1), 1),
]


@pytest.mark.parametrize(("node", "count"), EXACT, ids=lambda value: str(value))
def test_a_dim_too_many_shows(node: Node, count: int) -> None:
    arrays = [values_for(source) for source in node.inputs]
    if node.op.name == "sort":
        arrays = [-arrays[0]]
    common = [min(pair) for pair in zip(node.shape, arrays[0].shape, strict=False)]
    rows = [list(np.ndindex(*common[:depth])) for depth in (count, count + 1)]
    assert all(stays(node, arrays, 0, row) for row in rows[0])
    assert not all(stays(node, arrays, 0, row) for row in rows[1])
