"""Products with what surrounds them, as functions of placeholders and of their three dims."""

from __future__ import annotations

from typing import Any

from graphc.ir.dtypes import bool_, float32, int8
from graphc.ir.node import Node
from graphc.ops import ops
from tests.codegen.products.checking import Build, Given, b, constant, plus, relu, spread, turned

Size = Any


def cut(x: Node, start: tuple[int, ...], step: tuple[int, ...], *shape: Size) -> Node:
    return ops.slice(x, start=start, step=step, shape=shape)


# Operands that are views ---------------------------------------------------------------------


def offset_parts(x: Given, m: Size, k: Size, n: Size) -> list[Node]:
    """From inside larger matrices."""
    left = cut(x(m + 5, k + 3), (2, 3), (1, 1), m, k)
    right = cut(x(k + 1, n + 7), (1, 5), (1, 1), k, n)
    return [ops.matmul(left, right), ops.matmul(turned(right), turned(left))]


def every_other(x: Given, m: Size, k: Size, n: Size) -> list[Node]:
    """Every second row, every third column."""
    left = cut(x(2 * m + 1, 3 * k), (1, 2), (2, 3), m, k)
    right = cut(x(3 * k, 2 * n), (0, 1), (3, 2), k, n)
    return [ops.matmul(left, right), ops.matmul(turned(right), turned(left))]


def backwards(x: Given, m: Size, k: Size, n: Size) -> list[Node]:
    left, right = x(m, k), x(k, n)
    return [
        ops.matmul(ops.flip(left, axes=(0,)), ops.flip(right, axes=(1,))),
        ops.matmul(ops.flip(left, axes=(1,)), right),
        ops.matmul(ops.flip(left, axes=(0, 1)), ops.flip(right, axes=(0,))),
    ]


def padded(x: Given, m: Size, k: Size, n: Size) -> list[Node]:
    left = ops.pad(x(m, k), low=(1, 2), high=(0, 1), value=2.0)
    right = ops.pad(x(k, n), low=(3, 0), high=(0, 4), value=-1.0)
    return [ops.matmul(left, right)]


def joined(x: Given, m: Size, k: Size, n: Size) -> list[Node]:
    left = ops.concat(x(m, k), x(m, k), axis=1)
    right = ops.concat(x(k, n), x(k, n), axis=0)
    return [ops.matmul(left, right)]


def repeated(x: Given, m: Size, k: Size, n: Size) -> list[Node]:
    """One row, one column, one number again and again."""
    left, right = x(m, k), x(k, n)
    return [
        ops.matmul(ops.broadcast_to(x(1, k), shape=(m, k)), right),
        ops.matmul(left, ops.broadcast_to(x(1, n), shape=(k, n))),
        ops.matmul(left, ops.broadcast_to(x(k, 1), shape=(k, n))),
        ops.matmul(constant(2.0, left), right),
    ]


# Operands that are formulas ------------------------------------------------------------------


def computed_operands(x: Given, m: Size, k: Size, n: Size) -> list[Node]:
    left, right = x(m, k), x(k, n)
    return [
        ops.matmul(relu(left), plus(right, 2)),
        ops.matmul(ops.mul(left, constant(0.5, left)), relu(turned(turned(right)))),
    ]


def scaled_operands(x: Given, m: Size, k: Size, n: Size) -> list[Node]:
    """By factors along each dim."""
    left, right = x(m, k), x(k, n)
    by_row, by_depth, by_column = x(m, 1), x(1, k), x(1, n)
    return [
        ops.matmul(ops.mul(left, spread(by_row, left)), right),
        ops.matmul(ops.mul(left, spread(by_depth, left)), right),
        ops.matmul(left, ops.mul(right, spread(by_column, right))),
    ]


def converted_operands(x: Given, m: Size, k: Size, n: Size) -> list[Node]:
    other = float32 if x.dtype is not float32 else int8
    left, right = x(m, k, dtype=other), x(k, n, dtype=int8)
    pair = (ops.astype(one, dtype=x.dtype) for one in (left, right))
    return [ops.matmul(*pair)]


# What is done to results ---------------------------------------------------------------------


def product(x: Given, m: Size, k: Size, n: Size) -> Node:
    return ops.matmul(x(m, k), x(k, n))


