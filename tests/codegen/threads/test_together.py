"""Launches that run at the same time: the same bits, however they are shared out."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from graphc.codegen.executable import Role
from graphc.codegen.threads import parallel
from graphc.compiler import Compilation, compile_graph
from graphc.ir.dims import symbol
from graphc.ir.dtypes import float32
from graphc.ir.graph import extract
from graphc.ir.node import Node
from graphc.ops import ops
from graphc.runtime.native import Native
from graphc.runtime.pool import Pool
from graphc.runtime.reference import evaluate

SIZES = (1, 3, 64, 700, 0, 5000, 65, 2)
n = symbol("n")


@pytest.fixture(scope="module")
def pools() -> Iterator[list[Pool]]:
    made = [Pool(threads) for threads in (1, 2, 3, 8)]
    yield made
    for pool in made:
        pool.close()


def many(sizes: tuple[int, ...] = SIZES) -> tuple[list[Node], list[Node]]:
    """Inputs of several sizes, and what is computed of each: a map, a scan, a sort."""
    inputs, outputs = [], []
    for k, size in enumerate((*sizes, n)):
        x = ops.placeholder(shape=(size,), dtype=float32, name=f"x{k}")
        inputs.append(x)
        outputs += [ops.exp(ops.neg(x)), ops.cumsum(x, axis=0), ops.sort(x, axis=0)]
    return inputs, outputs


def compiled() -> tuple[list[Node], Compilation]:
    inputs, outputs = many()
    return inputs, compile_graph(extract("many", outputs, inputs=inputs))


@pytest.mark.parametrize("piece", [1, 500, parallel.PIECE_WORK])
def test_every_launch_runs_just_once(
    piece: int, pools: list[Pool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parallel, "PIECE_WORK", piece)
    inputs, made = compiled()
    assert made.executable is not None and made.schedule is not None
    assert max(map(len, made.schedule.batches())) > 10
    native = Native(made.executable)
    rng = np.random.default_rng(0)
    for size in (0, 1, 777):
        feeds = [
            rng.standard_normal(size if k == len(SIZES) else SIZES[k]).astype(np.float32)
            for k in range(len(inputs))
        ]
        given = dict(zip(inputs, feeds, strict=True))
        expected, _ = evaluate(made.graph, given, {"n": size})
        signature = native.signature(feeds)
        for pool in [*pools, None]:
            results = native.fresh(Role.OUTPUT, signature)
            native.call(signature, feeds, [], results, [], pool.address if pool else None)
            for mine, other in zip(results, expected, strict=True):
                np.testing.assert_allclose(mine, other, rtol=1e-5, atol=1e-5)


def test_maps_of_many_sizes_are_one_kernel() -> None:
    _, made = compiled()
    assert made.schedule is not None
    maps = [one for one in made.schedule.launches if one.nodes[0].op.name == "exp"]
    usual = {one.kernel.key() for one in maps if one.nodes[0].shape[0] not in (0, 1)}
    assert len(usual) == 1
