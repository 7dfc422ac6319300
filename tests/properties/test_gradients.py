"""Gradients of random graphs: against central differences of the twin, and natively."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from hypothesis import assume

from graphc.autodiff.reverse import cotangents
from graphc.ir.graph import Graph, extract
from graphc.ir.node import Node
from graphc.ops import ops
from graphc.passes.pipeline import run_passes
from graphc.runtime.reference import evaluate
from tests.properties.comparing import for_all, quick_and_long
from tests.properties.pairing import Array, Sizes
from tests.properties.random_graphs import SIZES, Script, Twins, scripts
from tests.properties.running import Compiled, interpret

#: Inputs on a fine grid: no two elements are equal by chance, so functions have few kinks there.
FINE = 20
#: The step of the differences, and how far slopes may be apart, relative to what is added up.
STEP, TOLERANCE = 2.0**-16, 1e-6

Values = Mapping[Node, Array]


@dataclass(frozen=True, eq=False)
class Problem:
    """A scalar functional of a random graph: every float output times a random weight, summed."""

    twins: Twins
    graph: Graph
    gradients: dict[Node, int]
    seeds: dict[Node, int]

    @classmethod
    def of(cls, script: Script) -> Problem:
        """The graph's outputs followed by the gradients of its inputs."""
        twins = Twins(script)
        chosen = {k: node for k, node in enumerate(twins.outputs) if node.dtype.is_float}
        seeds = {
            ops.placeholder(shape=node.shape, dtype=node.dtype, name=f"seed{k}"): k
            for k, node in chosen.items()
        }
        inputs = [value.node for value in twins.inputs]
        found = cotangents(list(chosen.values()), inputs, list(seeds))
        gradients = {
            node: gradient for node, gradient in zip(inputs, found, strict=True) if gradient
        }
        graph = extract(
            "gradients", [*twins.outputs, *gradients.values()], inputs=[*inputs, *seeds]
        )
        places = {node: k for k, node in enumerate(gradients, len(twins.outputs))}
        return cls(twins, graph, places, seeds)

    def feeds(self, sizes: Sizes) -> dict[Node, Array]:
        feeds = self.twins.feeds(sizes)
        rng = np.random.default_rng(1)
        outputs = self.twins.twin(feeds, sizes)
        for node, k in self.seeds.items():
            feeds[node] = np.asarray(rng.uniform(-1, 1, outputs[k].shape), node.dtype.numpy)
        return feeds

    def functional(self, feeds: Values, sizes: Sizes) -> tuple[float, float]:
        """(the sum, the sum of the sizes of what is added up), of the twin's outputs."""
        outputs = self.twins.twin(feeds, sizes)
        terms = [np.ravel(feeds[node] * outputs[k]) for node, k in self.seeds.items()]
        every = np.concatenate([np.zeros(0), *terms])
        return float(np.sum(every)), float(np.sum(np.abs(every)))

    def slope(self, results: list[Array], along: Values) -> tuple[float, float]:
        """The same for the slope in a direction that gradients give."""
        terms = [np.ravel(results[k] * along[node]) for node, k in self.gradients.items()]
        every = np.concatenate([np.zeros(0), *terms])
        return float(np.sum(every)), float(np.sum(np.abs(every)))


def direction(problem: Problem, feeds: Values) -> dict[Node, Array]:
    """A random direction for the float inputs."""
    rng = np.random.default_rng(2)
    return {
        value.node: np.asarray(rng.uniform(-1, 1, feeds[value.node].shape))
        for value in problem.twins.inputs
        if value.dtype.is_float
    }


@quick_and_long(45, 800)
def test_gradients_agree_with_differences(examples: int) -> None:
    for_all(scripts("float64", FINE), gradients_agree_with_differences, examples)


def gradients_agree_with_differences(script: Script) -> None:
    """Interpreted and native, wherever the functional is smooth enough to be measured."""
    problem = Problem.of(script)
    assume(problem.gradients)
    native = Compiled(problem.graph)
    smooth = 0
    for sizes in SIZES[:2]:
        feeds = problem.feeds(sizes)
        along = direction(problem, feeds)
        measured = measure(problem, feeds, along, sizes)
        if measured is None:
            continue
        smooth += 1
        for results in (evaluate(problem.graph, feeds, sizes)[0], native(feeds)):
            slope, scale = problem.slope(results, along)
            _, whole = problem.functional(feeds, sizes)
            assert abs(slope - measured) <= TOLERANCE * (scale + whole), (slope, measured, sizes)
    assume(smooth)


def measure(problem: Problem, feeds: Values, along: Values, sizes: Sizes) -> float | None:
    """The slope by differences with an error of the order of STEP**4; None at a kink or jump.

    There the slopes to both sides differ by an amount that does not shrink with the step, or
    the estimates for two steps are far apart.
    """
    at = {k: shifted_value(problem, feeds, along, sizes, k * STEP) for k in (-2, -1, 0, 1, 2)}
    near, far = (at[1] - at[-1]) / (2 * STEP), (at[2] - at[-2]) / (4 * STEP)
    bend_near = (at[1] - 2 * at[0] + at[-1]) / STEP
    bend_far = (at[2] - 2 * at[0] + at[-2]) / (2 * STEP)
    _, scale = problem.functional(feeds, sizes)
    rough = max(abs(near - far), abs(2 * bend_near - bend_far))
    if rough > TOLERANCE * (scale + abs(near)):
        return None
    return (4 * near - far) / 3


def shifted_value(problem: Problem, feeds: Values, along: Values, sizes: Sizes, by: float) -> float:
    moved = {node: x + by * along[node] if node in along else x for node, x in feeds.items()}
    return problem.functional(moved, sizes)[0]


@quick_and_long(30, 500)
def test_native_gradients_agree_with_interpreted(examples: int) -> None:
    for_all(scripts("float64", grid=3), native_gradients_agree, examples)


def native_gradients_agree(script: Script) -> None:
    """Element by element, for every size; with ties and empty dims."""
    problem = Problem.of(script)
    optimized, _ = run_passes(problem.graph, verify=True)
    native = Compiled(problem.graph)
    for sizes in SIZES:
        feeds = problem.feeds(sizes)
        expected = interpret(optimized, problem.graph, feeds, sizes)
        for k, (mine, other) in enumerate(zip(native(feeds), expected, strict=True)):
            assert (mine.dtype, mine.shape) == (other.dtype, other.shape)
            if other.dtype.kind != "f":
                np.testing.assert_array_equal(mine, other)
                continue
            near = 1e-9 * largest([other]) + 1e-13 * largest([*expected, *feeds.values()])
            np.testing.assert_allclose(mine, other, 0, near, err_msg=f"{k} {sizes}")


def largest(arrays: Sequence[Array]) -> float:
    """The largest size of an element of those arrays that hold floats."""
    return max(float(np.max(np.abs(a), initial=0)) for a in arrays if a.dtype.kind == "f")
