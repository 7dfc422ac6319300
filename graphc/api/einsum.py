"""Einstein's summation convention."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphc.api.blame import fail_attribute, fail_shape
from graphc.api.contraction import Labels, Term, contract
from graphc.api.manipulation import reshaped
from graphc.api.operands import TensorLike, graph_of, to_nodes
from graphc.ir.node import Node

if TYPE_CHECKING:
    from graphc.api.tensor import Tensor

_DOTS = "..."


def einsum(subscripts: str, /, *operands: TensorLike) -> Tensor:
    """The sum of products that the subscripts describe, as `numpy.einsum` reads them.

    A letter names an axis: "ij,jk->ik" is the matrix product. Without "->" the result has the
    letters that occur once, in the order of the alphabet. "..." stands for any number of leading
    dims, which broadcast. A letter that stands twice in one term takes the diagonal.
    """
    graph, nodes = graph_of("einsum", *operands), _nodes(operands)
    inputs, arrow, output = "".join(subscripts.split()).partition("->")
    parts = inputs.split(",")
    if len(parts) != len(nodes):
        fail_attribute("einsum", f"{subscripts!r} has {len(parts)} terms for {len(nodes)} tensors")
    terms = [_term(part, node) for part, node in zip(parts, nodes, strict=True)]
    wanted = _output_labels(output, terms) if arrow else _implied_labels(terms)
    return graph.tensor(contract("einsum", _broadcast(terms), wanted))


def _nodes(operands: tuple[TensorLike, ...]) -> list[Node]:
    if not operands:
        fail_attribute("einsum", "needs at least one tensor")
    return to_nodes("einsum", *operands)


def _term(part: str, node: Node) -> Term:
    """A tensor with its axes labelled; those that dots stand for count from the last: ...1."""
    before, dots, after = part.partition(_DOTS)
    letters = before + after
    if not all(letter.isalpha() for letter in letters):
        fail_attribute("einsum", f"{part!r} has something else than letters and one ellipsis")
    rest = len(node.shape) - len(letters)
    if rest < 0 or (rest and not dots):
        fail_shape("einsum", f"the subscripts {part!r} do not fit {node.type}")
    return Term(node, (*before, *_dot_labels(rest), *after))


def _dot_labels(count: int) -> Labels:
    return tuple(f"{_DOTS}{k}" for k in range(count, 0, -1))


def _all_dots(terms: list[Term]) -> Labels:
    return _dot_labels(max(sum(label.startswith(_DOTS) for label in term.labels) for term in terms))


def _output_labels(output: str, terms: list[Term]) -> Labels:
    before, dots, after = output.partition(_DOTS)
    known = {label for term in terms for label in term.labels}
    for letter in before + after:
        if letter not in known or output.count(letter) > 1:
            fail_attribute(
                "einsum", f"the output {output!r} must name axes of the terms, each once"
            )
    leading = _all_dots(terms)
    if leading and not dots:
        fail_attribute("einsum", f"the output {output!r} needs the ellipsis of the terms")
    return (*before, *leading, *after)


def _implied_labels(terms: list[Term]) -> Labels:
    letters = [label for term in terms for label in term.labels if not label.startswith(_DOTS)]
    once = sorted(letter for letter in letters if letters.count(letter) == 1)
    return (*_all_dots(terms), *once)


def _broadcast(terms: list[Term]) -> list[Term]:
    """The terms without those axes of the ellipsis that are 1 and repeat along another's."""
    found: list[Term] = []
    for term in terms:
        kept = [k for k, label in enumerate(term.labels) if not _repeats(label, term, terms)]
        shape = tuple(term.node.shape[k] for k in kept)
        found.append(Term(reshaped(term.node, shape), tuple(term.labels[k] for k in kept)))
    return found


def _repeats(label: str, term: Term, terms: list[Term]) -> bool:
    if not label.startswith(_DOTS) or term.size(label) != 1:
        return False
    return any(label in other.labels and other.size(label) != 1 for other in terms)
