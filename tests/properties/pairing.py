"""Graphs built together with their NumPy twin, value by value.

The twin is written in plain NumPy and knows nothing of what the ops declare. Values stay small,
so that comparing results means something, and each carries what is known of it: how large its
elements can be, and whether they are exact. Ops that jump (comparisons, rounding, positions) are
only applied to exact values, of which the machine code and NumPy have the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from graphc.ir import dims
from graphc.ir.dims import Size
from graphc.ir.dtypes import FLOATS, DType
from graphc.ir.node import Node
from graphc.ir.types import Shape
from graphc.ops import ops
from graphc.ops.declaring import scalar_like

Array = np.ndarray[Any, Any]
Sizes = dict[str, int]
#: twin(sizes, *arrays of the sources) -> array
Twin = Callable[..., Any]

#: Symbols of one value are one dim to the graph only by a guard.
ALIASES = {"rows": "n"}
#: The largest sizes with which symbols are fed; they bound how far values can grow.
LARGEST: Sizes = {"n": 19, "rows": 19, "m": 6}
#: No value has more elements when fed with the largest sizes.
MOST_ELEMENTS = 2500
#: Values whose elements can be larger are scaled down (integers: divided) before others read them.
LIMITS = {"f": 8.0, "i": 100.0, "u": 100.0, "b": np.inf}
_MANTISSA = {32: 22, 64: 51}


@dataclass(frozen=True, eq=False)
class Value:
    """A node and the way to compute it with NumPy from earlier values.

    No element is larger than `bound` in size (for rounded values: than a few times it). With a
    `grid` every element is a whole multiple of 2**-grid, computed without rounding. `cancels`:
    digits of the sources may cancel, so that rounding one of them shows more than in one ulp.
    """

    position: int
    node: Node
    twin: Twin | None
    sources: tuple[int, ...]
    bound: float
    grid: int | None
    cancels: bool = False

    @property
    def dtype(self) -> DType:
        return self.node.dtype

    @property
    def shape(self) -> Shape:
        return self.node.shape

    @property
    def rank(self) -> int:
        return len(self.node.shape)

    @property
    def is_exact(self) -> bool:
        return self.grid is not None

    @property
    def is_tame(self) -> bool:
        return self.bound <= LIMITS[self.dtype.kind]


class Picks:
    """The numbers of a step, each of which chooses among as many options as there are."""

    def __init__(self, numbers: Sequence[int]) -> None:
        self._numbers = iter(numbers)

    def below(self, count: int) -> int:
        return next(self._numbers, 0) % count

    def of(self, options: Sequence[Any]) -> Any:
        return options[self.below(len(options))]

    def some(self, options: Sequence[Any]) -> tuple[Any, ...]:
        """At least one of the options, in their order."""
        chosen = 1 + self.below(2 ** len(options) - 1)
        return tuple(option for k, option in enumerate(options) if chosen >> k & 1)


@dataclass
class Pairing:
    """A graph and its twin under construction; new inputs are drawn from a grid of their own."""

    dtype: DType
    dims: Shape
    grid: int
    casts: tuple[DType, ...] = FLOATS
    values: list[Value] = field(default_factory=list)

    def apply(
        self,
        node: Node,
        twin: Twin,
        *sources: Value,
        bound: float,
        grid: int | None = None,
        cancels: bool = False,
    ) -> Value:
        """Record a node computed from the sources; without a grid its elements are rounded."""
        if not node.dtype.is_float:
            grid = 0
        elif grid is not None and bound * 2.0**grid > 2.0 ** _MANTISSA[node.dtype.bits]:
            grid = None
        places = tuple(source.position for source in sources)
        return self._keep(Value(len(self.values), node, twin, places, bound, grid, cancels))

    def input(self, dtype: DType, shape: Shape, *, variable: bool = False) -> Value:
        """A new placeholder, or a variable if its shape is known."""
        name = f"x{len(self.values)}"
        if variable and all(isinstance(size, int) for size in shape):
            node = ops.variable(shape=shape, dtype=dtype, trainable=True, name=name)
        else:
            node = ops.placeholder(shape=shape, dtype=dtype, name=name)
        bound = 2.0 if dtype.is_float else 5.0
        grid = self.grid if dtype.is_float else 0
        return self._keep(Value(len(self.values), node, None, (), bound, grid))

    def _keep(self, value: Value) -> Value:
        self.values.append(value)
        return value

    def candidates(self, accepts: Callable[[Value], bool]) -> list[Value]:
        """The acceptable values, the latest first; none that has grown too large."""
        return [v for v in reversed(self.values) if v.is_tame and accepts(v)]

    def like(self, x: Value, picks: Picks, *, exact: bool = False) -> Value:
        """A value of the dtype of x, broadcast to its shape: maybe a new input, or x itself."""
        if picks.below(6) == 5:
            return self.input(x.dtype, renamed(x.shape))
        found = self.candidates(
            lambda v: v.dtype is x.dtype and broadcasts(v, x) and (v.is_exact or not exact)
        )
        return self.broadcast(picks.of(found or [x]), x.shape)

    def broadcast(self, value: Value, shape: Shape) -> Value:
        """The value repeated to fill a shape."""
        if canonical(value.shape) == canonical(shape):
            return value
        return self.apply(
            ops.broadcast_to(value.node, shape=shape),
            lambda sizes, x: np.broadcast_to(x, known(shape, sizes)),
            value, bound=value.bound, grid=value.grid,
        )  # fmt: skip

    def tame(self, value: Value) -> Value:
        """The value itself, or scaled down if it has grown."""
        if value.is_tame:
            return value
        if value.dtype.is_integer:
            return self.apply(
                ops.remainder(value.node, scalar_like(value.node, 7)),
                lambda sizes, x: np.remainder(x, x.dtype.type(7)), value, bound=6,
            )  # fmt: skip
        power = int(np.ceil(np.log2(value.bound / LIMITS["f"])))
        return self.apply(
            ops.mul(value.node, scalar_like(value.node, 2.0**-power)),
            lambda sizes, x: x * x.dtype.type(2.0**-power),
            value, bound=value.bound * 2.0**-power,
            grid=None if value.grid is None else value.grid + power,
        )  # fmt: skip


def known(shape: Shape, sizes: Sizes) -> tuple[int, ...]:
    """The shape when its symbols have these sizes."""
    return tuple(dims.evaluate(size, sizes) for size in shape)


def canonical(shape: Shape) -> Shape:
    """The shape with symbols that are always fed alike made one."""
    values = {name: dims.symbol(other) for name, other in ALIASES.items()}
    return tuple(dims.substitute(size, values) for size in shape)


def renamed(shape: Shape) -> Shape:
    """The shape with other names for symbols: where the two meet there is a guard.

    Only where symbols stand alone, so that the sizes fed determine every name.
    """
    pairs = [*ALIASES.items(), *((other, name) for name, other in ALIASES.items())]
    names: dict[Size, Size] = {dims.symbol(a): dims.symbol(b) for a, b in pairs}
    if any(size not in names and dims.symbols(size) & {a for a, _ in pairs} for size in shape):
        return shape
    return tuple(names.get(size, size) for size in shape)


def extent(size: Size) -> int:
    """How large a dim can be."""
    return dims.evaluate(size, LARGEST)


def elements(shape: Shape) -> int:
    """How many elements a shape can have."""
    return int(np.prod(known(shape, LARGEST)))


def broadcasts(value: Value, x: Value) -> bool:
    """Whether the value can be broadcast to the shape of x."""
    mine, theirs = canonical(value.shape), canonical(x.shape)
    trailing = theirs[len(theirs) - len(mine) :]
    return len(mine) <= len(theirs) and all(
        a == b or a == 1 for a, b in zip(mine, trailing, strict=True)
    )


def summed(count: int, *factors: Value) -> dict[str, Any]:
    """Bound and grid of a sum of so many products of elements."""
    each = float(np.prod([value.bound for value in factors]))
    grids = [value.grid for value in factors]
    if any(grid is None for grid in grids):
        return {"bound": each * np.sqrt(max(count, 1)), "grid": None}
    return {"bound": each * max(count, 1), "grid": sum(grid for grid in grids if grid is not None)}


def both_grids(*values: Value) -> int | None:
    """The grid on which elements of all the values lie."""
    grids = [value.grid for value in values if value.grid is not None]
    return max(grids) if len(grids) == len(values) else None


Build = Callable[[Pairing, Value, Picks], "Value | None"]


@dataclass(frozen=True)
class Recipe:
    """A way to continue a graph from one of its values; None when it does not apply after all."""

    accepts: Callable[[Value], bool]
    build: Build


RECIPES: dict[str, Recipe] = {}


def recipe(accepts: Callable[[Value], bool]) -> Callable[[Build], Build]:
    """Enter a function among the recipes, under its name."""

    def enter(build: Build) -> Build:
        RECIPES[build.__name__] = Recipe(accepts, build)
        return build

    return enter


def anything(value: Value) -> bool:
    return True


def has_axes(value: Value) -> bool:
    return value.rank > 0


def is_float(value: Value) -> bool:
    return value.dtype.is_float


def is_number(value: Value) -> bool:
    return not value.dtype.is_bool


def is_integer(value: Value) -> bool:
    return value.dtype.is_integer


def is_bool(value: Value) -> bool:
    return value.dtype.is_bool


def is_exact(value: Value) -> bool:
    return value.is_exact
