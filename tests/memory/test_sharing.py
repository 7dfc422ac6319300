"""What shares memory in whole programs, and that no bit depends on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.compiler import compile_graph
from graphc.errors import OutOfRangeError
from graphc.ir import dtypes
from graphc.ir.graph import Graph, extract
from graphc.ir.node import Node
from graphc.ops import ops
from graphc.runtime.reference import evaluate
from tests.memory.variables import Array, Program, check_memory, extracted, without_sharing
from tests.properties.comparing import for_all, quick_and_long
from tests.properties.random_graphs import SIZES, Script, Twins, script_of, scripts
from tests.properties.running import same_bits

# Random graphs -------------------------------------------------------------------------------


def with_variables(twins: Twins) -> tuple[Graph, list[Node]]:
    """The graph with variables beside it that are changed by some of its values.

    Every second variable is read turned around as well, and fetched.
    """
    outputs, updates = list(twins.outputs), []
    shapes = [value for value in twins.values if all(isinstance(d, int) for d in value.shape)]
    for k, value in enumerate(shapes[::2]):
        node = value.node
        variable = ops.variable(shape=node.shape, dtype=node.dtype, trainable=True, name=f"v{k}")
        combine = ops.logical_xor if node.dtype.is_bool else ops.add
        new = combine(variable, node)
        if k % 2 and node.shape:
            outputs.append(ops.flip(combine(variable, new), axes=(0,)))
        if k % 4 == 2 and node.shape:
            new = combine(new, ops.flip(variable, axes=(len(node.shape) - 1,)))
        if k % 3 == 2:
            new = combine(new, updates[-1][0]) if updates[-1][0].tensor == node.tensor else new
        updates.append((variable, new))
    inputs = [value.node for value in twins.inputs]
    return extract("random", outputs, updates, inputs=inputs), [v for v, _ in updates]


@quick_and_long(30, 600)
def test_no_bit_depends_on_sharing(examples: int) -> None:
    for_all(scripts(), no_bit_depends_on_sharing, examples)


def no_bit_depends_on_sharing(script: Script) -> None:
    twins = Twins(script)
    graph, variables = with_variables(twins)
    made = compile_graph(graph)
    shared, apart = Program(made), Program(without_sharing(graph))
    for sizes in SIZES:
        feeds = twins.feeds(sizes)
        rng = np.random.default_rng(7)
        for node in variables:
            feeds[node] = np.asarray(rng.integers(0, 2, node.shape), node.dtype.numpy)
        check_memory(made, {name: sizes.get(name, 0) for name in ("n", "rows", "m")})
        mine, other = shared(feeds), apart(feeds)
        assert all(same_bits(mine.outputs, other.outputs)), sizes
        assert all(same_bits(mine.variables, other.variables)), sizes


def test_random_graphs_share() -> None:
    """Else the test above would say nothing."""
    pairs = homes = places = 0
    for seed in range(60):
        made = compile_graph(with_variables(Twins(script_of(seed)))[0], stop="memory")
        assert made.sharing is not None
        pairs += len(made.sharing.pairs)
        homes += len(made.sharing.home)
        places += sum(made.sharing.in_place)
    assert min(pairs, homes, places) > 30


# Temporaries ---------------------------------------------------------------------------------


def sums(length: int) -> Node:
    """Running sums one after another: each is a kernel with a result in memory."""
    value = ops.placeholder(shape=(1000,), dtype=dtypes.float32, name="x")
    for _ in range(length):
        value = ops.cumsum(value, axis=0)
    return value


@pytest.mark.parametrize("length", [1, 2, 3, 10])
def test_a_chain_lives_in_its_output(length: int) -> None:
    made = compile_graph(extract("chain", [sums(length)]), stop="memory")
    assert made.plan is not None and made.sharing is not None and made.prepared is not None
    assert made.plan.ranges == ()
    (output,) = made.prepared.outputs
    assert list(made.sharing.home.values()) == [output] * (length - 1)


def test_a_chain_that_ends_smaller_needs_one_buffer() -> None:
    total = ops.max(sums(5), axes=(0,))
    made = compile_graph(extract("chain", [total]), stop="memory")
    assert made.plan is not None
    assert made.plan.layout({}).total == 4032


def test_what_is_read_again_is_not_written_over() -> None:
    early = sums(1)
    late = ops.cumprod(ops.cumsum(early, axis=0), axis=0)
    graph = extract("again", [ops.max(ops.concat(late, early, axis=0), axes=(0,))])
    made = compile_graph(graph, stop="memory")
    assert made.schedule is not None and made.sharing is not None
    for pair in made.sharing.pairs:
        operands = made.schedule.launches[pair.launch].operands
        later = made.schedule.launches[pair.launch + 1 :]
        assert not any(operands[pair.read] in launch.operands for launch in later)
    assert made.sharing.pairs


def test_feeds_and_constants_are_never_written_over() -> None:
    x = ops.placeholder(shape=(8,), dtype=dtypes.float32, name="x")
    c = ops.constant(value=np.arange(8, dtype=np.float32))
    made = compile_graph(extract("given", [ops.cumsum(x, axis=0), ops.exp(c)]), stop="memory")
    assert made.sharing is not None and made.sharing.pairs == ()


# Variables -----------------------------------------------------------------------------------

Build = Callable[[gc.Variable, gc.Variable, gc.Tensor, gc.Tensor], Any]

# what is fetched of variables v, u [6], x [6] and an index i, and which updates are in place
UPDATES: list[tuple[str, Build, list[bool]]] = [
    ("plus one", lambda v, u, x, i: gc.assign(v, v + 1), [True]),
    ("not read", lambda v, u, x, i: gc.assign(v, x), [True]),
    ("itself", lambda v, u, x, i: gc.assign(v, v), [True]),
    ("turned around", lambda v, u, x, i: gc.assign(v, gc.flip(v)), [False]),
    ("a running sum", lambda v, u, x, i: gc.assign(v, gc.cumulative_sum(v)), [True]),
    ("each by itself", lambda v, u, x, i: [gc.assign(v, v + x), gc.assign(u, u * 2)], [True] * 2),
    ("one by the other", lambda v, u, x, i: [gc.assign(v, v + u), gc.assign(u, u * 2)], [True] * 2),
    ("both by each", lambda v, u, x, i: [gc.assign(v, v + u), gc.assign(u, u - v)], [True, False]),
    ("swapped", lambda v, u, x, i: [gc.assign(v, u), gc.assign(u, v)], [True, False]),
    ("old value, too", lambda v, u, x, i: [v, gc.assign(v, v + 1)], [True]),
    ("old value, turned", lambda v, u, x, i: [gc.flip(v), gc.assign(v, v + 1)], [False]),
    ("new value, too", lambda v, u, x, i: [v + 1, gc.assign(v, v + 1)], [True]),
    ("old after new", lambda v, u, x, i: [
        gc.flip(gc.cumulative_sum(v * x)) * v, gc.assign(v, gc.cumulative_sum(v * x))], [False]),
    ("a check before", lambda v, u, x, i: [gc.take(x, i), gc.assign(v, v + 1)], [True]),
    ("a check within", lambda v, u, x, i: gc.assign(v, v + gc.take(x, i)), [False]),
    ("a check on the way", lambda v, u, x, i: gc.assign(
        v, v + gc.cumulative_sum(gc.take(x, i) + gc.zeros((6,), dtype=gc.float32))), [True]),
    ("a check after", lambda v, u, x, i: [
        gc.assign(v, gc.cumulative_sum(v)),
        gc.take(x, gc.astype(gc.sum(gc.cumulative_sum(v)) * 0, gc.int32) + i)], [False]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("build", "in_place"), [row[1:] for row in UPDATES], ids=[row[0] for row in UPDATES]
)
def test_updates(build: Build, in_place: list[bool]) -> None:
    """Those that can be are in place; results are those of the reference either way."""
    graph = gc.Graph()
    with graph:
        v = gc.variable(np.arange(6, dtype=np.float32), name="v")
        u = gc.variable(np.full(6, 3, np.float32), name="u")
        x = gc.placeholder(gc.float32, (6,), name="x")
        i = gc.placeholder(gc.int32, (), name="i")
        fetches = build(v, u, x, i)
    made = compile_graph(extracted(graph, fetches))
    assert made.executable is not None
    assert sorted(made.executable.in_place) == sorted(in_place)
    check_memory(made, {})
    feeds = {
        v.node: v.initial_value, u.node: u.initial_value,
        x.node: np.linspace(-1, 1, 6, dtype=np.float32), i.node: np.array(-1, np.int32),
    }  # fmt: skip
    mine = Program(made)(feeds)
    reference = evaluated(made.graph, feeds)
    assert all(same_bits(mine.outputs, reference[0])), (mine.outputs, reference[0])
    assert all(same_bits(mine.variables, reference[1]))


def evaluated(graph: Graph, feeds: dict[Node, Array]) -> tuple[list[Array], list[Array]]:
    """Outputs and variables after a run, by the reference interpreter."""
    inputs = {node: feeds[node] for node in (*graph.placeholders, *graph.variables)}
    outputs, updates = evaluate(graph, inputs, {})
    new = {variable: value for (variable, _), value in zip(graph.updates, updates, strict=True)}
    return outputs, [new.get(node, feeds[node]) for node in graph.variables]


@pytest.mark.parametrize("name", [row[0] for row in UPDATES if "check" in row[0]])
def test_a_run_that_fails_changes_nothing(name: str) -> None:
    (build,) = (row[1] for row in UPDATES if row[0] == name)
    graph = gc.Graph()
    with graph:
        v = gc.variable(np.arange(6, dtype=np.float32), name="v")
        u = gc.variable(np.full(6, 3, np.float32), name="u")
        x = gc.placeholder(gc.float32, (6,), name="x")
        i = gc.placeholder(gc.int32, (), name="i")
        fetches = build(v, u, x, i)
    program = Program(compile_graph(extracted(graph, fetches)))
    initial = {v.node: v.initial_value, u.node: u.initial_value}
    feeds = {**initial, x.node: np.ones(6, np.float32), i.node: np.array(900, np.int32)}
    variables = [initial[node].copy() for node in program.graph.variables]
    with pytest.raises(OutOfRangeError):
        program.into(feeds, variables)
    for node, array in zip(program.graph.variables, variables, strict=True):
        np.testing.assert_array_equal(array, initial[node])


# Training ------------------------------------------------------------------------------------

OPTIMISERS = {
    "SGD": lambda: gc.optim.SGD(0.1),
    "momentum": lambda: gc.optim.SGD(0.1, momentum=0.9),
    "Adam": lambda: gc.optim.Adam(0.01),
}


@pytest.mark.parametrize("optimiser", OPTIMISERS)
@pytest.mark.parametrize("fetch_old", [False, True])
def test_training_replaces_every_variable_in_place(optimiser: str, fetch_old: bool) -> None:
    rng = np.random.default_rng(0)
    graph = gc.Graph()
    with graph:
        x = gc.placeholder(gc.float32, ("batch", 20), name="x")
        y = gc.placeholder(gc.int32, ("batch",), name="y")
        h, weights = x, []
        for k, (rows, columns) in enumerate([(20, 30), (30, 16), (16, 5)]):
            start = rng.standard_normal((rows, columns)).astype(np.float32)
            weights.append(gc.variable(start, name=f"w{k}"))
            bias = gc.variable(np.zeros(columns, np.float32), name=f"b{k}")
            h = gc.tanh(h @ weights[-1] + bias)
        loss = gc.nn.softmax_cross_entropy(h, y)
        step = OPTIMISERS[optimiser]().minimize(loss)
    fetches = [loss, step, *(weights if fetch_old else [])]
    made = compile_graph(extracted(graph, fetches))
    assert made.executable is not None
    assert all(made.executable.in_place)
    program, apart = Program(made), Program(without_sharing(made.graph))
    values = graph.initial_values
    mine = [values[node].copy() for node in program.graph.variables]
    other = [array.copy() for array in mine]
    for size in (32, 1, 70):
        feeds = {
            x.node: rng.standard_normal((size, 20)).astype(np.float32),
            y.node: rng.integers(0, 5, size).astype(np.int32),
        }
        before = [array.copy() for array in mine]
        outputs, others = program.into(feeds, mine), apart.into(feeds, other)
        assert all(same_bits(outputs, others))
        assert all(same_bits(mine, other))
        place = {node: k for k, node in enumerate(program.graph.variables)}
        old = [before[place[w.node]] for w in weights]
        assert all(same_bits(outputs[1:], old[: len(outputs) - 1]))
