"""Derivatives held against central differences along random directions.

The outputs are put together in one number, each element with a weight of its own; second
derivatives are those of the gradient, put together likewise. Slopes of such a number along a
direction in one input are what derivatives in every mode must agree with.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from graphc.autodiff.forward import tangents
from graphc.autodiff.reverse import cotangents
from graphc.errors import AttributeValueError, GradientError
from graphc.inspection.view import Column, table
from graphc.inspection.widening import widened
from graphc.ir.dtypes import float64
from graphc.ir.graph import Graph, extract
from graphc.ir.node import Node
from graphc.ir.opdef import Array
from graphc.ops.algebra import add, mul
from graphc.ops.declaring import ops, scalar_like, sum_of, zeros_like
from graphc.runtime.program import NativeProgram, Program, ReferenceProgram

FIRST = ("reverse", "forward")
SECOND = ("forward over reverse", "reverse over reverse")
#: How often a step is made ten times smaller before differences are given up.
_RETRIES = 2
#: Differences are no better than this many roundings of what is subtracted.
_ROUNDINGS = 100


@dataclass(frozen=True)
class Settings:
    """How derivatives are checked.

    `step` is the largest distance between two points, relative to an input's size where that is
    more than 1; `directions` how many random ones are tried for each input; `tolerance` the
    largest relative error. `reference` interprets with NumPy instead of compiling.
    """

    step: float = 1e-4
    directions: int = 3
    seed: int = 0
    tolerance: float = 1e-6
    second_order: bool = True
    reference: bool = False

    def __post_init__(self) -> None:
        for name in ("step", "tolerance"):
            if not getattr(self, name) > 0:
                raise AttributeValueError(f"{name} must be positive, not {getattr(self, name)}")
        if self.directions < 1:
            raise AttributeValueError(f"needs a direction or more, not {self.directions}")


@dataclass(frozen=True, slots=True)
class Comparison:
    """One derivative along one direction in one input, computed and estimated.

    `error` is relative to the larger of both. The verdict is "ok"; "wrong"; or "unsure", if the
    estimate itself depends on the step, as it does at a kink.
    """

    input: str
    mode: str
    direction: int
    analytic: float
    numeric: float
    error: float
    verdict: str


@dataclass(frozen=True)
class GradientCheck:
    """What `gc.check_gradients` has found: `rows` for every input, mode and direction.

    Printed, it is a table of the worst direction of each. `notes` tell what was not checked.
    """

    rows: tuple[Comparison, ...]
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether every derivative agrees with its estimate."""
        return all(row.verdict == "ok" for row in self.rows)

    @property
    def worst(self) -> tuple[Comparison, ...]:
        """The row of the largest error for each input and mode."""
        found: dict[tuple[str, str], Comparison] = {}
        for row in self.rows:
            other = found.setdefault((row.input, row.mode), row)
            if _badness(row) > _badness(other):
                found[row.input, row.mode] = row
        return tuple(found.values())

    def require(self) -> GradientCheck:
        """The report itself; GradientError, with the table, unless it is `ok`."""
        if not self.ok:
            raise GradientError(f"derivatives disagree with differences\n{self}")
        return self

    def __str__(self) -> str:
        titles = ("input", "mode", "analytic", "numeric", "error", "verdict")
        columns = [Column(title, right=2 <= k <= 4) for k, title in enumerate(titles)]
        rows = [
            (r.input, r.mode, f"{r.analytic:.9g}", f"{r.numeric:.9g}", f"{r.error:.1e}", r.verdict)
            for r in self.worst
        ]
        return "\n".join([*table(columns, rows).lines(), *(f"note: {note}" for note in self.notes)])


def _badness(row: Comparison) -> tuple[int, float]:
    place = ("ok", "unsure", "wrong").index(row.verdict)
    return place, math.inf if math.isnan(row.error) else row.error


