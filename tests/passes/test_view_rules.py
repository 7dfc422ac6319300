"""Every rule for views, on shapes where it applies and where it must not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from graphc.ir.dims import Size, symbol
from graphc.ir.dtypes import DType, bool_, float32, int8
from graphc.ir.node import Node
from graphc.ops import ops
from graphc.passes.view_rules import MOST_PARTS, VIEW_RULES
from tests.passes.values import assert_applies, placeholder, rule_named

N = symbol("n")
Sample = tuple[str, tuple[Size, ...], Callable[[Node], Node]]


def plain(x: Node, start: tuple[Size, ...], shape: tuple[Size, ...]) -> Node:
    return ops.slice(x, start=start, step=(1,) * len(shape), shape=shape)


APPLIES: list[Sample] = [
    ("passed_on", (3, N), lambda x: ops.identity(x)),
    ("passed_on", (3, N), lambda x: ops.stop_gradient(x)),
    ("reshape_to_same", (3, N), lambda x: ops.reshape(x, shape=(3, N))),
    ("reshape_of_reshape", (N, 6), lambda x: ops.reshape(
        ops.reshape(x, shape=(6 * N,)), shape=(N, 2, 3))),
    ("permute_by_nothing", (3, N), lambda x: ops.permute_dims(x, axes=(0, 1))),
    ("permute_by_nothing", (), lambda x: ops.permute_dims(x, axes=())),
    ("permute_of_permute", (2, N, 4), lambda x: ops.permute_dims(
        ops.permute_dims(x, axes=(1, 2, 0)), axes=(0, 2, 1))),
    ("broadcast_to_same", (N,), lambda x: ops.broadcast_to(x, shape=(N,))),
    ("broadcast_of_broadcast", (N, 1), lambda x: ops.broadcast_to(
        ops.broadcast_to(x, shape=(N, 3)), shape=(2, N, 3))),
    ("broadcast_of_leading_ones", (N,), lambda x: ops.broadcast_to(
        ops.reshape(x, shape=(1, 1, N)), shape=(2, 3, N))),
    ("broadcast_of_leading_ones", (), lambda x: ops.broadcast_to(
        ops.reshape(x, shape=(1,)), shape=(N,))),
    ("slice_of_everything", (3, N), lambda x: plain(x, (0, 0), (3, N))),
    ("slice_of_everything", (1, N), lambda x: ops.slice(
        x, start=(0, 0), step=(-1, 1), shape=(1, N))),
    ("slice_of_slice", (20,), lambda x: ops.slice(
        ops.slice(x, start=(17,), step=(-3,), shape=(5,)), start=(1,), step=(2,), shape=(2,))),
    ("slice_of_slice", (20,), lambda x: ops.slice(
        ops.slice(x, start=(1,), step=(1,), shape=(0,)), start=(9,), step=(2,), shape=(0,))),
    ("slice_of_slice", (N + 4,), lambda x: plain(plain(x, (1,), (N + 2,)), (2,), (N,))),
    ("slice_of_concat", (N, 3), lambda x: plain(ops.concat(x, x, x, axis=0), (N, 1), (N, 2))),
    ("slice_of_concat", (N, 3), lambda x: ops.slice(
        ops.concat(x, x, axis=1), start=(N - 1, 5), step=(-1, -1), shape=(N, 3))),
    ("slice_of_pad", (N,), lambda x: plain(
        ops.pad(x, low=(2,), high=(1,), value=9.0), (2,), (N,))),
    ("slice_of_pad", (6,), lambda x: ops.slice(
        ops.pad(x, low=(2,), high=(0,), value=9.0), start=(7,), step=(-2,), shape=(3,))),
    ("slice_of_own_adjoint", (3, N), lambda x: ops.slice(
        ops.slice_adjoint(x, start=(1, 0), step=(2, 1), shape=(8, N)),
        start=(1, 0), step=(2, 1), shape=(3, N))),
    ("slice_adjoint_of_everything", (3, N), lambda x: ops.slice_adjoint(
        x, start=(0, 0), step=(1, 1), shape=(3, N))),
    ("flip_of_nothing", (N,), lambda x: ops.flip(x, axes=())),
    ("flip_of_nothing", (1, N), lambda x: ops.flip(x, axes=(0,))),
    ("flip_of_nothing", (1, N), lambda x: ops.flip(x, axes=(0, 1))),
    ("flip_of_flip", (2, 3, N), lambda x: ops.flip(ops.flip(x, axes=(0, 1)), axes=(2, 1))),
    ("flip_of_flip", (3, N), lambda x: ops.flip(ops.flip(x, axes=(1,)), axes=(1,))),
    ("pad_by_nothing", (3, N), lambda x: ops.pad(x, low=(0, 0), high=(0, 0), value=1.0)),
    ("pad_of_pad", (3, N), lambda x: ops.pad(
        ops.pad(x, low=(1, 0), high=(0, 2), value=1.0), low=(0, 1), high=(3, 1), value=1.0)),
    ("concat_of_one", (3, N), lambda x: ops.concat(x, axis=1)),
    ("concat_with_nothing", (3, N), lambda x: ops.concat(x, plain(x, (0, 0), (0, N)), x, axis=0)),
    ("concat_with_nothing", (0, N), lambda x: ops.concat(x, x, axis=0)),
    ("view_of_repeated", (), lambda x: ops.reshape(
        ops.broadcast_to(x, shape=(N, 6)), shape=(3, 2 * N))),
    ("view_of_repeated", (1, 1), lambda x: ops.permute_dims(
        ops.broadcast_to(x, shape=(N, 6)), axes=(1, 0))),
    ("view_of_repeated", (1,), lambda x: ops.flip(ops.broadcast_to(x, shape=(N, 6)), axes=(1,))),
    ("view_of_repeated", (), lambda x: plain(ops.broadcast_to(x, shape=(N, 6)), (0, 1), (N, 2))),
    ("view_of_repeated", (), lambda x: plain(ops.broadcast_to(x, shape=(6,)), (2,), (1,))),
    ("view_of_repeated", (), lambda x: ops.reshape(ops.broadcast_to(x, shape=(1,)), shape=())),
]  # fmt: skip

DOES_NOT_APPLY: list[Sample] = [
    ("reshape_to_same", (3, N), lambda x: ops.reshape(x, shape=(N, 3))),
    ("permute_by_nothing", (3, 3), lambda x: ops.permute_dims(x, axes=(1, 0))),
    ("broadcast_of_leading_ones", (3,), lambda x: ops.broadcast_to(
        ops.reshape(x, shape=(3, 1)), shape=(3, N))),
    ("slice_of_everything", (4,), lambda x: plain(x, (1,), (3,))),
    ("slice_of_everything", (4,), lambda x: ops.slice(x, start=(3,), step=(-1,), shape=(4,))),
    ("slice_of_everything", (N,), lambda x: plain(x, (0,), (4,))),
    ("slice_of_concat", (N, 3), lambda x: plain(ops.concat(x, x, axis=1), (0, 2), (N, 2))),
    ("slice_of_concat", (N,), lambda x: plain(ops.concat(x, x, axis=0), (1,), (N,))),
    ("slice_of_concat", (2,), lambda x: plain(
        ops.concat(*[x] * (MOST_PARTS + 1), axis=0), (0,), (2,))),
    ("slice_of_pad", (N,), lambda x: plain(
        ops.pad(x, low=(2,), high=(1,), value=9.0), (1,), (N,))),
    ("slice_of_own_adjoint", (3,), lambda x: plain(
        ops.slice_adjoint(x, start=(1,), step=(2,), shape=(8,)), (1,), (3,))),
    ("slice_adjoint_of_everything", (3,), lambda x: ops.slice_adjoint(
        x, start=(2,), step=(-1,), shape=(3,))),
    ("flip_of_nothing", (3, N), lambda x: ops.flip(x, axes=(1,))),
    ("pad_by_nothing", (N,), lambda x: ops.pad(x, low=(N,), high=(0,), value=1.0)),
    ("pad_of_pad", (N,), lambda x: ops.pad(
        ops.pad(x, low=(1,), high=(0,), value=0.0), low=(0,), high=(1,), value=-0.0)),
    ("concat_with_nothing", (N,), lambda x: ops.concat(x, x, axis=0)),
    ("view_of_repeated", (3, 1), lambda x: ops.reshape(
        ops.broadcast_to(x, shape=(3, 4)), shape=(12,))),
]  # fmt: skip


@pytest.mark.parametrize("dtype", [float32, int8, bool_], ids=str)
@pytest.mark.parametrize("sample", APPLIES, ids=lambda sample: sample[0])
def test_applies(sample: Sample, dtype: DType) -> None:
    name, shape, make = sample
    assert_applies(rule_named(VIEW_RULES, name), make(placeholder("x", dtype, shape)))


@pytest.mark.parametrize("sample", DOES_NOT_APPLY, ids=lambda sample: sample[0])
def test_does_not_apply(sample: Sample) -> None:
    name, shape, make = sample
    node = make(placeholder("x", float32, shape))
    assert rule_named(VIEW_RULES, name).apply(node) is None


def test_every_rule_has_samples() -> None:
    assert {name for name, _, _ in APPLIES} == {rule.name for rule in VIEW_RULES}
    assert all(rule.note for rule in VIEW_RULES)
