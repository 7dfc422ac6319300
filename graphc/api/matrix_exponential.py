"""The exponential of matrices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphc.api.blame import blamed
from graphc.api.matrices import check_float, square_node
from graphc.api.operands import TensorLike, graph_of
from graphc.ir.dtypes import int64
from graphc.ir.node import Node
from graphc.ops import ops
from graphc.ops.algebra import add, div, mul, sub, where
from graphc.ops.declaring import scalar_like
from graphc.ops.matrices import identity_like, spread_over

if TYPE_CHECKING:
    from graphc.api.tensor import Tensor

#: By bits of the dtype: the degree of the Pade approximant, and the largest norm for which its
#: backward error is below the unit roundoff (Higham, tables 2.1 and 2.3).
_DEGREES = {64: (13, 5.371920351148152), 32: (7, 3.925724783138660)}


def matrix_exp(x: TensorLike, /) -> Tensor:
    """The exponentials (..., n, n) of square matrices: the sums of x^k / k!.

    By scaling and squaring (Higham, "The scaling and squaring method for the matrix exponential
    revisited", 2005): each matrix is halved as often as its 1-norm asks for, a Pade approximant of
    degree 13 (7 in float32) is taken, and the result is squared as often. Gradients are those of
    these steps. A matrix with a NaN or infinity gives NaN.
    """
    op = "matrix_exp"
    graph, node = graph_of(op, x), square_node(op, x)
    check_float(op, node)
    if 0 in node.shape:
        return graph.tensor(node)
    degree, bound = _DEGREES[node.dtype.bits]
    with blamed(op):
        norm = _norm(ops.stop_gradient(node))
        is_finite = ops.lt(norm, scalar_like(norm, float("inf")))
        everywhere = spread_over(is_finite, node)
        halvings = where(is_finite, _halvings(norm, bound), 0)
        scale = ops.exp2(ops.astype(ops.neg(halvings), dtype=node.dtype))
        scaled = mul(where(everywhere, node, 0.0), spread_over(scale, node))
        found = _squared(graph.tensor(_pade(scaled, degree)), graph.tensor(halvings))
        return graph.tensor(where(everywhere, found.node, float("nan")))


def _norm(x: Node) -> Node:
    """The largest sum of absolute values in a column."""
    rank = len(x.shape)
    return ops.max(ops.sum(ops.abs(x), axes=(rank - 2,)), axes=(rank - 2,))


def _halvings(norm: Node, bound: float) -> Node:
    """How often a matrix is to be halved until its norm is no more than the bound."""
    wanted = ops.ceil(ops.log2(div(norm, bound)))
    return ops.astype(ops.maximum(wanted, scalar_like(wanted, 0.0)), dtype=int64)


def _pade(x: Node, degree: int) -> Node:
    """The approximant whose numerator and denominator have that degree, odd and at least 7.

    Even and odd powers apart, the denominator is what the numerator is for -x. Powers beyond the
    sixth are products with it.
    """
    c = [1.0]
    for k in range(1, degree + 1):
        c.append(c[-1] * (degree - k + 1) / ((2 * degree - k + 1) * k))
    second = ops.matmul(x, x)
    fourth = ops.matmul(second, second)
    powers = [identity_like(x), second, fourth, ops.matmul(fourth, second)]
    odd = ops.matmul(x, _even(powers, c[1::2]))
    even = _even(powers, c[::2])
    return ops.solve(sub(even, odd), add(even, odd), transposed=False)


def _even(powers: list[Node], coefficients: list[float]) -> Node:
    """The sum of coefficients times the powers 0, 2, 4, 6, and 8, 10, 12 if there are more."""
    first = _sum(powers, coefficients[:4])
    if len(coefficients) <= 4:
        return first
    return add(ops.matmul(powers[3], _sum(powers[1:], coefficients[4:])), first)


def _sum(powers: list[Node], coefficients: list[float]) -> Node:
    terms = [mul(power, c) for power, c in zip(powers, coefficients, strict=True)]
    total = terms[-1]
    for term in reversed(terms[:-1]):
        total = add(total, term)
    return total


def _squared(x: Tensor, times: Tensor) -> Tensor:
    """Each matrix squared so many times; the others wait for those that take longest."""
    from graphc.api.loops import while_loop  # of tensors, which have products from this package

    graph = x.graph
    most = times.max() if times.shape else times

    def turn(done: Tensor, power: Tensor) -> tuple[Tensor, Tensor]:
        chosen = spread_over((done < times).node, power.node)
        product = ops.matmul(power.node, power.node)
        return done + 1, graph.tensor(ops.where(chosen, product, power.node))

    start = most * 0
    _, found = while_loop(lambda done, power: done < most, turn, (start, x))
    assert isinstance(found, type(x))
    return found
