"""Which products are wide, and with which of them what follows can be done row by row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import graphc as gc
from graphc.ir.dtypes import DType
from graphc.ir.graph import Graph, extract
from graphc.schedule.bands.wide import is_wide_product, regions
from tests.schedule.bands.attention import FORMS, Attention, scores


def tensor(*shape: Any, dtype: DType = gc.float32) -> gc.Tensor:
    return gc.placeholder(dtype, shape)


def built(*outputs: gc.Tensor) -> Graph:
    return extract("test", [output.node for output in outputs])


@pytest.mark.parametrize(
    ("rows", "columns", "expected"),
    [
        (("b", 4, 64, 32), ("b", 4, 32, 64), True),
        (("b", 4, "t", 128), ("b", 4, 128, "t"), True),
        (("b", 4, 64, 33), ("b", 4, 33, 64), False),
        (("b", 4, 1, 16), ("b", 4, 16, 512), False),
        (("b", 4, "t", 129), ("b", 4, 129, "t"), False),
        (("b", "t", "d"), ("b", "d", "t"), False),
        ((256, 32), (32, 256), True),
        (("n", 64), (64, 256), False),
        (("b", 4, 64, 32), (32, 64), False),
    ],
    ids=str,
)
def test_wide(rows: tuple[Any, ...], columns: tuple[Any, ...], expected: bool) -> None:
    """Depth fits in twice, eight times without stacks, and both operands are of the stack."""
    with gc.Graph():
        node = gc.matmul(tensor(*rows), tensor(*columns)).node
        assert is_wide_product(node) is expected


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("back", [False, True])
def test_attention_is_found(form: str, back: bool) -> None:
    graph = Attention(form, ("b", 64, 4, 16) if form == "by_letters" else ("b", 4, 64, 16),
                      back=back).graph()  # fmt: skip
    found = regions(graph)
    layers = 2 if form == "twice" else 1
    assert len(found) == layers
    for region in found:
        over_rows = [use.parts is not None for use in region.uses.values()]
        assert sorted(over_rows) == ([False, False, True, True] if back else [False])


def softmaxes() -> list[gc.Tensor]:
    q, k, v = (tensor("b", 4, 64, 16) for _ in "qkv")
    weights = gc.nn.softmax(scores(q, k))
    return [q, k, v, weights, gc.matmul(weights, v)]


def spread() -> list[gc.Tensor]:
    *_, weights, result = softmaxes()
    return [result, gc.sum(weights, axis=-2)]


def sorted_weights() -> list[gc.Tensor]:
    *_, weights, _ = softmaxes()
    return [gc.sort(weights, axis=-1)]


def squared() -> list[gc.Tensor]:
    *_, weights, _ = softmaxes()
    return [gc.matmul(weights, gc.matrix_transpose(weights))]


def shifted() -> list[gc.Tensor]:
    _, _, v, weights, _ = softmaxes()
    return [gc.matmul(gc.flip(weights, axis=-2), v)]


def along_rows() -> list[gc.Tensor]:
    q, k, v, *_ = softmaxes()
    return [gc.matmul(gc.nn.softmax(scores(q, k), axis=-2), v)]


def two_layers_of_a_network() -> list[gc.Tensor]:
    hidden = gc.nn.relu(gc.matmul(tensor("n", 64), tensor(64, 128)))
    return [gc.matmul(hidden, tensor(128, 10))]


@pytest.mark.parametrize(
    "build", [spread, sorted_weights, squared, shifted, along_rows, two_layers_of_a_network]
)
def test_what_needs_wide_values_whole(build: Callable[[], list[gc.Tensor]]) -> None:
    with gc.Graph():
        assert regions(built(*build())) == []


def test_fetched_weights_are_stored_on_the_way() -> None:
    with gc.Graph():
        *_, weights, result = softmaxes()
        (region,) = regions(built(result, weights))
        assert weights.node in region.near
