"""Sums over the turns of a loop that need not be added up turn by turn.

What a loop back adds for something that all turns read, such as a matrix of weights, is a product
or a sum over rows each time. The rows of all turns together make one product, or one sum, which is
far faster than many small ones: so the loop leaves rows, and the sum is taken when it is over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from graphc.ir import dims
from graphc.ir.node import Node
from graphc.ops.contraction import labels_of
from graphc.ops.declaring import ops
from graphc.ops.labelled_products import Labels, Term, labelled_product

#: Terms that a sum of products has in one turn, from which on it is as fast turn by turn.
MOST_TERMS = 256

#: The stack of a value over all turns.
StackOf = Callable[[Node], Node]

_TURN = "turn"


def rows_of_sum(part: Node) -> list[Node] | None:
    """The values whose stacks make the sum of a value over all turns; None if it has no such."""
    rows = list(_rows(part))
    return None if None in rows else [row for row in rows if row is not None]


def _rows(part: Node) -> Iterator[Node | None]:
    match part.op.name:
        case _ if is_small_product(part):
            yield from (_moved(operand)[0] for operand in part.inputs)
        case "sum":
            yield part.inputs[0]
        case "permute_dims" | "reshape" | "add":
            for operand in part.inputs:
                yield from _rows(operand)
        case _:
            yield None


def sum_over_turns(part: Node, stack_of: StackOf) -> Node:
    """The sum of a value over all turns, for which `rows_of_sum` has found rows."""
    match part.op.name:
        case "matmul" | "contract":
            left, right, to = labels_of(part)
            terms = [
                _term(operand, labels, stack_of)
                for operand, labels in zip(part.inputs, (left, right), strict=True)
            ]
            return labelled_product(terms[0], terms[1], to)
        case "sum":
            axes = (0, *(axis + 1 for axis in part.attrs["axes"]))
            return ops.sum(stack_of(part.inputs[0]), axes=axes)
        case _:
            return part.op(*(sum_over_turns(x, stack_of) for x in part.inputs), **part.attrs)


def is_small_product(part: Node) -> bool:
    """Whether a value is a product of few terms, as far as is known, and no stack of products."""
    if part.op.name not in ("matmul", "contract"):
        return False
    left, _, to = labels_of(part)
    if part.op.name == "matmul" and len(to) > 2:
        return False
    sizes = zip(left, part.inputs[0].shape, strict=True)
    terms = dims.product(size for label, size in sizes if label not in to)
    return not isinstance(terms, int) or terms < MOST_TERMS


def _moved(operand: Node) -> tuple[Node, tuple[int, ...] | None]:
    """An operand before its axes were moved, and how they were."""
    if operand.op.name == "permute_dims":
        return operand.inputs[0], operand.attrs["axes"]
    return operand, None


def _term(operand: Node, labels: Labels, stack_of: StackOf) -> Term:
    source, axes = _moved(operand)
    if axes is not None:
        found = dict(zip(axes, labels, strict=True))
        labels = tuple(found[axis] for axis in range(len(labels)))
    return Term(stack_of(source), (_TURN, *labels))
