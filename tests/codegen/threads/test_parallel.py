"""Launches cut into pieces: the same bits and errors, whoever runs which piece."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from graphc.codegen.executable import Role
from graphc.codegen.threads import parallel
from graphc.compiler import compile_graph
from graphc.errors import OutOfRangeError
from graphc.ir.dims import symbol
from graphc.ir.dtypes import float32, int64
from graphc.ir.graph import extract
from graphc.ir.node import Node
from graphc.ops import ops
from graphc.runtime.native import Native
from graphc.runtime.pool import Pool
from tests.properties.comparing import for_all, quick_and_long
from tests.properties.pairing import Array
from tests.properties.random_graphs import SIZES, Script, Twins, scripts
from tests.properties.running import Compiled, same_bits

THREADS = (1, 2, 3, 8)
n = symbol("n")


@pytest.fixture(scope="module")
def pools() -> Iterator[list[Pool]]:
    made = [Pool(threads) for threads in THREADS]
    yield made
    for pool in made:
        pool.close()


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every loop is cut as finely as it can be."""
    monkeypatch.setattr(parallel, "PIECE_WORK", 1)


@quick_and_long(40, 500)
def test_threads_change_no_bit(examples: int, pools: list[Pool], small_pieces: None) -> None:
    def check(script: Script) -> None:
        twins = Twins(script)
        compiled = Compiled(twins.graph())
        for sizes in SIZES:
            feeds = twins.feeds(sizes)
            alone = compiled(feeds)
            for pool in pools:
                shared = compiled(feeds, pool=pool.address)
                assert all(same_bits(alone, shared)), (sizes, pool.threads)

    for_all(scripts(), check, examples)


def loaded(outputs: list[Node]) -> Native:
    made = compile_graph(extract("test", outputs)).executable
    assert made is not None
    return Native(made)


def results(native: Native, feeds: list[Array], pool: Pool) -> list[Array]:
    signature = native.signature(feeds)
    found = native.fresh(Role.OUTPUT, signature)
    native.call(signature, feeds, [], found, [], pool.address)
    return found


def test_the_first_failed_check_is_reported(pools: list[Pool], small_pieces: None) -> None:
    """As if the pieces had run one after the other, however many threads there are."""
    x = ops.placeholder(shape=(10,), dtype=float32, name="x")
    i = ops.placeholder(shape=(n,), dtype=int64, name="i")
    native = loaded([ops.gather(x, i, axes=(0,), position=0)])
    source, places = np.arange(10, dtype=np.float32), np.arange(3000) % 10
    for pool in pools:
        np.testing.assert_array_equal(results(native, [source, places], pool)[0], source[places])
    wrong = places.copy()
    wrong[[1500, 700, 2900]] = 77, 55, 99
    for pool in pools:
        for _ in range(20):
            with pytest.raises(OutOfRangeError, match="index 55 is out of range"):
                results(native, [source, wrong], pool)


@pytest.mark.parametrize("size", [0, 1, 63, 64, 65, 128 * 64, 128 * 64 + 1, 1_000_003])
def test_every_position_is_in_one_piece(size: int, pools: list[Pool], small_pieces: None) -> None:
    x = ops.placeholder(shape=(n,), dtype=float32, name="x")
    native = loaded([ops.add(x, x)])
    given = np.arange(size, dtype=np.float32)
    for pool in pools:
        np.testing.assert_array_equal(results(native, [given], pool)[0], given * 2)
