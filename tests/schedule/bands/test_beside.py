"""Which values beside wide ones are worked out for each band, and which are kept for all."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import graphc as gc
from graphc.ir.graph import extract
from graphc.ir.opdef import Kind
from graphc.schedule.bands.beside import beside
from graphc.schedule.bands.cutting import in_bands
from graphc.schedule.bands.wide import regions
from graphc.schedule.lowering import prepared, schedule
from tests.schedule.bands.attention import hashed, scores

N = 64


def operands() -> tuple[gc.Tensor, ...]:
    return tuple(gc.placeholder(gc.float32, ("b", 4, N, 16)) for _ in "qkv")


def noise() -> gc.Tensor:
    at = gc.astype(gc.arange(N), gc.float32)
    return gc.sin(gc.expand_dims(at, 1) * 17 + at)


def attention(bias: gc.Tensor) -> gc.Tensor:
    q, k, v = operands()
    return gc.matmul(gc.nn.softmax(scores(q, k) + bias), v)


def by_position() -> list[gc.Tensor]:
    return [attention(noise())]


def in_two_layers() -> list[gc.Tensor]:
    bias = noise()
    return [attention(bias), attention(bias)]


def by_a_hash() -> list[gc.Tensor]:
    q, k, v = operands()
    s = scores(q, k)
    random = hashed(s.shape, gc.placeholder(gc.int32, ()))
    return [gc.matmul(gc.nn.softmax(gc.where(random > 9, s, 0.0)), v)]


def reduced_elsewhere() -> list[gc.Tensor]:
    bias = noise()
    return [attention(bias), gc.max(bias, axis=-1)]


def of_what_is_fed() -> list[gc.Tensor]:
    return [attention(gc.sin(gc.placeholder(gc.float32, (N, N))))]


def fetched() -> list[gc.Tensor]:
    bias = noise()
    return [attention(bias), bias]


def sorted_elsewhere() -> list[gc.Tensor]:
    bias = noise()
    return [attention(bias), gc.sort(bias)]


def gathered() -> list[gc.Tensor]:
    at = gc.arange(N)
    return [attention(gc.take(gc.placeholder(gc.float32, (N, N)), at * at % N, axis=0))]


def of_rows() -> list[gc.Tensor]:
    return [attention(gc.sin(gc.placeholder(gc.float32, (N, 1))))]


def costly() -> list[gc.Tensor]:
    bias = noise()
    for _ in range(12):
        bias = gc.sin(bias + 1)
    return [attention(bias)]


def long() -> list[gc.Tensor]:
    bias = noise()
    for _ in range(1000):
        bias = bias + 1
    return [attention(bias)]


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (by_position, True), (in_two_layers, True), (by_a_hash, True), (reduced_elsewhere, True),
        (of_what_is_fed, True), (fetched, False), (sorted_elsewhere, False), (gathered, False),
        (of_rows, False), (costly, False), (long, False),
    ],
)  # fmt: skip
def test_what_bands_work_out(build: Callable[[], list[gc.Tensor]], expected: bool) -> None:
    with gc.Graph():
        graph = extract("test", [one.node for one in build()])
        found = beside(graph, regions(graph)).values()
        assert found
        for values in found:
            formulas = [n for n in values.read | values.inner if n.op.kind is Kind.ELEMENTWISE]
            assert bool(formulas) is expected


def test_one_value_is_worked_out_for_each_band() -> None:
    with gc.Graph():
        graph = extract("test", [one.node for one in by_a_hash()])
        made, (band,) = in_bands(graph)
        (region,) = regions(graph)
        (own,) = beside(graph, [region])[region].read
    assert own not in made.nodes
    assert sum(node.op is own.op and node.inputs == own.inputs for node in band.nodes) == 1
    assert all(node not in band.nodes for node in band.inline)


@pytest.mark.parametrize("build", [by_position, in_two_layers])
def test_no_kernel_is_for_them_alone(build: Callable[[], list[gc.Tensor]]) -> None:
    with gc.Graph():
        outputs = build()
        graph, bands = prepared(extract("test", [one.node for one in outputs]))
        assert len(schedule(graph, bands).launches) == len(bands) == len(outputs)
