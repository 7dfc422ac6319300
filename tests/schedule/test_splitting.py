"""Which reductions take two steps, in what shapes, and that nothing else changes."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.ir.dims import Size, symbol
from graphc.ir.dtypes import float32, int64
from graphc.ir.graph import Graph, extract
from graphc.ir.node import Node
from graphc.ir.opdef import REGISTRY
from graphc.ops import ops
from graphc.schedule.blocks import BLOCK, CHUNK, blocks_of
from graphc.schedule.splitting import split_reductions
from tests.native import compile_native

n, m = symbol("n"), symbol("m")


def reduced(op: str, shape: tuple[Size, ...], axes: tuple[int, ...]) -> Graph:
    x = ops.placeholder(shape=shape, dtype=float32, name="x")
    return extract("g", [REGISTRY[op](x, axes=axes)])


def steps(graph: Graph) -> list[str]:
    """The nodes that are made, with the axes that they reduce and their shapes."""
    return [described(node) for node in graph.nodes if node.op.name != "placeholder"]


def described(node: Node) -> str:
    axes = node.attrs.get("axes", "")
    shape = ", ".join(map(str, node.shape))
    return f"{node.op.name}{list(axes) if axes else ''} -> [{shape}]"


BLOCKS, CHUNKS = "(n + 63)//64", "(n + 4095)//4096"

# shape and axes; the steps taken
CASES: list[tuple[tuple[Size, ...], tuple[int, ...], list[str]]] = [
    # along trailing axes: every row for itself
    ((n, 5), (1,), ["sum[1] -> [n]"]),
    ((n, 5, 3), (1, 2), ["sum[1, 2] -> [n]"]),
    ((5, 100000), (1,), ["sum[1] -> [5]"]),
    ((n, m, 3), (1,), ["sum[1] -> [n, 3]"]),
    # over leading axes: blocks of rows
    ((64, 5), (0,), ["sum[0] -> [5]"]),
    ((65, 5), (0,), ["block_reduce -> [2, 5]", "sum[0] -> [5]"]),
    ((n, 5), (0,), [f"block_reduce -> [{BLOCKS}, 5]", "sum[0] -> [5]"]),
    ((n, m), (0,), [f"block_reduce -> [{BLOCKS}, m]", "sum[0] -> [m]"]),
    ((8, 8, 3), (0, 1), ["sum[0, 1] -> [3]"]),
    ((8, 9, 3), (0, 1), ["block_reduce -> [2, 3]", "sum[0] -> [3]"]),
    ((8, 9, 3), (1, 0), ["block_reduce -> [2, 3]", "sum[0] -> [3]"]),
    ((100, 9, 3), (0,), ["block_reduce -> [2, 9, 3]", "sum[0] -> [9, 3]"]),
    # over trailing axes and others: each row first
    ((8, 9, 3), (0, 2), ["sum[2] -> [8, 9]", "sum[0] -> [9]"]),
    ((n, 9, 3), (2, 0), ["sum[2] -> [n, 9]", f"block_reduce -> [{BLOCKS}, 9]", "sum[0] -> [9]"]),
    ((8, 9, 3, 5), (1, 3), ["sum[3] -> [8, 9, 3]", "sum[1] -> [8, 3]"]),
    # over all axes: each row first
    ((64, 5), (0, 1), ["sum[1] -> [64]", "sum[0] -> []"]),
    ((65, 5), (0, 1), ["sum[1] -> [65]", "block_reduce -> [2]", "sum[0] -> []"]),
    ((n, 5), (0, 1), ["sum[1] -> [n]", f"block_reduce -> [{BLOCKS}]", "sum[0] -> []"]),
    ((8, 9, 3), (0, 1, 2), ["sum[2] -> [8, 9]", "block_reduce -> [2]", "sum[0] -> []"]),
    ((8, 8, 3), (0, 1, 2), ["sum[2] -> [8, 8]", "sum[0, 1] -> []"]),
    # a vector: chunks
    ((4096,), (0,), ["sum[0] -> []"]),
    ((4097,), (0,), ["chunk_reduce -> [2]", "sum[0] -> []"]),
    ((n,), (0,), [f"chunk_reduce -> [{CHUNKS}]", "sum[0] -> []"]),
    # nothing to do
    ((n, 5), (), ["sum -> [n, 5]"]),
    ((), (), ["sum -> []"]),
]


@pytest.mark.parametrize(("shape", "axes", "expected"), CASES)
def test_steps(shape: tuple[Size, ...], axes: tuple[int, ...], expected: list[str]) -> None:
    assert steps(split_reductions(reduced("sum", shape, axes))) == expected


@pytest.mark.parametrize("op", ["sum", "prod", "max", "min"])
def test_both_steps_combine_alike(op: str) -> None:
    graph = split_reductions(reduced(op, (n, 5), (0,)))
    partial, total = graph.nodes[-2:]
    assert (partial.attrs["combiner"], total.op.name) == (op, op)
    assert partial.dtype is total.dtype is float32


def test_others_stay() -> None:
    """Positions of extremes, products and scans, and the sums of what is summed already."""
    x = ops.placeholder(shape=(n, 5), dtype=float32, name="x")
    results = [ops.argmax(x, axis=0), ops.matmul(x, ops.permute_dims(x, axes=(1, 0)))]
    graph = extract("g", [*results, ops.cumsum(x, axis=0)])
    assert split_reductions(graph).nodes == graph.nodes


def test_a_step_knows_where_its_sum_was_written() -> None:
    graph = reduced("sum", (n, 5), (0, 1))
    (whole,) = graph.outputs
    split = split_reductions(graph)
    assert {node.location for node in split.nodes[1:]} == {whole.location}


@pytest.mark.parametrize("block", [BLOCK, CHUNK])
def test_blocks_cover_all_rows(block: int) -> None:
    for rows in (0, 1, block - 1, block, block + 1, 5 * block):
        assert blocks_of(rows, block) == -(-rows // block)


# The values ---------------------------------------------------------------------------------

SHAPES: list[tuple[tuple[Size, ...], tuple[int, ...]]] = [
    ((n, m), (0,)), ((n, m), (0, 1)), ((n, 1), (0,)), ((n, 1), (0, 1)),
    ((n, 2, m), (0, 1)), ((n, 2, m), (0, 1, 2)), ((n, 2, m), (0,)), ((n, 2, 1), (0, 1, 2)),
    ((n,), (0,)), ((65, m), (0,)), ((64, m), (0, 1)), ((9, 8, m), (0, 1)), ((5000,), (0,)),
]  # fmt: skip


@pytest.mark.parametrize("op", ["sum", "prod", "max", "min"])
@pytest.mark.parametrize(("shape", "axes"), SHAPES, ids=str)
def test_values(shape: tuple[Size, ...], axes: tuple[int, ...], op: str) -> None:
    """Of integers, which every order of combining gives alike."""
    x = ops.placeholder(shape=shape, dtype=int64, name="x")
    result = REGISTRY[op](x, axes=axes)
    run = compile_native([result])
    for sizes in ({"n": 1, "m": 3}, {"n": 64, "m": 1}, {"n": 65, "m": 7}, {"n": 130, "m": 70},
                  {"n": 9000, "m": 2}, {"n": 0, "m": 3}):  # fmt: skip
        given = tuple(sizes[str(size)] if size in (n, m) else int(str(size)) for size in shape)
        values = np.random.default_rng(sum(given)).integers(-99, 99, given)
        (found,) = run({x: values})
        np.testing.assert_array_equal(found, result.op.reference({"axes": axes}, values))


@pytest.mark.parametrize("op", ["any", "all"])
@pytest.mark.parametrize(("shape", "axes"), [((n, 3), (0,)), ((n, 3), (0, 1)), ((n,), (0,))])
def test_truth_in_steps(shape: tuple[Size, ...], axes: tuple[int, ...], op: str) -> None:
    """One element that differs, wherever it stands."""
    x = ops.placeholder(shape=shape, dtype=REGISTRY[op].dtypes[0], name="x")
    run = compile_native([REGISTRY[op](x, axes=axes)])
    usual = op == "all"
    for rows in (1, 65, 200, 5000):
        given = (rows, *(3 for _ in shape[1:]))
        for place in (0, rows // 2, rows - 1):
            values = np.full(given, usual)
            values[(place, *(1 for _ in shape[1:]))] = not usual
            (found,) = run({x: values})
            np.testing.assert_array_equal(found, getattr(np, op)(values, axes))


# a matrix and a vector: whether the matrix is turned before, and on which side it stands
@pytest.mark.parametrize("is_turned", [False, True])
@pytest.mark.parametrize("is_left", [False, True])
@pytest.mark.parametrize("stack", [(), (3,)])
def test_a_matrix_is_read_as_it_lies(
    stack: tuple[int, ...], is_left: bool, is_turned: bool
) -> None:
    """Sums run along its rows or over them, and no view of it moves elements."""
    matrix = ops.placeholder(shape=(*stack, 70, 90), dtype=float32, name="matrix")
    rank = len(matrix.shape)
    axes = (*range(rank - 2), rank - 1, rank - 2)
    seen = ops.permute_dims(matrix, axes=axes) if is_turned else matrix
    flat = (seen.shape[-1], 1) if is_left else (1, seen.shape[-2])
    vector = ops.placeholder(shape=(*stack, *flat), dtype=float32, name="vector")
    product = ops.matmul(seen, vector) if is_left else ops.matmul(vector, seen)
    prepared = split_reductions(extract("g", [product]))
    read = [node for node in prepared.nodes if matrix in node.inputs]
    assert [node.op for node in read] == [ops.mul]
    (summed,) = (node for node in prepared.nodes if read[0] in node.inputs)
    over_rows = is_left == is_turned
    if over_rows and not stack:
        assert described(summed) == "block_reduce -> [2, 90]"
    else:
        assert summed.attrs["axes"] == (rank - 2 if over_rows else rank - 1,)
    run, rng = compile_native([product]), np.random.default_rng(0)
    m, v = (rng.normal(size=node.shape).astype(np.float32) for node in (matrix, vector))
    (found,) = run({matrix: m, vector: v})
    turned = np.swapaxes(m, -1, -2) if is_turned else m
    np.testing.assert_allclose(found, turned @ v if is_left else v @ turned, rtol=0, atol=1e-4)
