"""Nested fetches: what they ask for, and results in the same form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphc.api.graph import Graph
from graphc.api.tensor import Tensor
from graphc.api.updates import Assignment, Group
from graphc.errors import FetchError


@dataclass
class Fetches:
    """The tensors and assignments in a nesting of lists, tuples and dicts, each once."""

    tensors: list[Tensor] = field(default_factory=list)
    assignments: list[Assignment] = field(default_factory=list)
    shape: Any = None

    def results(self, values: Sequence[Any]) -> Any:
        """Values of the tensors, in the form in which they were asked for."""
        taken: set[int] = set()

        def build(part: Any) -> Any:
            if isinstance(part, dict):
                return {key: build(inner) for key, inner in part.items()}
            if isinstance(part, list):
                return [build(inner) for inner in part]
            if isinstance(part, tuple):
                return tuple(build(inner) for inner in part)
            if part is None:
                return None
            value = values[part] if part not in taken else values[part].copy()
            taken.add(part)
            return value

        return build(self.shape)


def flatten(graph: Graph, fetches: Any) -> Fetches:
    """Find tensors and operations in a nesting; FetchError for anything else.

    In the result's `shape` a tensor is its number, and an operation None.
    """
    found = Fetches()
    numbers: dict[Tensor, int] = {}

    def number(tensor: Tensor) -> int:
        if tensor not in numbers:
            numbers[tensor] = len(found.tensors)
            found.tensors.append(tensor)
        return numbers[tensor]

    def visit(part: Any) -> Any:
        if isinstance(part, str):
            part = graph.find(part)
        if isinstance(part, Tensor):
            return number(part)
        if isinstance(part, Group):
            found.assignments.extend(part.assignments)
            return None
        if isinstance(part, Assignment):
            found.assignments.append(part)
            return None
        if isinstance(part, Mapping):
            return {key: visit(inner) for key, inner in part.items()}
        if isinstance(part, tuple):
            return tuple(visit(inner) for inner in part)
        if isinstance(part, list):
            return [visit(inner) for inner in part]
        raise FetchError(
            f"cannot fetch {part!r}; fetch tensors, assignments, groups, names, "
            "or lists, tuples and dicts of them"
        )

    found.shape = visit(fetches)
    return found
