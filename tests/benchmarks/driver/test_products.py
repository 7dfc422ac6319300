from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
from rich.console import Console

import graphc as gc
from benchmarks.driver.products import products
from benchmarks.driver.records import Report
from benchmarks.driver.report import show
from graphc.runtime.profile import JobProfile, LaunchProfile, Profile
from tests.benchmarks.made_up import report
from tests.runtime.test_profile import ALONE, LAYER, PROFILE, TOGETHER, node

SMALL = JobProfile(
    (LaunchProfile(3, 1, (node("matmul", 9),), ("%3",), 10, 2_000, 1, ()),), 1e-6, 1e-6
)


def profiled(profile: Profile) -> Report:
    found = report()
    found.measurements[0].own.profile = profile.data()
    return found


def shown(found: Report) -> list[str]:
    console = Console(file=io.StringIO())
    show(found, console)
    assert isinstance(console.file, io.StringIO)
    return [" ".join(line.split()) for line in console.file.getvalue().splitlines()]


def test_each_product_has_a_row() -> None:
    profile = replace(PROFILE, jobs=(ALONE, TOGETHER, SMALL))
    lines = shown(profiled(profile))
    row = "%r0 256 x 64 x 100 2 40.0 us 160 32% 14 x 32 x w add, tanh to %2"
    assert f"fused_elementwise float32 {row}" in lines
    assert "matmul 1.00 us 2.00 none" in lines
    assert not any("exp" in line for line in lines)


def test_the_peak_is_that_of_as_many_threads() -> None:
    assert any(" 160 64% 14 x 32 " in line for line in shown(profiled(replace(PROFILE, threads=1))))
    assert any(" 160 14 x 32 " in line for line in shown(profiled(replace(PROFILE, threads=3))))


def test_launches_with_several_products_have_one_time() -> None:
    twice = replace(LAYER, products=LAYER.products * 2, flops=2 * LAYER.flops)
    lines = shown(profiled(replace(PROFILE, jobs=(JobProfile((twice,), 40e-6, 40e-6),))))
    assert [line for line in lines if " 2 40.0 us " in line] == []
    assert len([line for line in lines if "256 x 64 x 100 2 14 x 32" in line]) == 2


def test_nothing_to_show() -> None:
    assert products(report()) is None
    assert products(profiled(replace(PROFILE, jobs=(TOGETHER,)))) is None


def test_what_a_session_says_is_understood() -> None:
    with gc.Graph() as graph:
        x = gc.placeholder(gc.float64, ("n", 30), name="x")
        y = gc.tanh(x @ gc.variable([[1.0] * 20] * 30, name="w"))
    with gc.Session(graph) as session:
        profile = session.profile(y, {x: np.ones((50, 30))})
    assert any(" 50 x 20 x 30 " in line for line in shown(profiled(profile)))
