"""What a command looks at: a program from a Python file or from the text form, in one shape."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cached_property

from graphc.errors import AssignmentError, FetchError
from graphc.ir import dims
from graphc.ir.dims import Guard
from graphc.ir.graph import Graph, extract, topological
from graphc.ir.node import Node
from graphc.ir.opdef import Array
from graphc.ir.printer import value_names

Update = tuple[Node, Node]


@dataclass(frozen=True, slots=True)
class Fetch:
    """Something to ask for by name: one tensor, or several updates (variable, new value)."""

    name: str
    tensor: Node | None = None
    updates: tuple[Update, ...] = ()


@dataclass(frozen=True)
class Subject:
    """A program and how its parts are called.

    `inputs` are all placeholders and variables, `tensors` what can be fetched besides `fetches`;
    `initial` is what variables start with (one that is missing has no value in a text-form file).
    A text-form file gives the `whole` graph, and `guards` that it declares.
    """

    name: str
    title: str
    fetches: tuple[Fetch, ...]
    inputs: tuple[Node, ...]
    tensors: Mapping[str, Node]
    initial: Mapping[Node, Array]
    guards: tuple[Guard, ...] = ()
    whole: Graph | None = None

    @cached_property
    def graph(self) -> Graph:
        """What computes the fetches and nothing else, unless a file says more; AssignmentError."""
        return self.whole or program(self.title, self.fetches, self.inputs, self.guards)

    def select(self, names: Sequence[str]) -> Subject:
        """The program for these fetches only, all of them for no names; FetchError."""
        if not names:
            return self
        chosen = tuple(self._fetch(name) for name in dict.fromkeys(names))
        return replace(self, fetches=chosen, whole=None)

    def _fetch(self, name: str) -> Fetch:
        for fetch in self.fetches:
            if fetch.name == name:
                return fetch
        node = self.tensors.get(name)
        if node is None:
            node = names_in_text(self.graph).get(name.removeprefix("%"))
        if node is None:
            raise FetchError(_unknown(name, [fetch.name for fetch in self.fetches], self.tensors))
        return Fetch(name, node)


def names_in_text(graph: Graph) -> dict[str, Node]:
    """The nodes by the names and numbers that the text form gives them, without `%` and quotes."""
    texts = ((node, text[1:]) for node, text in value_names(graph).items())
    return {json.loads(text) if text[0] == '"' else text: node for node, text in texts}


def _unknown(name: str, fetches: Sequence[str], named: Iterable[str]) -> str:
    close = get_close_matches(name, [*fetches, *named], 1)
    hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(map(repr, fetches))}"
    return f"there is nothing to fetch that is named {name!r}; {hint}"


def program(
    name: str,
    fetches: Sequence[Fetch],
    inputs: Sequence[Node],
    guards: Sequence[Guard] = (),
) -> Graph:
    """The graph that computes the fetches and nothing else, with those inputs that they reach.

    Of the extra guards it keeps those whose dims its inputs declare. AssignmentError for two new
    values of one variable.
    """
    tensors = dict.fromkeys(fetch.tensor for fetch in fetches if fetch.tensor is not None)
    updates = _distinct(update for fetch in fetches for update in fetch.updates)
    roots = [*tensors, *(node for update in updates for node in update)]
    reached = set(topological(roots))
    graph = extract(name, [*tensors], updates, inputs=[node for node in inputs if node in reached])
    known = {symbol for node in reached & set(inputs) for d in node.shape for symbol in _names(d)}
    kept = [guard for guard in guards if _names(guard.left) | _names(guard.right) <= known]
    return replace(graph, guards=tuple(dict.fromkeys([*graph.guards, *kept])))


def _names(size: dims.Size) -> frozenset[str]:
    return dims.symbols(size)


def _distinct(updates: Iterable[Update]) -> list[Update]:
    found: dict[Node, Node] = {}
    for variable, value in updates:
        if found.setdefault(variable, value) is not value:
            raise AssignmentError(
                f"the variable {variable.name} is assigned twice; fetch one of the assignments",
                location=value.location,
            )
    return list(found.items())
