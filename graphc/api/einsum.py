"""Einstein's summation convention."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from graphc.api.blame import fail_attribute, fail_shape
from graphc.api.contraction import DOTS, agreed, contract, dot_labels, ordering, sizes_of
from graphc.api.contraction_order import Pair, best_pairs, labels_of_products
from graphc.api.operands import TensorLike, graph_of, to_nodes
from graphc.ir.dims import Size, product
from graphc.ir.node import Node
from graphc.ops.labelled_products import Labels, Term

if TYPE_CHECKING:
    from graphc.api.tensor import Tensor


class EinsumPath(NamedTuple):
    """In which order tensors are multiplied, and what that costs."""

    pairs: tuple[Pair, ...]
    cost: Size


def einsum(subscripts: str, /, *operands: TensorLike) -> Tensor:
    """The sum of products that the subscripts describe, as `numpy.einsum` reads them.

    A letter names an axis: "ij,jk->ik" is the matrix product. Without "->" the result has the
    letters that occur once, in the order of the alphabet. "..." stands for any number of leading
    dims, which broadcast. A letter that stands twice in one term takes the diagonal.

    Several tensors are multiplied two at a time, in the order that `einsum_path` tells. No tensor
    is copied to move its dims.
    """
    graph = graph_of("einsum", *operands)
    terms, wanted = _read("einsum", subscripts, operands)
    return graph.tensor(contract("einsum", terms, wanted))


def einsum_path(subscripts: str, /, *operands: TensorLike) -> EinsumPath:
    """The order in which `einsum` multiplies tensors, and the number of its multiply-adds.

    Each pair gives the positions of two tensors that are taken off the list; their product is put
    at its end. The cost is an expression in the dims. The order is the one of least cost for up to
    8 tensors, greedy beyond; a symbol counts as 64, and of orders that cost the same the one from
    left to right is taken. Errors are those of `einsum`.
    """
    terms, wanted = _read("einsum_path", subscripts, operands)
    terms = agreed("einsum_path", terms)
    given, sizes = ordering(terms, wanted), sizes_of(terms)
    pairs = best_pairs(given)
    cost: Size = 0
    for labels in labels_of_products(given, pairs):
        cost = cost + product(sizes[label] for label in sorted(labels))
    return EinsumPath(pairs, cost)


def _read(op: str, subscripts: str, operands: tuple[TensorLike, ...]) -> tuple[list[Term], Labels]:
    """The tensors with labelled axes, and the labels of the result."""
    nodes = _nodes(op, operands)
    inputs, arrow, output = "".join(subscripts.split()).partition("->")
    parts = inputs.split(",")
    if len(parts) != len(nodes):
        fail_attribute(op, f"{subscripts!r} has {len(parts)} terms for {len(nodes)} tensors")
    terms = [_term(op, part, node) for part, node in zip(parts, nodes, strict=True)]
    return terms, _output_labels(op, output, terms) if arrow else _implied_labels(terms)


def _nodes(op: str, operands: tuple[TensorLike, ...]) -> list[Node]:
    if not operands:
        fail_attribute(op, "needs at least one tensor")
    return to_nodes(op, *operands)


def _term(op: str, part: str, node: Node) -> Term:
    """A tensor with its axes labelled; those that dots stand for count from the last: ...1."""
    before, dots, after = part.partition(DOTS)
    letters = before + after
    if not all(letter.isalpha() for letter in letters):
        fail_attribute(op, f"{part!r} has something else than letters and one ellipsis")
    rest = len(node.shape) - len(letters)
    if rest < 0 or (rest and not dots):
        fail_shape(op, f"the subscripts {part!r} do not fit {node.type}")
    return Term(node, (*before, *dot_labels(rest), *after))


def _all_dots(terms: list[Term]) -> Labels:
    return dot_labels(max(sum(label.startswith(DOTS) for label in term.labels) for term in terms))


def _output_labels(op: str, output: str, terms: list[Term]) -> Labels:
    before, dots, after = output.partition(DOTS)
    known = {label for term in terms for label in term.labels}
    for letter in before + after:
        if letter not in known or output.count(letter) > 1:
            fail_attribute(op, f"the output {output!r} must name axes of the terms, each once")
    leading = _all_dots(terms)
    if leading and not dots:
        fail_attribute(op, f"the output {output!r} needs the ellipsis of the terms")
    return (*before, *leading, *after)


def _implied_labels(terms: list[Term]) -> Labels:
    letters = [label for term in terms for label in term.labels if not label.startswith(DOTS)]
    once = sorted(letter for letter in letters if letters.count(letter) == 1)
    return (*_all_dots(terms), *once)
