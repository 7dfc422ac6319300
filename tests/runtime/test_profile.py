"""Profiles as tables and as data."""

from __future__ import annotations

import json
from dataclasses import replace

from graphc.codegen.products.summary import OperandSummary, ProductSummary
from graphc.ir.dims import symbol
from graphc.runtime.profile import ComputedNode, JobProfile, LaunchProfile, Profile, shortened

PRODUCT = ProductSummary(
    result="%r0", dtype="f32", blocks=2, rows=256, columns=64, depth=(100,), flops=6_400_000,
    tile=(14, 32), panel=(100, 168, 64), slides="", left=OperandSummary(("x",), (), False),
    right=OperandSummary(("w",), (), False), ops=("add", "tanh"), stores=("%2",),
)  # fmt: skip


def node(op: str, line: int, file: str = "/home/me/model.py") -> ComputedNode:
    return ComputedNode("%0", op, "f32[batch, 64]", f"{file}:{line}", False)


def launch(number: int, *nodes: ComputedNode, flops: int = 0) -> LaunchProfile:
    products = (PRODUCT,) if flops else ()
    return LaunchProfile(number, 0, nodes, ("%2",), 4_000, flops, 2, products)


LAYER = launch(0, node("matmul", 7), node("broadcast_to", 8), node("add", 8), flops=6_400_000)
ALONE = JobProfile((LAYER,), 40e-6, 32e-6)
TOGETHER = JobProfile((launch(1, node("exp", 9)), launch(2, node("reshape", 9))), 10e-6, 8e-6)
PROFILE = Profile((ALONE, TOGETHER), {"batch": 500}, 2, 5, 51e-6, 40e-6)


def test_the_table() -> None:
    assert str(PROFILE).splitlines() == [
        "51.0 µs in the median of 5 runs, 2 threads",
        "launch    µs  least  share  GFLOP/s  GB/s  pieces  computes     lines",
        "     0  40.0   32.0  80.0%    160.0   0.1       2  matmul, add  model.py:7,8",
        "     1  10.0    8.0  20.0%            0.8       2  exp          model.py:9",
        "     2                                          2  %2           model.py:9",
    ]


def test_launches_that_ran_often_or_never() -> None:
    often, never = replace(LAYER, runs=3, turns=700), replace(LAYER, number=1, runs=0, pieces=0)
    jobs = JobProfile((often,), 40e-6, 32e-6), JobProfile((never,), 0.0, 0.0)
    profile = Profile(jobs, {"_turns1": 700}, 1, 5, 51e-6, 40e-6)
    assert profile.repeats_launches and not PROFILE.repeats_launches
    assert [line[:38] for line in str(profile).splitlines()[1:]] == [
        "launch           runs    µs  least   s",
        "     0  3 (700 turns)  40.0   32.0  10",
        "     1              0   0.0    0.0    ",
    ]
    assert profile.data()["jobs"][0]["launches"][0]["turns"] == 700


def test_nothing_to_run() -> None:
    assert str(Profile((), {}, 1, 3, 0.0, 0.0)).startswith(
        "0.0 µs in the median of 3 runs, 1 thread\n"
    )


def test_sums_and_rates() -> None:
    assert (PROFILE.flops, TOGETHER.flops, TOGETHER.bytes) == (6_400_000, 0, 8_000)
    assert ALONE.flops_a_second == 6_400_000 / 40e-6 and TOGETHER.flops_a_second is None
    assert TOGETHER.bytes_a_second == 8_000 / 10e-6
    assert [each.number for each in PROFILE.launches] == [0, 1, 2]
    assert PROFILE.share(ALONE) + PROFILE.share(TOGETHER) == 1


def test_what_takes_no_time_has_no_rate() -> None:
    instant = JobProfile((LAYER,), 0.0, 0.0)
    assert instant.flops_a_second is None and instant.bytes_a_second is None
    assert Profile((instant,), {}, 1, 1, 0.0, 0.0).share(instant) == 0


def test_lines_by_file_in_the_order_of_nodes() -> None:
    nodes = [node("add", 9), node("mul", 3), node("add", 9), node("exp", 2, "C:\\me\\layers.py")]
    assert launch(0, *nodes).lines == "model.py:9,3, layers.py:2"
    assert launch(0, node("constant", 4)).lines == ""


def test_data_is_json() -> None:
    data = json.loads(PROFILE.to_json())
    assert data == PROFILE.data()
    assert data["sizes"] == {"batch": 500} and data["flops"] == 6_400_000
    job, together = data["jobs"]
    assert (job["seconds"], job["flops"], job["bytes"]) == (40e-6, 6_400_000, 4_000)
    assert job["launches"][0]["products"][0]["tile"] == [14, 32]
    assert [each["number"] for each in together["launches"]] == [1, 2]


def test_dims_that_are_no_numbers_are_texts_in_data() -> None:
    n = symbol("n")
    product = ProductSummary(
        "%r0", "f32", n, 1, 1, (n,), 2 * n, (1, 1), (1, 1, 1), False,
        PRODUCT.left, PRODUCT.right, (), (),
    )  # fmt: skip
    whole = LaunchProfile(0, 0, (), (), 0, 0, 1, (product,))
    data = Profile((JobProfile((whole,), 1.0, 1.0),), {}, 1, 1, 1.0, 1.0).data()
    assert data["jobs"][0]["launches"][0]["products"][0]["depth"] == ["n"]


def test_long_texts_end_in_dots() -> None:
    assert shortened("matmul, add", 11) == "matmul, add"
    assert shortened("matmul, add, exp", 11) == "matmul..."
