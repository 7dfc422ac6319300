"""Blocks of a product that lie below one another are one block to a thread that has them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from graphc.codegen import program
from graphc.codegen.executable import Role
from graphc.codegen.products import emission, plan
from graphc.codegen.products.below import SOME, below, goes_together
from graphc.codegen.target import Target
from graphc.codegen.threads import parallel
from graphc.compiler import Compilation, compile_graph
from graphc.ir.dtypes import float32
from graphc.ir.graph import extract
from graphc.ir.node import Node
from graphc.ops import ops
from graphc.runtime.native import Native
from graphc.runtime.pool import Pool
from graphc.schedule.products import blocks
from graphc.schedule.statements import Loop
from tests.codegen.products.checking import Array, Given, n, relu, spread, turned

HOST = Target("x86_64-unknown-linux-gnu", "x86-64-v4", "", 512)

Build = Callable[[Given], list[Node]]


def layer(x: Given) -> list[Node]:
    """With results that are stored before and after what is done to them."""
    total = ops.matmul(x(100, 70), x(70, 90))
    return [total, relu(ops.add(total, spread(x(90), total)))]


BUILDS: dict[str, Build] = {
    "edges": lambda x: [ops.matmul(x(100, 70), x(70, 90))],
    "whole": lambda x: [ops.matmul(x(96, 70), x(70, 96))],
    "one block of columns": lambda x: [ops.matmul(turned(x(70, 100)), x(70, 20))],
    "both turned": lambda x: [ops.matmul(turned(x(70, 100)), turned(x(90, 70)))],
    "stack": lambda x: [ops.matmul(x(3, 100, 70), x(3, 70, 40))],
    "layer": layer,
}


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of 32 rows, whose operands are packed."""
    monkeypatch.setattr(blocks, "MOST", 32)
    monkeypatch.setattr(plan, "direct", lambda product, target: None)


def compiled(build: Build) -> Compilation:
    x = Given()
    return compile_graph(extract("test", build(x), inputs=x.nodes))


def loops(made: Compilation) -> list[Loop]:
    assert made.schedule is not None
    bodies = [launch.kernel.body for launch in made.schedule.launches]
    return [loop for body in bodies for loop in body if isinstance(loop, Loop)]


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("name", BUILDS)
def test_found(name: str) -> None:
    (loop,) = loops(compiled(BUILDS[name]))
    found = below(loop, HOST)
    assert isinstance(loop.axis.extent, int)
    assert goes_together(loop, HOST) is (loop.axis.extent >= SOME)
    assert found is not None
    assert (found.rows, found.count) == ((32, 3) if name == "whole" else (32, 4))


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    "build",
    [
        lambda x: [ops.matmul(x(30, 70), x(70, 90))],
        lambda x: [ops.matmul(x(n, 70), x(70, 90))],
        lambda x: [ops.sum(ops.matmul(x(100, 70), x(70, 90)), axes=(0,))],
        lambda x: [ops.add(x(100, 70), x(100, 70))],
    ],
    ids=["one block of rows", "unknown rows", "sums over rows", "no product"],
)
def test_not_found(build: Build) -> None:
    for loop in loops(compiled(build)):
        assert below(loop, HOST) is None
        assert not goes_together(loop, HOST)


def test_products_read_in_place_have_blocks_apart() -> None:
    (loop,) = loops(compiled(lambda x: [ops.matmul(x(4096, 64), x(64, 64))]))
    assert below(loop, HOST) is None
    assert not goes_together(loop, HOST)


@pytest.fixture(scope="module")
def pools() -> Iterator[list[Pool | None]]:
    made = [Pool(threads) for threads in (2, 3, 5)]
    yield [None, *made]
    for pool in made:
        pool.close()


def outcomes(native: Native, feeds: list[Array], pools: list[Pool | None]) -> set[bytes]:
    signature, seen = native.signature(feeds), set()
    for pool in pools:
        results = native.fresh(Role.OUTPUT, signature)
        for result in results:
            result.fill(np.nan)
        native.call(signature, feeds, [], results, [], pool.address if pool else None)
        seen.add(b"".join(result.tobytes() for result in results))
    return seen


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("name", ["both turned", "stack", "layer"])
def test_bits_are_those_of_blocks_apart(
    name: str, pools: list[Pool | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever a thread's blocks begin and end."""
    monkeypatch.setattr(parallel, "PIECE_WORK", 1)
    rng, seen = np.random.default_rng(1), set()
    x = Given()
    nodes = BUILDS[name](x)
    graph = extract("test", nodes, inputs=x.nodes)
    feeds: list[Any] = [rng.normal(size=node.shape).astype(float32.numpy) for node in x.nodes]
    for each, found in ((1, below), (2, below), (0, lambda loop, target: None)):
        monkeypatch.setattr(program, "EACH", each)
        monkeypatch.setattr(emission, "below", found)
        executable = compile_graph(graph).executable
        assert executable is not None
        seen |= outcomes(Native(executable), feeds, pools)
    assert len(seen) == 1
