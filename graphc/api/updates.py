"""New values for variables: assignments, alone and in groups. Both can be fetched, for None."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from graphc.api import scope
from graphc.api.blame import fail_dtype, fail_graph, fail_shape
from graphc.api.broadcasting import fitted, shape_text
from graphc.api.operands import TensorLike, described, graph_of, to_node
from graphc.api.tensor import Tensor, Variable
from graphc.errors import AssignmentError
from graphc.ir.dims import unify
from graphc.ir.location import Location, capture
from graphc.ir.node import Node

if TYPE_CHECKING:
    from graphc.api.graph import Graph


class Assignment:
    """That a variable takes a new value at the end of a run."""

    __slots__ = ("graph", "location", "value", "variable")

    def __init__(self, variable: Variable, value: Tensor, location: Location | None) -> None:
        self.graph: Graph = variable.graph
        self.variable = variable
        self.value = value
        self.location = location

    def __repr__(self) -> str:
        return f"<gc.Assignment to %{self.variable.name} {self.value.node.type}>"


class Group:
    """Several assignments that are fetched together."""

    __slots__ = ("graph", "members")

    def __init__(self, graph: Graph, members: tuple[Assignment | Group, ...]) -> None:
        self.graph = graph
        self.members = members

    @property
    def assignments(self) -> tuple[Assignment, ...]:
        """All the assignments, those of groups inside it included, each once."""
        return tuple(dict.fromkeys(self._walk()))

    def _walk(self) -> Iterator[Assignment]:
        pending: list[Assignment | Group] = [self]
        while pending:
            member = pending.pop()
            if isinstance(member, Group):
                pending.extend(reversed(member.members))
            else:
                yield member

    def __repr__(self) -> str:
        names = ", ".join(f"%{assignment.variable.name}" for assignment in self.assignments)
        return f"<gc.Group of assignments to {names or 'nothing'}>"


def assign(variable: Tensor, value: TensorLike) -> Assignment:
    """That the variable holds the value after the run.

    The value has the variable's dtype and shape; a Python number fills it. Every read in the run
    sees the variable as it was before. AssignmentError if it is no variable.
    """
    if not isinstance(variable, Variable):
        raise AssignmentError(f"{variable!r} is no variable", op="assign", location=capture())
    graph, node = graph_of("assign", variable, value), to_node("assign", value, variable.dtype)
    if node.dtype is not variable.dtype:
        fail_dtype(
            "assign",
            f"{described(variable)} cannot take a value of {node.dtype.name}; convert it with "
            f"gc.astype(x, gc.{variable.dtype.name})",
        )
    if isinstance(value, bool | int | float):
        node = fitted(node, variable.shape)
    _check_shape(variable, node)
    fitting = graph.tensor(fitted(node, variable.shape))
    assignment = Assignment(variable, fitting, capture())
    graph.assigned(assignment)
    return assignment


def group(*ops: Assignment | Group) -> Group:
    """One thing to fetch for several assignments and groups; they take effect together."""
    for member in ops:
        if not isinstance(member, Assignment | Group):
            fail_graph("group", f"takes assignments and groups, not {member!r}")
        if member.graph is not ops[0].graph:
            fail_graph("group", f"{ops[0]!r} and {member!r} are of different graphs")
    return Group(ops[0].graph if ops else scope.current("group"), ops)


def _check_shape(variable: Variable, node: Node) -> None:
    wanted = variable.shape
    if len(wanted) != len(node.shape) or any(
        unify(mine, theirs) is None for mine, theirs in zip(wanted, node.shape, strict=True)
    ):
        fail_shape(
            "assign",
            f"{described(variable)} cannot take a value of shape {shape_text(node.shape)}",
        )
