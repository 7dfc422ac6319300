"""Random graphs done for a batch at once, and their Jacobians, dense and sparse."""

from __future__ import annotations

import zlib
from dataclasses import replace

import numpy as np
from hypothesis import assume

from graphc.autodiff.dependence import dependence
from graphc.autodiff.unit_seeds import jacobians_forward, jacobians_reverse
from graphc.ir.dims import symbol
from graphc.ir.graph import extract, topological
from graphc.ir.node import Node
from graphc.ops import ops
from graphc.ops.vectorization import in_any_case, over_batch
from graphc.runtime.reference import evaluate
from tests.properties.comparing import Expected, for_all, quick_and_long
from tests.properties.pairing import Array
from tests.properties.random_graphs import SIZES, Script, Twins, scripts
from tests.properties.running import Compiled
from tests.properties.test_gradients import FINE

BATCH = symbol("batch")
#: Elements of a Jacobian that are worth the time.
MOST = 20_000


def chosen(script: Script, twins: Twins) -> list[Node]:
    """Some inputs, at least one, which the script chooses."""
    rng = np.random.default_rng(zlib.crc32(repr(script).encode()))
    inputs = [value.node for value in twins.inputs]
    kept = [node for node in inputs if rng.integers(2)]
    return kept or inputs[:1]


@quick_and_long(12, 500)
def test_batches_agree_with_their_members(examples: int) -> None:
    for_all(scripts(), batches_agree, examples)


def batches_agree(script: Script) -> None:
    """Interpreted and native, for batches of three, one and none."""
    twins = Twins(script)
    given = {
        node: ops.placeholder(shape=(BATCH, *node.shape), dtype=node.dtype, name=f"batch{k}")
        for k, node in enumerate(chosen(script, twins))
    }
    found = over_batch(twins.outputs, given, BATCH)
    others = [value.node for value in twins.inputs if value.node not in given]
    outputs = [in_any_case(value, BATCH).node for value in found]
    graph = extract("batch", outputs, inputs=[*given.values(), *others])
    native = Compiled(graph)
    for sizes, count in zip(SIZES[:3], (3, 1, 0), strict=True):
        members = [twins.feeds(sizes, seed) for seed in range(max(count, 1))]
        shared = members[0]
        members = [{**shared, **{node: feeds[node] for node in given}} for feeds in members]
        feeds = {node: shared[node] for node in others}
        for node, taker in given.items():
            feeds[taker] = np.stack([member[node] for member in members])[:count]
        every = {**sizes, "batch": count}
        for results in (evaluate(graph, feeds, every)[0], native(feeds)):
            for k in range(count):
                Expected(twins, members[k], sizes).check([result[k] for result in results])


@quick_and_long(40, 800)
def test_jacobians_agree(examples: int) -> None:
    for_all(scripts("float64", FINE), jacobians_agree, examples)


def jacobians_agree(script: Script) -> None:
    """Rows and columns, of known sizes; and no derivative is outside of the pattern."""
    dims = tuple(size if isinstance(size, int) else 2 + len(size) % 2 for size in script.dims)
    twins = Twins(replace(script, dims=dims))
    inputs = [value.node for value in twins.inputs if value.dtype.is_float]
    ys = [y for y in twins.outputs if y.dtype.is_float and {*inputs} & {*topological([y])}]
    assume(ys)
    y, x = ys[0], next(node for node in inputs if node in topological([ys[0]]))
    height, width = (int(np.prod(node.shape, dtype=int)) for node in (y, x))
    assume(0 < height * width <= MOST)
    (rows,), (columns,) = jacobians_reverse(y, [x]), jacobians_forward([y], x)
    assert (rows is None) == (columns is None)
    assume(rows is not None)
    feeds = twins.feeds({})
    found = [value_of(part, feeds).reshape(height, width) for part in (rows, columns)]
    scale = 1e-9 * max(1.0, float(np.max(np.abs(found[0]), initial=0)))
    np.testing.assert_allclose(found[1], found[0], 0, scale)
    pattern = dependence(y, x)
    outside = np.ones((height, width), bool)
    outside[pattern.rows, pattern.columns] = False
    assert not np.any(found[0][outside])


def value_of(node: Node | None, feeds: dict[Node, Array]) -> Array:
    assert node is not None
    program = extract("jacobian", [node])
    inputs = (*program.placeholders, *program.variables)
    return evaluate(program, {place: feeds[place] for place in inputs}, {})[0][0]