def check(
    graph: Graph, arrays: Mapping[Node, Array], xs: Sequence[Node], settings: Settings
) -> GradientCheck:
    """The derivatives of a graph's floating-point outputs by some of its inputs.

    `arrays` are the values of all placeholders and variables; all is computed in float64.
    GradientError if no output is floating point, or one cannot be differentiated.
    """
    wide = widened(graph)
    given = [*graph.placeholders, *graph.variables]
    at = dict(zip(given, wide.placeholders, strict=True))
    values = {at[node]: np.asarray(arrays[node], at[node].dtype.numpy) for node in given}
    rng = np.random.default_rng(settings.seed)
    problem = _Problem(wide, [at[x] for x in xs], rng, settings)
    rows: list[Comparison] = []
    for k, x in enumerate(xs):
        name = x.name or f"input {k}"
        for number in range(settings.directions):
            rows += problem.compared(name, number, at[x], values, rng)
    return GradientCheck(tuple(rows), tuple(problem.notes))


class _Problem:
    """The programs that compute the numbers to differentiate, and their derivatives."""

    def __init__(
        self, graph: Graph, xs: Sequence[Node], rng: np.random.Generator, settings: Settings
    ) -> None:
        self.settings = settings
        self.notes: list[str] = []
        self._modes: dict[str, tuple[int, Node]]
        self._inputs = graph.placeholders
        self._ways = [_like(x) for x in xs]
        self._weights = [_like(x) for x in xs]
        self._xs = list(xs)
        outputs = [node for node in graph.outputs if node.dtype.is_float]
        if not outputs:
            raise GradientError("there is no floating-point output to differentiate")
        weighted = [mul(y, _weights_like(y, rng)) for y in outputs]
        total = sum_of([_total(part) for part in weighted])
        gradient = _gradient(total, xs)
        pairs = list(zip(gradient, self._weights, strict=True))
        slope = sum_of([_total(mul(g, weight)) for g, weight in pairs])
        sizes = [
            sum_of([_total(ops.abs(part)) for part in weighted]),
            sum_of([_total(ops.abs(mul(g, weight))) for g, weight in pairs]),
        ]
        reverse, forward = FIRST
        self._modes = {reverse: (0, self._along(gradient))}
        self._try(forward, 0, lambda: self._pushed(total))
        if settings.second_order:
            over_forward, over_reverse = SECOND
            self._try(over_forward, 1, lambda: self._pushed(slope))
            self._try(over_reverse, 1, lambda: self._along(_gradient(slope, xs)))
        self._values = self._program([total, slope, *sizes])
        self._slopes = self._program([node for _, node in self._modes.values()])

    def _try(self, mode: str, order: int, make: Callable[[], Node]) -> None:
        """Add a derivative of some order less one, or a note why there is none."""
        try:
            self._modes[mode] = order, make()
        except GradientError as error:
            self.notes.append(f"nothing by {mode}: {error.op}: {error.message}")

    def _along(self, gradient: Sequence[Node]) -> Node:
        """The slope along the ways by a gradient."""
        pairs = zip(gradient, self._ways, strict=True)
        return sum_of([_total(mul(g, way)) for g, way in pairs])

    def _pushed(self, y: Node) -> Node:
        """The slope of y along the ways by forward accumulation."""
        (pushed,) = tangents([y], self._xs, self._ways)
        return zeros_like(y) if pushed is None else pushed

    def _program(self, outputs: Sequence[Node]) -> Program:
        inputs = [*self._inputs, *self._weights, *self._ways]
        graph = extract("check", outputs, inputs=inputs)
        return (ReferenceProgram if self.settings.reference else NativeProgram)(graph)

    def compared(
        self,
        name: str,
        number: int,
        x: Node,
        values: Mapping[Node, Array],
        rng: np.random.Generator,
    ) -> list[Comparison]:
        """All derivatives along one random direction in the input x."""
        way = _direction(values[x].shape, rng)
        weights = [np.asarray(rng.normal(size=values[node].shape)) for node in self._xs]
        ways = [way if node is x else np.zeros(values[node].shape) for node in self._xs]
        at = [values[node] for node in self._inputs]
        found = _run(self._slopes, [*at, *weights, *ways])
        estimates = _Estimates(self, x, values, weights, way)
        rows: list[Comparison] = []
        for (mode, (order, _)), analytic in zip(self._modes.items(), found, strict=True):
            rows.append(estimates.held_against(name, mode, number, float(analytic), order))
        return rows

    def numbers(self, arrays: Sequence[Array], weights: Sequence[Array]) -> Array:
        """(number, slope, size of the number's terms, of the slope's) at one point."""
        still = [np.zeros(weight.shape) for weight in weights]
        return np.array(_run(self._values, [*arrays, *weights, *still]), np.float64)

    def moved(self, values: Mapping[Node, Array], x: Node, by: Array) -> list[Array]:
        """All inputs, one of them moved."""
        return [values[node] + by if node is x else values[node] for node in self._inputs]


