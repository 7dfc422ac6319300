"""Random graphs of 5 to 50 ops: drawn as data, built as nodes and as NumPy calls side by side."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from graphc.ir import dtypes
from graphc.ir.dims import Size, symbol
from graphc.ir.graph import Graph, extract, topological
from graphc.ir.node import Node
from graphc.ir.opdef import Kind
from tests.properties import recipes_combining, recipes_elementwise, recipes_views, recipes_windows
from tests.properties.pairing import RECIPES, Array, Pairing, Picks, Sizes, Value, known

#: The modules that enter the recipes.
FAMILIES = (recipes_elementwise, recipes_views, recipes_combining, recipes_windows)
#: No step is taken once a graph has so many ops (inputs and constants not counted).
MOST_OPS = 36
_PICKS = 7
#: A step that is left out; what others shrink to.
NOTHING = ""
#: Repeated to be drawn more often; an empty dim leaves little to compare.
_DIMS: tuple[str | int, ...] = (3, "n", 2, 5, 17, 8, "n", 3, "rows", 33, 5, "m", 1, "n", 4, 16, 0)

#: Sizes to feed: usual ones first, then one element, none, and more than a vector holds.
SIZES: tuple[Sizes, ...] = (
    {"n": 7, "rows": 7, "m": 3}, {"n": 1, "rows": 1, "m": 6}, {"n": 0, "rows": 0, "m": 2},
    {"n": 19, "rows": 19, "m": 1},
)  # fmt: skip


@dataclass(frozen=True)
class Step:
    """A recipe, and numbers that say what it is applied to and how."""

    recipe: str
    picks: tuple[int, ...]


@dataclass(frozen=True)
class Script:
    """A random program as data; every script is a valid program.

    `grid`: inputs are multiples of 2**-grid; with a coarse grid many are equal. `casts` tells
    the float dtypes that values may be cast to.
    """

    dtype: str
    dims: tuple[str | int, ...]
    grid: int
    steps: tuple[Step, ...]
    fetched: tuple[int, ...] = ()
    casts: tuple[str, ...] = ("float32", "float64")


class Twins:
    """The graph of a script, and its twin."""

    def __init__(self, script: Script) -> None:
        sizes: tuple[Size, ...] = tuple(
            symbol(size) if isinstance(size, str) else size for size in script.dims
        )
        casts = tuple(map(dtypes.as_dtype, script.casts))
        self._pairing = Pairing(dtypes.as_dtype(script.dtype), sizes, script.grid, casts)
        for dtype in (dtypes.bool_, dtypes.int32, self._pairing.dtype):
            self._main = self._pairing.input(dtype, sizes)
        for step in script.steps:
            self._take(step)
        self.values = self._pairing.values
        self.fetched = self._fetched(script.fetched)
        self.outputs = [value.node for value in self.fetched]
        self.inputs = self._inputs()

    def _take(self, step: Step) -> None:
        pairing, recipe = self._pairing, RECIPES[step.recipe]
        found = pairing.candidates(recipe.accepts)
        if not found or count_ops(value.node for value in pairing.values) >= MOST_OPS:
            return
        picks = Picks(step.picks)
        value = recipe.build(pairing, picks.of(found), picks)
        if value is not None:
            pairing.tame(value)

    def _fetched(self, extra: Sequence[int]) -> list[Value]:
        """What nothing reads, the latest first and at most five, and some others."""
        read = {place for value in self.values for place in value.sources}
        leaves = [v for v in reversed(self.values) if v.position not in read and v.twin]
        chosen = leaves[:5] or self.values[-1:]
        return chosen + [self.values[-1 - k % len(self.values)] for k in extra]

    def _inputs(self) -> list[Value]:
        """Those that are needed, and those that tell the size of each symbol."""
        inputs = [value for value in self.values if value.twin is None]
        first: dict[Size, Node] = {}
        for value in (self._main, *inputs):
            for size in value.shape:
                if not isinstance(size, int):
                    first.setdefault(size, value.node)
        needed = {*topological(self.outputs), self._main.node, *first.values()}
        return [value for value in inputs if value.node in needed]

    def graph(self) -> Graph:
        """The graph of the outputs."""
        return extract("random", self.outputs, inputs=[value.node for value in self.inputs])

    def feeds(self, sizes: Sizes, seed: int = 0) -> dict[Node, Array]:
        """Arrays for all inputs."""
        rng = np.random.default_rng(seed)
        inputs = [value for value in self.values if value.twin is None]
        return {value.node: _drawn(value, sizes, rng) for value in inputs}

    def twin(
        self, feeds: Mapping[Node, Array], sizes: Sizes, jitter: np.random.Generator | None = None
    ) -> list[Array]:
        """The outputs by NumPy; with `jitter` every rounded element is off by up to one ulp.

        The spread of several such runs tells how far a right program may be from this one.
        """
        arrays: list[Array] = []
        with np.errstate(all="ignore"):
            for value in self.values:
                arrays.append(_computed(value, feeds, sizes, arrays, jitter))
        return [arrays[value.position] for value in self.fetched]


def count_ops(nodes: Iterable[Node]) -> int:
    """The ops among the nodes and all that they need; sources do not count."""
    return sum(node.op.kind is not Kind.SOURCE for node in topological(nodes))


def _drawn(value: Value, sizes: Sizes, rng: np.random.Generator) -> Array:
    shape, dtype = known(value.shape, sizes), value.dtype
    if dtype.is_bool:
        return np.asarray(rng.integers(0, 2, shape), bool)
    if dtype.is_integer:
        return np.asarray(rng.integers(0 if dtype.kind == "u" else -5, 6, shape), dtype.numpy)
    steps = 2 ** (value.grid or 0)
    return np.asarray(rng.integers(-2 * steps, 2 * steps + 1, shape) / steps, dtype.numpy)


def _computed(
    value: Value,
    feeds: Mapping[Node, Array],
    sizes: Sizes,
    arrays: Sequence[Array],
    jitter: np.random.Generator | None,
) -> Array:
    if value.twin is None:
        return feeds[value.node]
    sources = [arrays[place] for place in value.sources]
    result = np.asarray(value.twin(sizes, *sources))
    assert result.dtype == value.dtype.numpy, (value.node, result.dtype)
    assert result.shape == known(value.shape, sizes), (value.node, result.shape)
    if jitter is None or value.is_exact:
        return result
    unit = np.finfo(result.dtype).eps
    noise = result * jitter.uniform(-unit, unit, result.shape)
    if value.cancels:
        noise += jitter.uniform(-unit, unit, result.shape) * _magnitude(sources)
    return np.asarray(result + noise, result.dtype)


def _magnitude(sources: Sequence[Array]) -> float:
    """The largest that an element of the sources, or a product of two of them, can be."""
    sizes = sorted(float(np.max(np.abs(array), initial=0)) for array in sources)
    return max(sizes[-1], float(np.prod(sizes[-2:])))


# Drawing ------------------------------------------------------------------------------------


def script_of(seed: int) -> Script:
    """A script in which every recipe is as likely, for tests that need no shrinking."""
    rng = random.Random(seed)
    steps = [
        Step(rng.choice(list(RECIPES)), tuple(rng.randrange(64) for _ in range(_PICKS)))
        for _ in range(rng.randrange(6, 24))
    ]
    dims = tuple(rng.choice(_DIMS) for _ in range(rng.randrange(1, 4)))
    fetched = tuple(rng.randrange(64) for _ in range(rng.randrange(4)))
    dtype = rng.choice(("float32", "float64"))
    return Script(dtype, dims, rng.choice((3, 12)), tuple(steps), fetched)


def scripts(dtype: str | None = None, grid: int | None = None) -> st.SearchStrategy[Script]:
    """Scripts, which shrink to few steps and small dims; of one float dtype if it is given."""
    numbers = st.tuples(*[st.integers(0, 63)] * _PICKS)
    step = st.builds(Step, st.sampled_from((NOTHING, *RECIPES)), numbers)
    steps = st.lists(step, min_size=8, max_size=24)
    return st.builds(
        Script,
        st.just(dtype) if dtype else st.sampled_from(("float32", "float64")),
        st.lists(st.sampled_from(_DIMS), min_size=1, max_size=3).map(tuple),
        st.just(grid) if grid is not None else st.sampled_from((3, 12)),
        steps.map(lambda drawn: tuple(step for step in drawn if step.recipe != NOTHING)),
        st.lists(st.integers(0, 63), max_size=3).map(tuple),
        st.just((dtype,) if dtype else ("float32", "float64")),
    )
