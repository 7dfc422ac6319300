"""The variables that a loss is to be lowered by."""

from __future__ import annotations

from collections.abc import Sequence

from graphc.api.blame import fail_gradient
from graphc.api.gradients import depends_on
from graphc.api.operands import described
from graphc.api.tensor import Tensor, Variable


def chosen_variables(op: str, loss: Tensor, variables: Sequence[Variable] | None) -> list[Variable]:
    """The variables to change, on each of which the loss depends."""
    wanted = [w for w in loss.graph.variables if w.trainable] if variables is None else variables
    reached = depends_on(loss, wanted)
    found = [w for w, depends in zip(wanted, reached, strict=True) if depends]
    if variables is not None and len(found) < len(wanted):
        rest = [w for w, depends in zip(wanted, reached, strict=True) if not depends]
        fail_gradient(op, f"{described(loss)} does not depend on {described(rest[0])}")
    if not found:
        fail_gradient(op, f"{described(loss)} depends on no trainable variable")
    return found
