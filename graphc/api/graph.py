"""The graph under construction."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any

from graphc.api import scope
from graphc.api.blame import fail_graph
from graphc.api.extraction import check_no_parameters, distinct, inputs_for
from graphc.api.tensor import Tensor, Variable
from graphc.api.updates import Assignment
from graphc.errors import FetchError
from graphc.ir import dims
from graphc.ir import graph as ir_graph
from graphc.ir.graph import PLACEHOLDER, VARIABLE
from graphc.ir.node import Node
from graphc.ir.opdef import Array
from graphc.ir.printer import NAME

if TYPE_CHECKING:
    import networkx

_NOT_IN_DIMS = re.compile(r"[^A-Za-z0-9_]")


@dataclass(frozen=True)
class Mark:
    """What a graph had at some moment."""

    tensors: dict[Node, Tensor]
    names: set[str]
    assignments: int


class Graph:
    """A program under construction. What is written inside `with` it becomes part of it.

    Tensors are made by the functions of graphc; a graph keeps them, one for each node, and knows
    the names of placeholders, variables and of what `gc.identity` names.

    >>> with Graph() as graph:
    ...     pass
    >>> graph
    <gc.Graph graph: 0 placeholders, 0 variables, 0 tensors>
    """

    def __init__(self, name: str = "graph") -> None:
        self.name = name
        self._tensors: dict[Node, Tensor] = {}
        self._named: dict[str, Tensor] = {}
        self._initial: dict[Node, Array] = {}
        self._assignments: list[Assignment] = []
        self._symbols: set[str] = set()
        self._numbers: dict[str, int] = {}
        self._loops = 0

    def __enter__(self) -> Graph:
        scope.enter(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        scope.leave(self)

    def __repr__(self) -> str:
        counts = len(self.placeholders), len(self.variables), len(self._tensors)
        words = ("placeholders", "variables", "tensors")
        parts = ", ".join(f"{n} {word}" for n, word in zip(counts, words, strict=True))
        return f"<gc.Graph {self.name}: {parts}>"

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """All tensors, in the order in which they were made."""
        return tuple(self._tensors.values())

    @property
    def placeholders(self) -> tuple[Tensor, ...]:
        """What can be fed, in the order in which it was declared."""
        return tuple(t for t in self._named.values() if t.node.op.name == PLACEHOLDER)

    @property
    def variables(self) -> tuple[Variable, ...]:
        """What a session keeps between runs, in the order in which it was declared."""
        return tuple(t for t in self._named.values() if isinstance(t, Variable))

    @property
    def assignments(self) -> tuple[Assignment, ...]:
        """All assignments, in the order in which they were made."""
        return tuple(self._assignments)

    @property
    def initial_values(self) -> Mapping[Node, Array]:
        """What each variable holds when a session begins; the arrays are read-only."""
        return MappingProxyType(self._initial)

    def find(self, name: str) -> Tensor:
        """The placeholder, variable or named tensor of that name; FetchError if there is none."""
        if name not in self._named:
            close = get_close_matches(name, self._named, n=1)
            known = f"did you mean {close[0]!r}?" if close else f"there are {self._names_text()}"
            raise FetchError(f"nothing in {self!r} is named {name!r}; {known}")
        return self._named[name]

    def tensor(self, node: Node) -> Tensor:
        """The tensor of a node, the same one every time."""
        found = self._tensors.get(node)
        if found is None:
            kind = Variable if node.op.name == VARIABLE else Tensor
            found = self._tensors[node] = kind(node, self)
        return found

    def named(self, op: str, name: str, make: Callable[[], Node]) -> Tensor:
        """The tensor of the node that is made, to be found by its name.

        GraphError for a name that is taken, or that is not made of letters, digits and `_`, with
        `.`, `/` and `-` between them.
        """
        if not isinstance(name, str) or not NAME.fullmatch(name):
            fail_graph(
                op,
                f"{name!r} is no name; begin with a letter or '_' and go on with letters, digits "
                "and '_', and '.', '/' and '-' between them",
            )
        if name in self._named:
            fail_graph(op, f"the name {name!r} is taken by {self._described(name)}")
        tensor = self._named[name] = self.tensor(make())
        return tensor

    def declared(self, tensor: Tensor, initial: Array | None = None) -> None:
        """Take note of a placeholder's dims or of a variable's initial value."""
        for size in tensor.shape:
            self._symbols |= dims.symbols(size)
        if initial is not None:
            self._initial[tensor.node] = initial

    def assigned(self, assignment: Assignment) -> None:
        """Take note of an assignment."""
        self._assignments.append(assignment)

    def numbered_name(self, base: str) -> str:
        """The first of base_0, base_1, ... that is not taken."""
        number = self._numbers.get(base, 0)
        while f"{base}_{number}" in self._named:
            number += 1
        self._numbers[base] = number + 1
        return f"{base}_{number}"

    def unused_name(self, base: str) -> str:
        """The name, or if it is taken the first of name_1, name_2, ... that is not."""
        return _unused(base, self._named)

    def turns_symbol(self) -> str:
        """A name for the number of turns of a loop, which no other loop of the graph has."""
        self._loops += 1
        return f"{dims.FOUND}{self._loops}"

    def unused_symbol(self, base: str) -> str:
        """A name for a dim that no placeholder's dims use."""
        return _unused(_NOT_IN_DIMS.sub("_", base), self._symbols)

    def mark(self) -> Mark:
        """How much has been built so far."""
        return Mark(dict(self._tensors), set(self._named), len(self._assignments))

    def forget(self, mark: Mark) -> None:
        """Forget tensors, names and assignments made since, but placeholders and variables."""
        declared = {*self.placeholders, *self.variables}
        self._named = {
            name: tensor
            for name, tensor in self._named.items()
            if name in mark.names or tensor in declared
        }
        kept = {tensor.node: tensor for tensor in declared if tensor.node not in mark.tensors}
        self._tensors = mark.tensors | kept
        del self._assignments[mark.assignments :]

    def leaves(self) -> tuple[list[Tensor], list[Assignment]]:
        """Tensors that nothing else uses, placeholders and variables apart, and all assignments."""
        nodes = ir_graph.topological(self._tensors)
        used = {operand for node in nodes for operand in node.inputs}
        used.update(assignment.value.node for assignment in self._assignments)
        ends = [
            tensor
            for node, tensor in self._tensors.items()
            if node not in used and node.op.name not in (PLACEHOLDER, VARIABLE)
        ]
        return ends, list(self._assignments)

    def extract(
        self,
        outputs: Sequence[Tensor],
        updates: Sequence[Assignment] = (),
        name: str | None = None,
    ) -> ir_graph.Graph:
        """The program that computes the outputs and updates, and nothing else.

        Its placeholders and variables are those it reads, and those that tell the size of a dim in
        it, in the order of their declaration. FetchError for what belongs to another graph,
        AssignmentError for two assignments to one variable. It is named after the graph unless
        told otherwise.
        """
        members: list[Tensor | Assignment] = [*outputs, *updates]
        for member in members:
            if member.graph is not self:
                raise FetchError(f"{member!r} is not of {self!r}, but of {member.graph!r}")
        roots = [tensor.node for tensor in outputs]
        pairs = [(a.variable.node, a.value.node) for a in distinct(updates)]
        declared = [tensor.node for tensor in (*self.placeholders, *self.variables)]
        inputs = inputs_for([*roots, *(node for pair in pairs for node in pair)], declared)
        check_no_parameters([*roots, *(value for _, value in pairs)], declared)
        return ir_graph.extract(name or self.name, roots, pairs, inputs=inputs)

    def to_networkx(self) -> networkx.DiGraph[Any]:
        """Everything in the graph as a directed graph of networkx, from inputs to users."""
        from graphc.ir import networks  # takes as long to import as the rest of graphc

        tensors, assignments = self.leaves()
        values = [assignment.value for assignment in assignments]
        inputs = [*self.placeholders, *self.variables]
        return networks.to_networkx(self.extract([*inputs, *tensors, *values]))

    def _described(self, name: str) -> str:
        tensor = self._named[name]
        return f"{tensor!r}" + (f" ({tensor.location})" if tensor.location else "")

    def _names_text(self) -> str:
        return ", ".join(map(repr, self._named)) or "no names yet"


def _unused(base: str, taken: Container[str]) -> str:
    name, count = base, 0
    while name in taken:
        count += 1
        name = f"{base}_{count}"
    return name
