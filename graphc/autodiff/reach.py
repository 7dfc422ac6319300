"""Where a cotangent that counts in some places only can reach an op's inputs.

A *condition* is a bool tensor of the cotangent's shape and what it must be. An overestimate is
never wrong, it only lets through what is multiplied by zero; so ops of which nothing is known here,
as convolutions are, hand on no conditions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from graphc.ir.graph import CONSTANT
from graphc.ir.node import Node
from graphc.ir.opdef import Array, Kind, NoDerivative, OpDef, node_key
from graphc.ir.types import Shape
from graphc.ops.contraction import product_labels
from graphc.ops.declaring import linear_jvp, ops, zeros_like
from graphc.ops.labelled_products import Labels
from graphc.ops.reductions import ones_shape
from graphc.ops.views import broadcast_axes

#: A bool tensor, and whether it must be true or false.
Condition: TypeAlias = tuple[Node, bool]
#: All of them must hold; without any, everything counts.
Conditions: TypeAlias = tuple[Condition, ...]

_MOVES = ("permute_dims", "reshape", "flip", "identity")
_PICKS = ("gather", "scatter_add", "sort", "pad")


def is_linear(op: OpDef) -> bool:
    """Whether the op only adds up its inputs' elements, with numbers of its own as weights."""
    return op.jvp is linear_jvp or op.name in _PICKS


