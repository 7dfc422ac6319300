"""Results do not depend on what else is fetched, on the run, or on what memory held before."""

from __future__ import annotations

import platform

import numpy as np
import pytest

from graphc.codegen.target import CPU_VARIABLE, Target, current_target
from graphc.ir.graph import extract
from tests.properties.comparing import Expected, for_all, quick_and_long
from tests.properties.random_graphs import SIZES, Script, Twins, scripts
from tests.properties.running import Compiled, same_bits


@quick_and_long(25, 500)
def test_fetching_more_changes_no_bit(examples: int) -> None:
    for_all(scripts(), fetching_more_changes_no_bit, examples)


def fetching_more_changes_no_bit(script: Script) -> None:
    """With every value fetched nothing is recomputed, and kernels are cut elsewhere."""
    twins = Twins(script)
    inputs = [value.node for value in twins.values if value.twin is None]
    few = Compiled(twins.graph())
    others = [value.node for value in twins.values if value.twin]
    more = Compiled(extract("more", [*twins.outputs, *others], inputs=inputs))
    for sizes in SIZES:
        feeds = twins.feeds(sizes)
        alone = few(feeds)
        assert all(same_bits(alone, more(feeds)[: len(alone)])), sizes


@quick_and_long(20, 300)
def test_runs_do_not_see_what_memory_held(examples: int) -> None:
    for_all(scripts(), runs_do_not_see_what_memory_held, examples)


def runs_do_not_see_what_memory_held(script: Script) -> None:
    """Neither the arena nor the memory of results is read before it is written."""
    twins = Twins(script)
    compiled = Compiled(twins.graph())
    for sizes in SIZES:
        feeds = twins.feeds(sizes)
        first = compiled(feeds, memory=0x00)
        for memory in (0xFF, 0x5A):
            assert all(same_bits(first, compiled(feeds, memory=memory))), (sizes, memory)


@quick_and_long(15, 200)
def test_feeds_stay_as_they_were(examples: int) -> None:
    for_all(scripts(), feeds_stay_as_they_were, examples)


def feeds_stay_as_they_were(script: Script) -> None:
    twins = Twins(script)
    compiled = Compiled(twins.graph())
    feeds, again = twins.feeds(SIZES[0]), twins.feeds(SIZES[0])
    results = compiled(feeds)
    assert all(np.array_equal(feeds[node], again[node]) for node in feeds)
    assert not any(np.shares_memory(out, fed) for out in results for fed in feeds.values())


@pytest.fixture(scope="module")
def plain() -> Target:
    """A lesser CPU of the machine's family, with narrower vectors than this one may have."""
    lesser = {"x86_64": "x86-64-v3", "amd64": "x86-64-v3"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(CPU_VARIABLE, lesser.get(platform.machine().lower(), "generic"))
        return current_target()


@quick_and_long(20, 500)
def test_a_lesser_cpu_gives_the_same_bits(examples: int, plain: Target) -> None:
    def check(script: Script) -> None:
        twins = Twins(script)
        best, lesser = Compiled(twins.graph()), Compiled(twins.graph(), plain)
        for sizes in SIZES:
            feeds = twins.feeds(sizes)
            got = lesser(feeds)
            Expected(twins, feeds, sizes).check(got)
            assert all(same_bits(got, best(feeds))), sizes

    for_all(scripts(), check, examples)
