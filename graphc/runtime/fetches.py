"""Nested fetches: what they ask for, and results in the same form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphc.api.graph import Graph
from graphc.api.tensor import Tensor
from graphc.api.updates import Assignment, Group
from graphc.codegen.calls.layout import Form
from graphc.errors import FetchError


@dataclass(frozen=True)
class Fetches:
    """The tensors and assignments in a nesting of lists, tuples and dicts, each once.

    In `form` a tensor is its number, and an operation None.
    """

    tensors: list[Tensor]
    assignments: list[Assignment]
    form: Any

    def results(self, values: Sequence[Any], repeated: Sequence[Any] = ()) -> Any:
        """Values of the tensors, in the form in which they were asked for.

        `repeated` gives arrays for those that are asked for again, None or nothing for a copy.
        """
        return _filled(self.form, values, set(), iter(repeated))

    def flat(self) -> tuple[Form, list[int | None]] | None:
        """The form as native code makes it; None for any other form, or if a tensor repeats."""
        if self.form is None or isinstance(self.form, int):
            return Form.SINGLE, [self.form]
        if type(self.form) not in (list, tuple):
            return None
        numbers = [item for item in self.form if item is not None]
        if not all(isinstance(item, int) for item in numbers) or len({*numbers}) < len(numbers):
            return None
        return Form.LIST if type(self.form) is list else Form.TUPLE, list(self.form)


def flatten(graph: Graph, fetches: Any) -> Fetches:
    """Find tensors and operations in a nesting; FetchError for anything else."""
    numbers: dict[Tensor, int] = {}
    assignments: dict[Assignment, None] = {}
    form = _numbered(graph, fetches, numbers, assignments)
    return Fetches(list(numbers), list(assignments), form)


#: Marks in keys, which stand in no fetches.
_LIST, _TUPLE = object(), object()


def key_of(fetches: Any) -> Any:
    """What fetches are found again by, if they are flat. TypeError if that has no hash."""
    if type(fetches) is list:
        return (_LIST, *fetches)
    if type(fetches) is tuple:
        return (_TUPLE, *fetches)
    return fetches


def is_flat(fetches: Any) -> bool:
    """Whether fetches are one tensor, operation or name, or a list or tuple of such."""
    parts = fetches if type(fetches) in (list, tuple) else [fetches]
    return all(isinstance(part, Tensor | Assignment | Group | str) for part in parts)


# Functions of the module, not closures: one that calls itself is garbage with a cycle, which
# would keep results in memory until Python next looks for such.


def _numbered(
    graph: Graph, part: Any, numbers: dict[Tensor, int], assignments: dict[Assignment, None]
) -> Any:
    """The form of a nesting; numbers its tensors and collects its assignments on the way."""
    if isinstance(part, str):
        part = graph.find(part)
    if isinstance(part, Tensor | Assignment | Group):
        _check_graph(graph, part)
    if isinstance(part, Tensor):
        return numbers.setdefault(part, len(numbers))
    if isinstance(part, Assignment | Group):
        assignments.update(dict.fromkeys(part.assignments if isinstance(part, Group) else [part]))
        return None
    if isinstance(part, Mapping):
        return {key: _numbered(graph, inner, numbers, assignments) for key, inner in part.items()}
    if isinstance(part, list | tuple):
        return _same_type(part, [_numbered(graph, inner, numbers, assignments) for inner in part])
    raise FetchError(
        f"cannot fetch {part!r}; fetch tensors, assignments, groups, names, "
        "or lists, tuples and dicts of them"
    )


def _filled(part: Any, values: Sequence[Any], taken: set[int], repeated: Iterator[Any]) -> Any:
    """The form with values for numbers; whoever asks twice for one gets another array."""
    if part is None:
        return None
    if isinstance(part, dict):
        return {key: _filled(inner, values, taken, repeated) for key, inner in part.items()}
    if isinstance(part, list | tuple):
        return _same_type(part, [_filled(inner, values, taken, repeated) for inner in part])
    if part not in taken:
        taken.add(part)
        return values[part]
    array = next(repeated, None)
    return values[part].copy() if array is None else array


def _check_graph(graph: Graph, part: Tensor | Assignment | Group) -> None:
    if part.graph is graph:
        return
    named = next(iter(part.assignments), None) if isinstance(part, Group) else part
    raise FetchError(
        f"{part!r} belongs to another graph than the session's",
        location=None if named is None else named.location,
    )


def _same_type(like: list[Any] | tuple[Any, ...], parts: list[Any]) -> list[Any] | tuple[Any, ...]:
    """The parts as a list or a tuple; a named tuple takes them one by one."""
    if isinstance(like, list):
        return parts
    return type(like)(*parts) if hasattr(like, "_fields") else tuple(parts)