class _Estimates:
    """Slopes of both numbers along a direction by differences, with steps as they are needed.

    Two central differences of half the step each remove the error of second order (Richardson).
    """

    def __init__(
        self,
        problem: _Problem,
        x: Node,
        values: Mapping[Node, Array],
        weights: Sequence[Array],
        way: Array,
    ) -> None:
        self._problem, self._x, self._values = problem, x, values
        self._weights, self._way = weights, way
        size = float(np.max(np.abs(values[x]), initial=1.0))
        self._step = problem.settings.step * (size if math.isfinite(size) else 1.0)
        self._found: list[tuple[Array, Array, Array]] = []

    def held_against(
        self, name: str, mode: str, number: int, analytic: float, order: int
    ) -> Comparison:
        """The verdict on a derivative of the number (order 0) or of its gradient's (order 1)."""
        tolerance = self._problem.settings.tolerance
        earlier = math.nan
        for k in range(_RETRIES + 1):
            numeric, doubt, floor = (float(part[order]) for part in self._at(k))
            doubt, earlier = max(doubt, abs(numeric - earlier)), numeric
            gap = abs(analytic - numeric)
            error = gap / max(abs(analytic), abs(numeric), floor / tolerance, 1e-300)
            if error <= tolerance:
                return Comparison(name, mode, number, analytic, numeric, error, "ok")
        settled = math.isfinite(numeric) and not gap <= 4 * doubt
        verdict = "wrong" if settled else "unsure"
        return Comparison(name, mode, number, analytic, numeric, error, verdict)

    def _at(self, k: int) -> tuple[Array, Array, Array]:
        """(slopes, how much they depend on the step or the side, what rounding does to them)."""
        while len(self._found) <= k:
            step = self._step / 10 ** len(self._found)
            (coarse, _, _), (fine, bend, size) = self._central(step), self._central(step / 2)
            rounding = _ROUNDINGS * np.finfo(np.float64).eps * size / step
            doubt = np.maximum(np.abs(fine - coarse), bend)
            self._found.append(((4 * fine - coarse) / 3, doubt, rounding))
        return self._found[k]

    def _central(self, step: float) -> tuple[Array, Array, Array]:
        """(slopes, by how much those of both sides differ, size of what was subtracted)."""
        above, here, below = (self._moved(by) for by in (step, 0.0, -step))
        with np.errstate(all="ignore"):
            slopes = (above - below)[:2] / (2 * step)
            bend = np.abs(above - 2 * here + below)[:2] / step
            return slopes, bend, np.maximum(above, below)[2:]

    def _moved(self, by: float) -> Array:
        arrays = self._problem.moved(self._values, self._x, by * self._way)
        return self._problem.numbers(arrays, self._weights)


def _run(program: Program, arrays: Sequence[Array]) -> list[Array]:
    return program.run([np.array(array, order="C") for array in arrays], [])[0]


def _direction(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """A random direction whose largest step is 1."""
    way = np.asarray(rng.normal(size=shape))
    return np.asarray(way / np.max(np.abs(way), initial=1e-3))


def _like(node: Node) -> Node:
    return ops.placeholder(shape=node.shape, dtype=float64)


def _total(node: Node) -> Node:
    return ops.sum(node, axes=tuple(range(len(node.shape)))) if node.shape else node


def _gradient(y: Node, xs: Sequence[Node]) -> list[Node]:
    found = cotangents([y], xs, [scalar_like(y, 1.0)])
    return [zeros_like(x) if g is None else g for x, g in zip(xs, found, strict=True)]


def _weights_like(node: Node, rng: np.random.Generator) -> Node:
    """A weight for each element, whatever sizes are fed: a wave with random frequencies."""
    phase = scalar_like(node, rng.uniform(0.3, 1.2))
    counts = [
        mul(ops.iota(shape=node.shape, axis=axis, dtype=float64), rng.uniform(0.5, 2.5))
        for axis in range(len(node.shape))
    ]
    return ops.cos(reduce(add, counts, phase))