def bias_and_relu(x: Given, m: Size, k: Size, n: Size) -> list[Node]:
    total = product(x, m, k, n)
    return [relu(ops.add(total, spread(x(n), total)))]


def residual(x: Given, m: Size, k: Size, n: Size) -> list[Node]:
    total = product(x, m, k, n)
    return [ops.add(total, x(m, n)), ops.sub(turned(x(n, m)), total)]


def masked(x: Given, m: Size, k: Size, n: Size) -> list[Node]:
    total = product(x, m, k, n)
    mask = x(m, n, dtype=bool_)
    return [ops.where(mask, total, constant(0.5, total)), ops.lt(total, constant(3, total))]


def several_results(x: Given, m: Size, k: Size, n: Size) -> list[Node]:
    total = product(x, m, k, n)
    shifted = ops.add(total, spread(x(m, 1), total))
    return [relu(shifted), shifted, total, ops.mul(shifted, x(m, n)), ops.neg(total)]


def sums_of_results(x: Given, m: Size, k: Size, n: Size) -> list[Node]:
    total = plus(product(x, m, k, n), 1)
    return [ops.sum(total, axes=(0,)), ops.max(total, axes=(1,)), ops.sum(total, axes=(0, 1))]


def two_products_added(x: Given, m: Size, k: Size, n: Size) -> list[Node]:
    return [ops.add(product(x, m, k, n), product(x, m, k, n))]


def one_after_another(x: Given, m: Size, k: Size, n: Size) -> list[Node]:
    first = relu(product(x, m, k, n))
    return [ops.matmul(first, x(n, m)), ops.matmul(x(k, m), first)]


def with_itself(x: Given, m: Size, k: Size, n: Size) -> list[Node]:
    one = x(m, k)
    return [ops.matmul(one, turned(one)), ops.matmul(turned(one), one)]


def turned_result(x: Given, m: Size, k: Size, n: Size) -> list[Node]:
    total = product(x, m, k, n)
    return [turned(total), ops.flip(total, axes=(1,)), ops.reshape(total, shape=(n * m,))]


# Stacks --------------------------------------------------------------------------------------


def stacked(x: Given, m: Size, k: Size, n: Size) -> list[Node]:
    return [ops.matmul(x(b, m, k), x(b, k, n)), ops.matmul(x(2, b, m, k), turned(x(2, b, n, k)))]


def one_for_all(x: Given, m: Size, k: Size, n: Size) -> list[Node]:
    """A stack times one matrix, and one matrix times a stack."""
    left, right = ops.broadcast_to(x(m, k), shape=(b, m, k)), x(k, n)
    total = ops.matmul(left, x(b, k, n))
    other = ops.matmul(x(b, m, k), ops.broadcast_to(right, shape=(b, k, n)))
    return [total, ops.add(total, spread(x(m, 1), total)), relu(ops.add(other, x(b, m, n)))]


def each_with_each(x: Given, m: Size, k: Size, n: Size) -> list[Node]:
    left = ops.broadcast_to(x(b, 1, m, k), shape=(b, 3, m, k))
    right = ops.broadcast_to(x(1, 3, k, n), shape=(b, 3, k, n))
    total = ops.matmul(left, right)
    return [ops.add(total, spread(x(1, 3, 1, n), total)), ops.sum(total, axes=(0,))]


def heads(x: Given, m: Size, k: Size, n: Size) -> list[Node]:
    """As in attention: heads lie inside rows."""
    queries = ops.permute_dims(x(b, m, 3, k), axes=(0, 2, 1, 3))
    keys = ops.permute_dims(x(b, n, 3, k), axes=(0, 2, 3, 1))
    scores = ops.matmul(queries, keys)
    mixed = ops.matmul(scores, ops.permute_dims(x(b, n, 3, k), axes=(0, 2, 1, 3)))
    return [scores, ops.reshape(ops.permute_dims(mixed, axes=(0, 2, 1, 3)), shape=(b, m, 3 * k))]


PROGRAMS: dict[str, Build] = {
    build.__name__: build
    for build in (
        offset_parts, every_other, backwards, padded, joined, repeated,
        computed_operands, scaled_operands, converted_operands,
        bias_and_relu, residual, masked, several_results, sums_of_results, two_products_added,
        one_after_another, with_itself, turned_result,
        stacked, one_for_all, each_with_each, heads,
    )
}  # fmt: skip
