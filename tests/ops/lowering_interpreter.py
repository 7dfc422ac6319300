"""Computes a node from its lowering with NumPy, so that lowerings are tested without machine code.

Slow and literal: every scalar expression is evaluated over all positions at once. A load outside
its buffer fails an assertion unless its condition is false there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from graphc.ir import dims, scalar
from graphc.ir.dims import Size
from graphc.ir.graph import extract
from graphc.ir.indexing import linearize
from graphc.ir.lowering import Composite, Pointwise, Reduce, Scan, Scatter, Sort
from graphc.ir.node import Node
from graphc.ir.opdef import REGISTRY, Array
from graphc.ir.scalar import Expr, Index
from graphc.ops.structure import saturating_cast
from graphc.runtime.reference import evaluate


@dataclass
class Evaluation:
    """Values of symbols (sizes, and positions along loops) and of the inputs' buffers."""

    symbols: Mapping[str, Any]
    buffers: Sequence[Array]
    out_of_range: list[object] = field(default_factory=list)
    #: What has been evaluated: expressions share parts, and some share them many times over.
    known: dict[Expr, Array] = field(default_factory=dict)

    def size(self, size: Size) -> Any:
        """A size or position, as an int or an array over the loops."""
        if isinstance(size, int):
            return size
        total: Any = 0
        for monomial, coefficient in size.terms.items():
            term: Any = coefficient
            for atom in monomial:
                term = term * self.atom(atom)
            total = total + term
        return total

    def atom(self, atom: dims.Atom) -> Any:
        match atom:
            case dims.Symbol(name, _):
                return self.symbols[name]
            case dims.Quotient(a, b):
                return self.size(a) // self.size(b)
            case dims.Remainder(a, b):
                return self.size(a) % self.size(b)
            case dims.Maximum(a, b):
                return np.maximum(self.size(a), self.size(b))
            case dims.Opaque(value, _):
                assert isinstance(value, Expr)
                return self.expr(value)

    def expr(self, expr: Expr) -> Array:
        found = self.known.get(expr)
        if found is None:
            found = self.known[expr] = self._evaluated(expr)
        return found

    def _evaluated(self, expr: Expr) -> Array:
        special = {
            "const": lambda: np.asarray(scalar.constant_value(expr), expr.dtype.numpy),
            "index": lambda: np.asarray(self.size(expr.data), np.int64),
            "load": lambda: self.load(expr),
            "checked": lambda: self.checked(expr),
        }
        if expr.name in special:
            return special[expr.name]()
        return np.asarray(OPERATIONS[expr.name](expr, *map(self.expr, expr.args)))

    def load(self, expr: Expr) -> Array:
        buffer = self.buffers[expr.source].ravel()
        where = self.expr(expr.args[0]) if expr.args else np.True_
        where, offset = np.broadcast_arrays(where, self.size(expr.offset))
        assert np.all((offset[where] >= 0) & (offset[where] < buffer.size)), "a wild load"
        found = np.zeros(where.shape, buffer.dtype)
        found[where] = buffer[offset[where]]
        return found

    def checked(self, expr: Expr) -> Array:
        extent, site = expr.data
        value, size = self.expr(expr.args[0]), self.size(extent)
        inside = (value >= -size) & (value < size)
        asked = self.expr(expr.args[1]) if len(expr.args) > 1 else np.True_
        if np.any(~inside & asked):
            self.out_of_range.append(site.node)
        return np.where(inside, np.where(value < 0, value + size, value), 0)


def _registered(name: str) -> Callable[..., Any]:
    return lambda expr, *args: REGISTRY[name].reference({}, *np.broadcast_arrays(*args))


#: Scalar operations by name: those of elementwise ops, and a few more.
OPERATIONS: dict[str, Callable[..., Any]] = {
    name: _registered(name) for name, op in REGISTRY.items() if op.kind.value == "elementwise"
} | {
    "select": lambda expr, *args: np.where(*args),
    "cast": lambda expr, x: saturating_cast(x, expr.dtype),
    "and": lambda expr, x, y: x & y,
    "or": lambda expr, x, y: x | y,
    "xor": lambda expr, x, y: x ^ y,
    "not": lambda expr, x: ~x,
}

