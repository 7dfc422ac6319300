"""Every result is one chain of multiply-adds in the order of depth, however it is cut."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from graphc.codegen.caches import Caches
from graphc.codegen.executable import Role
from graphc.codegen.target import Target
from graphc.codegen.threads import parallel
from graphc.compiler import compile_graph
from graphc.ir.dtypes import DType, float32, float64
from graphc.ir.graph import extract
from graphc.ir.node import Node
from graphc.ir.opdef import REGISTRY
from graphc.ops import ops
from graphc.runtime.native import Native
from graphc.runtime.pool import Pool
from tests.codegen.products.checking import Array, Given, b, k, known, m, n, relu, spread, turned
from tests.codegen.running import Program
from tests.codegen.targets import chosen

TARGETS = chosen()


def numbers(shape: tuple[int, ...], dtype: DType = float32, seed: int = 0) -> Array:
    """Of very different sizes, so that another order shows."""
    rng = np.random.default_rng((seed, *shape))
    found = rng.normal(size=shape) * np.exp2(rng.integers(-12, 13, shape))
    return np.asarray(found, dtype.numpy)


def chain(left: Array, right: Array) -> Array:
    """Multiply-adds one after another, from 0."""
    total: Array = np.zeros((left.shape[0], right.shape[1]), left.dtype)
    for step in range(left.shape[1]):
        terms = np.broadcast_arrays(left[:, step, None], right[None, step], total)
        total = np.asarray(REGISTRY["fma"].reference({}, *terms))
    return total


# rows, depth, columns: plain loops, a tile, several tiles, panels of depth
SHAPES = [(3, 5, 7), (14, 30, 32), (37, 41, 43), (5, 650, 6), (33, 1300, 20)]


@pytest.mark.parametrize(("target", "dtype"), [("host", float32), ("lesser", float64)], ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_result_is_a_chain(shape: tuple[int, int, int], target: str, dtype: DType) -> None:
    """For sizes known when compiled and when run, in either layout."""
    rows, depth, columns = shape
    left, right = numbers((rows, depth), dtype), numbers((depth, columns), dtype)
    feeds = [left, right, np.ascontiguousarray(left.T)]
    expected = chain(left, right).tobytes()
    for dims in (shape, (m, k, n)):
        x = Given(dtype)
        first, second, back = x(*dims[:2]), x(*dims[1:]), x(dims[1], dims[0])
        outputs = [
            ops.matmul(first, second),
            ops.matmul(turned(back), second),
            turned(ops.matmul(turned(second), back)),
        ]
        for got in Program(x.nodes, outputs, TARGETS[target])(*feeds):
            assert got.tobytes() == expected, dims


@pytest.mark.parametrize("dims", [(m, k, n), (37, 700, 45)], ids=str)
def test_what_else_is_fetched_changes_no_bit(dims: Any) -> None:
    """Sums wait in the memory of results or apart, and go through what is done to them."""
    given = {"m": 37, "k": 700, "n": 45}
    x = Given()
    left, right, bias, other = x(*dims[:2]), x(*dims[1:]), x(dims[2]), x(dims[0], dims[2])
    total = ops.matmul(left, right)
    shifted = ops.add(total, spread(bias, total))
    first = relu(ops.add(shifted, other))
    second = ops.matmul(first, turned(right))
    every = [first, total, shifted, second, ops.sum(first, axes=(0,)), ops.matmul(left, right)]
    feeds = [numbers(known(node.shape, given), seed=place) for place, node in enumerate(x.nodes)]
    together = Program(x.nodes, every)(*feeds)
    for place in range(5):
        for others in ([], [shifted, first]):
            alone = Program(x.nodes, [every[place], *others])(*feeds)[0]
            assert alone.tobytes() == together[place].tobytes(), (place, len(others))
    assert together[5].tobytes() == together[1].tobytes()


#: Panels of one tile, of a few, and larger ones than this machine's.
CACHES = [Caches(1, 1), Caches(70_001, 70_001), Caches(140_003, 1 << 30), Caches(12 << 20, 1 << 30)]


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_caches_change_no_bit(target: Target) -> None:
    """Whatever their sizes; deep sums wait in results, apart, and for what is done to them."""
    x = Given()
    left, right, other = x(300, 1300), x(1300, 701), x(300, 701)
    total = ops.matmul(left, right)
    outputs = [total, relu(ops.add(total, other)), turned(ops.matmul(turned(right), turned(left)))]
    outputs += [
        ops.matmul(x(m, k), x(k, n)),
        ops.astype(ops.matmul(x(m, k), x(k, n)), dtype=float64),
    ]
    given = {"m": 61, "k": 1300, "n": 701}
    feeds = [numbers(known(node.shape, given), seed=place) for place, node in enumerate(x.nodes)]
    seen = set()
    for caches in CACHES:
        results = Program(x.nodes, outputs, replace(target, caches=caches))(*feeds)
        seen.add(tuple(result.tobytes() for result in results))
    assert len(seen) == 1


@pytest.fixture(scope="module")
def pools() -> Iterator[list[Pool]]:
    made = [Pool(threads) for threads in (1, 2, 3, 8)]
    yield made
    for pool in made:
        pool.close()


def matrices(x: Given) -> list[Node]:
    total = ops.matmul(x(m, k), x(k, n))
    return [total, relu(ops.add(total, x(m, n))), ops.matmul(turned(x(m, k)), x(m, n))]


def parts(x: Given) -> list[Node]:
    """Few results and a long depth."""
    return [ops.matmul(turned(x(k, 130)), x(k, 128)), ops.matmul(x(9, 70_003), x(70_003, 11))]


def reduced_rows(x: Given) -> list[Node]:
    total = ops.matmul(x(m, k), x(k, n))
    masked = ops.mul(total, x(m, n))
    return [masked, ops.sum(masked, axes=(0,)), ops.max(total, axes=(0,))]


def stacks(x: Given) -> list[Node]:
    return [ops.matmul(x(b, m, k), x(b, k, n)), ops.matmul(x(b, 1, m, k), x(b, 1, k, 5))]


def convolutions(x: Given) -> list[Node]:
    data, weights, back = x(b, 5, 20, 21), x(8, 5, 3, 3), x(b, 8, 20, 21)
    attrs = {"strides": (1, 1), "low": (1, 1), "high": (1, 1), "dilations": (1, 1)}
    return [
        relu(ops.convolution(data, weights, **attrs)),
        ops.convolution_input(back, weights, **attrs, shape=(20, 21)),
        ops.convolution_weights(data, back, **attrs, shape=(3, 3)),
    ]


@pytest.mark.parametrize("piece", [1, 2000])
@pytest.mark.parametrize("build", [matrices, reduced_rows, parts, stacks, convolutions])
def test_threads_change_no_bit(
    build: Callable[[Given], list[Node]],
    piece: int,
    pools: list[Pool],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every block is a piece of its own, or there are several in one."""
    monkeypatch.setattr(parallel, "PIECE_WORK", piece)
    x = Given()
    executable = compile_graph(extract("test", build(x), inputs=x.nodes)).executable
    assert executable is not None
    native = Native(executable)
    for rows, depth, columns, stack in ((300, 70, 530, 2), (1, 600, 1, 1), (150, 0, 9, 7)):
        sizes = {"m": rows, "k": depth, "n": columns, "b": stack}
        feeds = [numbers(known(node.shape, sizes), seed=at) for at, node in enumerate(x.nodes)]
        signature = native.signature(feeds)
        seen = set()
        for pool in (None, *pools, *pools):
            results = native.fresh(Role.OUTPUT, signature)
            for result in results:
                result.reshape(-1).view(np.uint8).fill(0xFF)
            native.call(signature, feeds, [], results, [], pool.address if pool else None)
            seen.add(b"".join(result.tobytes() for result in results))
        assert len(seen) == 1