class Reach:
    """Conditions carried from results to inputs, as nodes that are made once."""

    def __init__(self) -> None:
        self._made: dict[object, Node] = {}
        self._own: dict[Node, bool] = {}

    def note(self, condition: Node, branch: Node) -> None:
        """Take note whether a `where` chooses only from what its condition compares."""
        own = branch in condition.inputs or constant_of(branch) is not None
        self._own[condition] = self._own.get(condition, True) and own

    def of_inputs(self, node: Node, conditions: Conditions) -> list[Conditions]:
        """For each input the conditions under which its cotangent counts."""
        if not conditions:
            return [()] * len(node.inputs)
        if node.op.name in _MOVES:
            moved = ((self._moved(node, each), holds) for each, holds in conditions)
            return [tuple(moved)]
        if node.op is ops.broadcast_to:
            return [self._of_repeated(node, conditions)]
        if node.op.kind is Kind.REDUCTION:
            spread = ((self._spread(node, each), holds) for each, holds in conditions)
            return [tuple(spread)]
        if node.op.name in ("matmul", "contract"):
            return self._of_factors(node, conditions)
        if is_linear(node.op):
            return self._through_sums(node, conditions)
        if node.op is ops.cumprod:  # what is part of a product is part of the sum that runs along
            return self._through_sums(ops.cumsum(*node.inputs, **node.attrs), conditions)
        return [()] * len(node.inputs)

    def all_of(self, conditions: Conditions) -> Condition:
        """One condition that says the same; there is at least one."""
        first = conditions[0]
        for other in conditions[1:]:
            first = self._one(ops.logical_and(self._true(first), self._true(other))), True
        return first

    def one_of(self, mine: Conditions, other: Conditions) -> Conditions:
        """The conditions that hold where all of either do."""
        common = tuple(each for each in mine if each in other)
        rests = [tuple(e for e in side if e not in common) for side in (mine, other)]
        if not all(rests):
            return common
        either = ops.logical_or(*(self._true(self.all_of(rest)) for rest in rests))
        return (*common, (self._one(either), True))

    def _true(self, condition: Condition) -> Node:
        node, holds = condition
        return node if holds else self._one(ops.logical_not(node))

    def _one(self, node: Node) -> Node:
        """The node, or the one made earlier that computes the same."""
        return self._made.setdefault(node_key(node, node.inputs), node)

    def _moved(self, node: Node, condition: Node) -> Node:
        assert not isinstance(node.op.vjp, NoDerivative)
        (moved,) = node.op.vjp(node, condition)
        assert moved is not None
        return moved if moved is condition else self._one(moved)

    def _shaped(self, node: Node, shape: Shape) -> Node:
        return node if node.shape == shape else self._one(ops.reshape(node, shape=shape))

    def _repeated(self, node: Node, shape: Shape) -> Node:
        return node if node.shape == shape else self._one(ops.broadcast_to(node, shape=shape))

    def _spread(self, node: Node, condition: Node) -> Node:
        """A reduction's elements count where its result does."""
        shape = node.inputs[0].shape
        column = self._shaped(condition, ones_shape(shape, tuple(node.attrs["axes"])))
        return self._repeated(column, shape)

    def _of_repeated(self, node: Node, conditions: Conditions) -> Conditions:
        """A repeated element counts if one of its places does.

        What is left out for its own value, as in relu, is let through: a search for places that
        count would cost every layer in front of a relu a reduction more.
        """
        source = node.inputs[0].shape
        axes = broadcast_axes(source, node.shape)
        found: list[Condition] = []
        varied: list[Condition] = []
        for condition, holds in conditions:
            single = self._unrepeated(condition, axes)
            if single is not None:
                found.append((self._shaped(single, source), holds))
            elif not self._own.get(condition, False):
                varied.append((condition, holds))
        if varied:
            some = self._one(ops.any(self._true(self.all_of(tuple(varied))), axes=axes))
            found.append((self._shaped(some, source), True))
        return tuple(found)

    def _of_factors(self, node: Node, conditions: Conditions) -> list[Conditions]:
        """Rows and columns of a product count where all that is made of them does.

        That is known without a search if the condition is the same for whole rows or columns.
        """
        *factors, result = product_labels(node)
        return [
            tuple(
                (found, holds)
                for condition, holds in conditions
                if (found := self._of_factor(condition, labels, result, operand)) is not None
            )
            for labels, operand in zip(factors, node.inputs, strict=True)
        ]

    def _of_factor(
        self, condition: Node, labels: Labels, result: Labels, factor: Node
    ) -> Node | None:
        """A condition of a product as one of a factor, if it does not vary with the other one."""
        if self._own.get(condition, False):
            return None
        others = [k for k, label in enumerate(result) if label not in labels]
        single = self._unrepeated(condition, others)
        if single is None:
            return None
        kept = [label for label in result if label in labels]
        order = tuple(kept.index(label) for label in labels if label in kept)
        if order != tuple(range(len(order))):
            single = self._one(ops.permute_dims(single, axes=order))
        pairs = zip(labels, factor.shape, strict=True)
        column = tuple(size if label in kept else 1 for label, size in pairs)
        return self._repeated(self._shaped(single, column), factor.shape)

    def _unrepeated(self, condition: Node, axes: Sequence[int]) -> Node | None:
        """The condition at one place along axes, if it is the same at all."""
        if not axes:
            return condition
        if condition.op is not ops.broadcast_to:
            return None
        (source,) = condition.inputs
        if not set(axes) <= set(broadcast_axes(source.shape, condition.shape)):
            return None
        padded = (1,) * (len(condition.shape) - len(source.shape)) + source.shape
        kept = [k for k in range(len(padded)) if k not in axes]
        small = self._shaped(source, tuple(padded[k] for k in kept))
        return self._repeated(small, tuple(condition.shape[k] for k in kept))

    def _through_sums(self, node: Node, conditions: Conditions) -> list[Conditions]:
        """An element counts if it is part of a sum that does: adding up ones tells."""
        assert not isinstance(node.op.vjp, NoDerivative)
        condition = self._true(self.all_of(conditions))
        ones = self._one(ops.astype(condition, dtype=node.dtype))
        found: list[Conditions] = []
        for count in node.op.vjp(node, ones):
            if count is None:
                found.append(())
            else:
                found.append(((ops.gt(count, zeros_like(count)), True),))
        return found


def constant_of(node: Node) -> Array | None:
    """The numbers of a constant, repeated or not."""
    source = node.inputs[0] if node.op is ops.broadcast_to else node
    return source.attrs["value"] if source.op.name == CONSTANT else None