COMBINERS: dict[str, Callable[..., Any]] = {
    "sum": lambda axes, x: np.sum(x, axes, dtype=x.dtype),
    "prod": lambda axes, x: np.prod(x, axes, dtype=x.dtype),
    "max": lambda axes, x: np.max(x, axes, initial=_lowest(x)),
    "min": lambda axes, x: np.min(x, axes, initial=_highest(x)),
    "any": lambda axes, x: np.any(x, axes),
    "all": lambda axes, x: np.all(x, axes),
    "dot": lambda axes, x, y: np.sum(x * y, axes, dtype=x.dtype),
    "argmax": lambda axes, x: np.argmax(x, axes[0]),
    "argmin": lambda axes, x: np.argmin(x, axes[0]),
}


def _lowest(x: Array) -> Any:
    return -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min


def _highest(x: Array) -> Any:
    return np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).max


@dataclass
class Loops:
    """Loop axes with their positions, each along an axis of its own."""

    index: Index
    positions: dict[str, Array]
    shape: tuple[int, ...]


def loops(extents: Sequence[Size], sizes: Mapping[str, int]) -> Loops:
    shape = tuple(dims.evaluate(extent, sizes) for extent in extents)
    names = [f"loop{k}" for k in range(len(shape))]
    grid = np.indices(shape, sparse=True) if shape else ()
    index = tuple(
        dims.symbol(name, extent - 1) for name, extent in zip(names, extents, strict=True)
    )
    return Loops(index, dict(zip(names, grid, strict=True)), shape)


def reader(node: Node) -> Callable[..., Expr]:
    def read(k: int, index: Index, where: Expr | None = None) -> Expr:
        operand = node.inputs[k]
        return scalar.load(k, linearize(index, operand.shape), operand.dtype, where)

    return read


def compute(
    node: Node, inputs: Sequence[Array], sizes: Mapping[str, int]
) -> tuple[Array, list[object]]:
    """(the node's value by its lowering, the sites that reported an index out of range)."""
    evaluation = Evaluation(dict(sizes), inputs)
    with np.errstate(all="ignore"):
        value = _compute(node, evaluation)
    return np.asarray(value), evaluation.out_of_range


def _compute(node: Node, at: Evaluation) -> Array:
    sizes, read = dict(at.symbols), reader(node)
    match node.op.lowering:
        case Pointwise(element):
            grid = loops(node.shape, sizes)
            at.symbols = sizes | grid.positions
            return np.broadcast_to(at.expr(element(node, grid.index, read)), grid.shape)
        case Reduce(combiner, extents, operands, _):
            return _reduce(node, at, combiner, extents(node), operands)
        case Scatter(extents, target, value, combiner):
            grid = loops(extents(node), sizes)
            at.symbols = sizes | grid.positions
            result = at.buffers[0].copy()
            offset = np.asarray(at.size(linearize(target(node, grid.index, read), node.shape)))
            added = at.expr(value(node, grid.index, read))
            change = {"sum": np.add, "max": np.maximum, "min": np.minimum}[combiner]
            change.at(result.reshape(-1), np.broadcast_to(offset, grid.shape), added)
            return result
        case Scan(combiner, axis):
            running = {"sum": np.add, "prod": np.multiply, "max": np.maximum}[combiner]
            return running.accumulate(at.buffers[0], axis(node), dtype=node.dtype.numpy)
        case Sort(axis, positions):
            function = np.argsort if positions else np.sort
            return function(at.buffers[0], axis(node), kind="stable")
        case Composite(written_out):
            graph = extract("written_out", [written_out(node)], inputs=node.inputs)
            given = dict(zip(node.inputs, at.buffers, strict=True))
            return evaluate(graph, given, sizes)[0][0]
        case other:
            raise AssertionError(f"{other} computes nothing")


def _reduce(
    node: Node,
    at: Evaluation,
    combiner: str,
    extents: Sequence[Size],
    operands: Callable[..., tuple[Expr, ...]],
) -> Array:
    rank = len(node.shape)
    grid = loops((*node.shape, *extents), dict(at.symbols))
    at.symbols = dict(at.symbols) | grid.positions
    exprs = operands(node, grid.index[:rank], grid.index[rank:], reader(node))
    values = [np.broadcast_to(at.expr(expr), grid.shape) for expr in exprs]
    if 0 in grid.shape[:rank]:  # NumPy finds no position along an axis that is empty too
        return np.zeros(grid.shape[:rank], node.dtype.numpy)
    return np.asarray(COMBINERS[combiner](tuple(range(rank, len(grid.shape))), *values))
