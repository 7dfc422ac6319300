"""Numbers that tell rewrites apart, ways to run graphs on them, and to compare bits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.ir.dims import Size, symbols
from graphc.ir.dims import evaluate as dim_value
from graphc.ir.dtypes import DType, bool_
from graphc.ir.graph import Graph, extract, topological
from graphc.ir.node import Node
from graphc.ir.verifier import verify
from graphc.ops import ops
from graphc.passes.rewriting import NodeRule
from graphc.runtime.reference import evaluate

Array = np.ndarray[Any, Any]


def telling_values(dtype: DType) -> Array:
    """Zeros of both signs, NaN, infinities, subnormals, extremes and a few plain numbers."""
    if dtype is bool_:
        return np.array([False, True])
    if dtype.is_float:
        info = np.finfo(dtype.numpy)
        edges = [info.max, info.tiny, info.smallest_subnormal, 3 * info.smallest_subnormal]
        plain = [0.0, 1.0, 1.5, 2.5, 0.1, 3.0, 1e10, np.inf]
        values = [*plain, *edges]
        return np.array([np.nan, *values, *(-value for value in values)], dtype.numpy)
    numbers = {0, 1, 2, 3, 7, dtype.highest, dtype.highest - 1, dtype.lowest, dtype.lowest + 1}
    if dtype.kind == "i":
        numbers |= {-1, -2, -5}
    return np.array(sorted(numbers), dtype.numpy)


def every_combination(values: Sequence[Array]) -> list[Array]:
    """Arrays of one dim that run through all tuples of the values."""
    if not values:
        return []
    grid = np.meshgrid(*values, indexing="ij")
    return [part.reshape(-1) for part in grid]


def random_array(rng: np.random.Generator, dtype: DType, shape: tuple[int, ...]) -> Array:
    """An array of telling values in random order."""
    return rng.choice(telling_values(dtype), shape).astype(dtype.numpy)


def placeholder(name: str, dtype: DType, shape: Sequence[Size]) -> Node:
    return ops.placeholder(shape=tuple(shape), dtype=dtype, name=name)


def graph_of(*outputs: Node, name: str = "test") -> Graph:
    return extract(name, outputs)


def symbol_sizes(graphs: Sequence[Graph], size: int) -> dict[str, int]:
    """A value for each symbol of the graphs: the size, or what a guard sets it to."""
    known: dict[str, int] = {}
    dims: list[Size] = []
    for graph in graphs:
        for guard in graph.guards:
            dims += [guard.left, guard.right]
            for side, other in ((guard.left, guard.right), (guard.right, guard.left)):
                if isinstance(other, int) and {str(side)} == symbols(side):
                    known[str(side)] = other
        dims += [dim for node in graph.nodes for dim in getattr(node.type, "shape", ())]
    names = {name for dim in dims for name in symbols(dim)}
    return {name: known.get(name, size) for name in sorted(names)}


def feeds(graph: Graph, sizes: dict[str, int], seed: int = 0) -> list[Array]:
    """An array for every placeholder and variable, in the order of the signature."""
    rng = np.random.default_rng(seed)
    return [
        random_array(rng, node.dtype, tuple(dim_value(dim, sizes) for dim in node.shape))
        for node in (*graph.placeholders, *graph.variables)
    ]


def run(graph: Graph, arrays: Sequence[Array], sizes: dict[str, int]) -> list[Array]:
    """Outputs and updates, by the NumPy interpreter."""
    inputs = dict(zip((*graph.placeholders, *graph.variables), arrays, strict=True))
    outputs, updates = evaluate(graph, inputs, sizes)
    return [*outputs, *updates]


def assert_same_bits(expected: Array, actual: Array, what: str = "") -> None:
    """Equal dtype, shape and bits; which NaN it is does not count."""
    assert (expected.dtype, expected.shape) == (actual.dtype, actual.shape), what
    same = expected == actual
    if expected.dtype.kind == "f":
        same = same & (np.signbit(expected) == np.signbit(actual))
        same |= np.isnan(expected) & np.isnan(actual)
    bad = np.flatnonzero(~same)[:5]
    assert not bad.size, f"{what}: {expected.flat[bad]} became {actual.flat[bad]} at {bad}"


def assert_graphs_agree(before: Graph, after: Graph, size: int = 3) -> None:
    """Both graphs give the same bits on telling values."""
    sizes = symbol_sizes((before, after), size)
    arrays = feeds(before, sizes)
    expected, actual = run(before, arrays, sizes), run(after, arrays, sizes)
    for k, (old, new) in enumerate(zip(expected, actual, strict=True)):
        assert_same_bits(old, new, f"result {k} of {before.name}")


def rule_named(rules: Sequence[NodeRule], name: str) -> NodeRule:
    return next(rule for rule in rules if rule.name == name)


def assert_applies(rule: NodeRule, node: Node) -> None:
    """The rule rewrites the node, to one of its type and bits."""
    assert rule.concerns(node.op)
    better = rule.apply(node)
    assert better is not None, f"{rule.name} does not apply to {node}"
    assert better.type == node.type
    inputs = [made for made in topological([node]) if made.op is ops.placeholder]
    before, after = (extract(rule.name, [side], inputs=inputs) for side in (node, better))
    verify(after)
    for size in (0, 1, 5):
        assert_graphs_agree(before, after, size)
