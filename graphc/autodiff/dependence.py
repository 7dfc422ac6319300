"""What every element of a tensor depends on: a walk like forward accumulation's, with patterns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from graphc.autodiff.patterns import Pattern, union
from graphc.autodiff.relations import pattern_of, size_of
from graphc.autodiff.reverse import dependents
from graphc.errors import GradientError, GraphcError
from graphc.ir.graph import PLACEHOLDER, VARIABLE, Graph, topological
from graphc.ir.node import Node
from graphc.ir.opdef import Array
from graphc.ir.types import TensorType, TupleType
from graphc.ops.structure import item

#: The patterns of several values; None for one that depends on nothing.
Patterns = Sequence[Pattern | None]

#: Turns of a loop, times nodes of its body, that are gone through one by one.
MOST_STEPS = 50_000


def dependence(y: Node, x: Node) -> Pattern:
    """The elements of x by which the derivative of each element of y may differ from 0.

    GradientError for a size on the way that is known only when fed.
    """
    _check_sizes(x)
    (found,) = _walk([y], {x: Pattern.identity(size_of(x))}, Constants())
    _check_sizes(y)
    return _nothing(size_of(y), size_of(x)) if found is None else found


def _walk(ys: Sequence[Node], given: Mapping[Node, Pattern], known: Constants) -> Patterns:
    """The patterns of ys, from those of some nodes on which they depend."""
    order = topological(ys)
    active = dependents(order, list(given))
    found, parts = dict(given), dict[Node, Patterns]()
    for node in order:
        if node not in active or node in given:
            continue
        _check_sizes(node)
        inputs = [found.get(operand) for operand in node.inputs]
        if not isinstance(node.type, TensorType):
            parts[node] = _HOLDING_GRAPHS.get(node.op.name, _mixed)(node, inputs, known)
            continue
        if node.op is item:
            taken = [parts[node.inputs[0]][node.attrs["k"]]]
        else:
            pairs = enumerate(inputs)
            taken = [p and pattern_of(node, k, p, known) for k, p in pairs]
        if merged := _merged(taken):
            found[node] = merged
    return [found.get(y) for y in ys]


def _merged(patterns: Patterns) -> Pattern | None:
    present = [pattern for pattern in patterns if pattern is not None]
    return union(present) if present else None


def _nothing(height: int, width: int) -> Pattern:
    none = np.zeros(0, np.int64)
    return Pattern.of(none, none, height, width)


def _check_sizes(node: Node) -> None:
    shapes = node.type.elements if not isinstance(node.type, TensorType) else (node.type,)
    for type_ in shapes:
        if not all(isinstance(size, int) for size in type_.shape):
            raise GradientError(
                f"has the type {type_}, but where derivatives are 0 can be told only of sizes that "
                "are known; use numbers for dims, or gc.jacobian",
                op="sparse_jacobian",
                location=node.location,
            )


# Ops that hold graphs ------------------------------------------------------------------------


def _sizes(node: Node) -> list[int]:
    """The numbers of elements of each result."""
    assert isinstance(node.type, TupleType)
    return [int(type_.size) for type_ in node.type.elements]


def _mixed(node: Node, inputs: Patterns, known: Constants) -> Patterns:
    """Every element of every result depends on all."""
    rows = _merged([pattern and pattern.everywhere(1) for pattern in inputs])
    return [rows and rows.everywhere(size) for size in _sizes(node)]


def _through(graph: Graph, inputs: Patterns, known: Constants) -> list[Pattern | None]:
    """What the outputs of a graph depend on, from what its placeholders do."""
    pairs = zip(graph.placeholders, inputs, strict=True)
    given = {place: pattern for place, pattern in pairs if pattern is not None}
    return list(_walk(graph.outputs, given, known))


def _branch(node: Node, inputs: Patterns, known: Constants) -> Patterns:
    graphs = (node.attrs["then"], node.attrs["otherwise"])
    both = [_through(graph, inputs[1:], known) for graph in graphs]
    return [_merged(pair) for pair in zip(*both, strict=True)]


def _while(node: Node, inputs: Patterns, known: Constants) -> Patterns:
    """What a state depends on after any number of turns: until a turn adds nothing."""
    count, body = node.attrs["states"], node.attrs["body"]
    state, captures = list(inputs[:count]), inputs[count:]
    while True:
        made = _through(body, [*state, *captures], known)[:count]
        grown = [_merged(pair) for pair in zip(state, made, strict=True)]
        if [_entries(pattern) for pattern in grown] == [_entries(pattern) for pattern in state]:
            return grown
        state = grown


def _entries(pattern: Pattern | None) -> int:
    return 0 if pattern is None else len(pattern.columns)


def _scan(node: Node, inputs: Patterns, known: Constants) -> Patterns:
    """Turn by turn, unless these are too many."""
    carries, rows, (length,) = (node.attrs[key] for key in ("carries", "xs", "length"))
    body: Graph = node.attrs["body"]
    if length * len(body.nodes) > MOST_STEPS:
        return _mixed(node, inputs, known)
    state, captures = list(inputs[:carries]), inputs[carries + rows :]
    left: dict[int, list[Pattern | None]] = {}
    for turn in reversed(range(length)) if node.attrs["reverse"] else range(length):
        own = [_row(pattern, turn, length) for pattern in inputs[carries : carries + rows]]
        made = _through(body, [*state, *own, *captures], known)
        state, left[turn] = made[:carries], made[carries:]
    stacks = zip(*(left[turn] for turn in range(length)), strict=True)
    heights = [size // max(length, 1) for size in _sizes(node)[carries:]]
    found = [_stacked(list(stack), size) for stack, size in zip(stacks, heights, strict=False)]
    return [*state, *(found or [None] * len(heights))]


def _row(pattern: Pattern | None, turn: int, length: int) -> Pattern | None:
    """What a row of a sequence depends on."""
    if pattern is None:
        return None
    size = pattern.height // length
    return pattern.reading(np.arange(size), np.arange(turn * size, (turn + 1) * size), size)


def _stacked(rows: Patterns, height: int) -> Pattern | None:
    """The pattern of rows one after another."""
    present = {k: pattern for k, pattern in enumerate(rows) if pattern is not None}
    if not present:
        return None
    places = [k * height + pattern.rows for k, pattern in present.items()]
    columns = [pattern.columns for pattern in present.values()]
    width = next(iter(present.values())).width
    return Pattern.of(np.concatenate(places), np.concatenate(columns), len(rows) * height, width)


#: By the names of the ops, which are declared in a later room.
_HOLDING_GRAPHS = {"cond": _branch, "while_loop": _while, "scan": _scan}


class Constants:
    """The values of nodes that are the same whatever is fed."""

    def __init__(self) -> None:
        self._found: dict[Node, Array | None] = {}

    def __call__(self, node: Node) -> Array | None:
        """The node's value; None if it depends on a feed or a variable, or cannot be computed."""
        if node not in self._found:
            for inner in topological([node]):
                if inner not in self._found:
                    self._found[inner] = self._value(inner)
        return self._found[node]

    def _value(self, node: Node) -> Array | None:
        if node.op.name in (PLACEHOLDER, VARIABLE) or not isinstance(node.type, TensorType):
            return None
        inputs = [self._found[operand] for operand in node.inputs]
        sizes = (*node.shape, *(node.attrs["dim"] if node.op.name == "size" else ()))
        if any(value is None for value in inputs) or not all(isinstance(n, int) for n in sizes):
            return None
        try:
            with np.errstate(all="ignore"):
                return np.asarray(node.op.reference(node.attrs, *inputs))
        except GraphcError:
            return None
