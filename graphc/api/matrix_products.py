"""Products of several matrices, of all pairs of elements, and systems of tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from graphc.api.blame import blamed, fail_attribute, fail_shape
from graphc.api.broadcasting import broadcast_nodes, fitted
from graphc.api.contraction import contract
from graphc.api.contraction_order import Chain, best_chain
from graphc.api.manipulation import permuted, reshaped, sliced
from graphc.api.matrices import as_square, check_float, square_node
from graphc.api.operands import TensorLike, graph_of, to_node, to_nodes
from graphc.api.shapes import as_axes, as_axis, as_int
from graphc.ir.dims import product, unify
from graphc.ir.node import Node
from graphc.ir.types import Shape
from graphc.ops import ops
from graphc.ops.labelled_products import Labels, Term
from graphc.ops.matrices import identity_like

if TYPE_CHECKING:
    from graphc.api.tensor import Tensor


def matrix_power(x: TensorLike, n: int, /) -> Tensor:
    """Square matrices times themselves, n times in all; for negative n their inverses.

    n = 0 gives identities. It takes about 2*log2(n) products. The errors of the inverse are those
    of `solve`.
    """
    op = "matrix_power"
    graph, node, power = graph_of(op, x), square_node(op, x), as_int(op, n, "n")
    if power < 0:
        check_float(op, node)
    with blamed(op):
        if power == 0:
            return graph.tensor(identity_like(node))
        if power < 0:
            node = ops.solve(node, identity_like(node), transposed=False)
        return graph.tensor(_power(node, abs(power)))


def _power(node: Node, n: int) -> Node:
    if n == 1:
        return node
    half = _power(node, n // 2)
    squared = ops.matmul(half, half)
    return ops.matmul(squared, node) if n % 2 else squared


def multi_dot(arrays: Sequence[TensorLike], /) -> Tensor:
    """The product of two or more matrices, in the order of least multiply-adds.

    The first may be a vector, which counts as a row, and the last one too, as a column; that dim
    does not appear in the result. For the order, which is fixed when the graph is built, a symbol
    counts as 64.
    """
    op = "multi_dot"
    graph, nodes = graph_of(op, *arrays), to_nodes(op, *arrays)
    if len(nodes) < 2:
        fail_attribute(op, f"needs at least two matrices, not {len(nodes)}")
    for k, node in enumerate(nodes):
        if len(node.shape) != 2 and not (len(node.shape) == 1 and k in (0, len(nodes) - 1)):
            fail_shape(op, f"needs matrices, or a vector at an end, not {node.type} at place {k}")
    labels: list[Labels] = [(str(k), str(k + 1)) for k in range(len(nodes))]
    rows, columns = [node.shape[0] for node in nodes], nodes[-1].shape[-1]
    if len(nodes[0].shape) == 1:
        labels[0], rows[0] = labels[0][1:], 1
    if len(nodes[-1].shape) == 1:
        labels[-1], columns = labels[-1][:1], 1
    terms = [Term(*pair) for pair in zip(nodes, labels, strict=True)]
    return graph.tensor(_chained(op, terms, best_chain([*rows, columns])).node)


def _chained(op: str, terms: Sequence[Term], chain: Chain) -> Term:
    """The product of a chain of terms, each with the labels of its two ends."""
    if isinstance(chain, int):
        return terms[chain]
    left, right = (_chained(op, terms, part) for part in chain)
    labels = (*left.labels[:-1], *right.labels[1:])
    return Term(contract(op, [left, right], labels), labels)


def kron(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """The Kronecker product: every element of x1 times all of x2, in its place.

    Along each dim the sizes are multiplied; the operand of fewer dims gets leading dims of size 1.
    """
    graph, nodes = graph_of("kron", x1, x2), to_nodes("kron", x1, x2)
    rank = max(len(node.shape) for node in nodes)
    shapes: list[Shape] = [(1,) * (rank - len(node.shape)) + node.shape for node in nodes]
    apart = [
        tuple(part for size in shape for part in ((size, 1), (1, size))[k])
        for k, shape in enumerate(shapes)
    ]
    pairs = [reshaped(node, shape) for node, shape in zip(nodes, apart, strict=True)]
    with blamed("kron"):
        found = ops.mul(*broadcast_nodes("kron", pairs))
    return graph.tensor(reshaped(found, tuple(a * b for a, b in zip(*shapes, strict=True))))


def cross(x1: TensorLike, x2: TensorLike, /, *, axis: int = -1) -> Tensor:
    """The cross product of vectors of three elements along an axis; other dims broadcast."""
    graph, nodes = graph_of("cross", x1, x2), to_nodes("cross", x1, x2)
    ranks = [len(node.shape) for node in nodes]
    from_last = max(ranks) - as_axis("cross", axis, max(ranks))
    if from_last > min(ranks):
        fail_shape(
            "cross", f"{nodes[ranks.index(min(ranks))].type} has no axis {axis} of the other"
        )
    for node in nodes:
        if unify(node.shape[-from_last], 3) is None:
            fail_shape("cross", f"needs 3 elements along axis {axis}, not those of {node.type}")
    three = [
        fitted(node, (*node.shape[:-from_last], 3, *node.shape[len(node.shape) - from_last + 1 :]))
        for node in nodes
    ]
    left, right = broadcast_nodes("cross", three)
    place = len(left.shape) - from_last
    ahead = ops.mul(_turned(left, place, 1), _turned(right, place, 2))
    behind = ops.mul(_turned(left, place, 2), _turned(right, place, 1))
    return graph.tensor(ops.sub(ahead, behind))


def _turned(node: Node, axis: int, by: int) -> Node:
    """The three elements along an axis, begun at another one."""
    return ops.concat(sliced(node, axis, by, 3 - by), sliced(node, axis, 0, by), axis=axis)


def tensorinv(x: TensorLike, /, ind: int = 2) -> Tensor:
    """The inverse of the map by `tensordot` from the last dims of x to its first `ind`.

    The result has the last dims first. Errors are those of `inv`, which it is under other shapes.
    """
    op = "tensorinv"
    graph, node, split = graph_of(op, x), to_node(op, x), as_int(op, ind, "ind")
    if not 0 < split < len(node.shape):
        fail_attribute(op, f"ind must leave dims on both sides of {node.type}, not {split}")
    first, last = node.shape[:split], node.shape[split:]
    matrix = _as_matrix(op, node, first, last)
    with blamed(op):
        found = ops.solve(matrix, identity_like(matrix), transposed=False)
    return graph.tensor(reshaped(found, (*last, *first)))


def tensorsolve(
    x1: TensorLike, x2: TensorLike, /, *, axes: int | Sequence[int] | None = None
) -> Tensor:
    """The solution x of tensordot(x1, x, axes=x.ndim) = x2.

    The first dims of x1 are those of x2, the others those of x; `axes` of x1 are moved to its end
    before. Errors are those of `solve`, which it is under other shapes.
    """
    op = "tensorsolve"
    graph, (a, b) = graph_of(op, x1, x2), to_nodes(op, x1, x2)
    if axes is not None:
        moved = as_axes(op, axes, len(a.shape))
        a = permuted(a, (*(k for k in range(len(a.shape)) if k not in moved), *moved))
    rank = len(b.shape)
    if not 0 < rank < len(a.shape):
        fail_shape(op, f"{a.type} has not the dims of {b.type} and others")
    first, last = a.shape[:rank], a.shape[rank:]
    if any(unify(*sizes) is None for sizes in zip(first, b.shape, strict=True)):
        fail_shape(op, f"the first dims of {a.type} are not those of {b.type}")
    matrix = _as_matrix(op, a, first, last)
    with blamed(op):
        column = reshaped(fitted(b, first), (product(first), 1))
        found = ops.solve(matrix, column, transposed=False)
    return graph.tensor(reshaped(found, last))


def _as_matrix(op: str, node: Node, first: Shape, last: Shape) -> Node:
    """The tensor as one square matrix, with a row for each place in the first dims."""
    return as_square(op, reshaped(node, (product(first), product(last))))
