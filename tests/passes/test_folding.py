"""What is folded, what is not, and what is left for run time."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.errors import OutOfRangeError
from graphc.ir.dims import symbol
from graphc.ir.dtypes import float32, float64
from graphc.ir.graph import Graph
from graphc.ir.node import Node
from graphc.ir.opdef import Kind, OpDef, all_ops
from graphc.ops import ops
from graphc.passes.folding import MOST_ELEMENTS, Folding, fold_constants
from tests.passes.values import Array, assert_same_bits, graph_of, random_array, run


def constant(value: object) -> Node:
    array = np.array(value)
    array.flags.writeable = False
    return ops.constant(value=array)


def folded(node: Node) -> Array | None:
    """The value of a one-node graph after folding, if it became a constant."""
    (result,) = fold_constants(graph_of(node)).outputs
    value: Array | None = result.attrs["value"] if result.op is ops.constant else None
    return value


EXACT = [
    op
    for op in all_ops()
    if op.exact and op.kind not in (Kind.SOURCE, Kind.STRUCTURE) and op.name != "one_hot"
]


@pytest.mark.parametrize("op", EXACT, ids=lambda op: op.name)
def test_every_exact_op_folds_to_its_reference(op: OpDef) -> None:
    """Each sample that does not grow, on the numbers that are most telling."""
    rng = np.random.default_rng(0)
    for sample in op.samples:
        for dtype in op.dtypes:
            if op.kind is Kind.GATHER or op is ops.checked_index:
                arrays = [np.zeros(a.shape, (a.dtype or dtype).numpy) for a in sample.args]
            else:
                arrays = [random_array(rng, a.dtype or dtype, a.shape) for a in sample.args]
            node = op(*map(constant, arrays), **sample.attrs)
            size, stored = node.tensor.size, sum(array.size for array in arrays)
            value = folded(node)
            assert (value is not None) == (size <= min(MOST_ELEMENTS, max(1, stored)))
            if value is not None:
                assert_same_bits(run(graph_of(node), [], {})[0], value, op.name)
                assert not value.flags.writeable


@pytest.mark.parametrize("op", [op for op in all_ops() if not op.exact], ids=lambda op: op.name)
def test_ops_that_are_not_exact_wait(op: OpDef) -> None:
    assert not Folding().concerns(op)


@pytest.mark.parametrize(
    ("count", "expected"), [(MOST_ELEMENTS, True), (MOST_ELEMENTS + 1, False)], ids=str
)
def test_most_elements(count: int, expected: bool) -> None:
    node = ops.neg(constant(np.arange(count, dtype=np.float32)))
    assert (folded(node) is not None) is expected


def test_sizes_become_numbers_when_they_are_known() -> None:
    value = folded(ops.astype(ops.size(dim=(7,)), dtype=float32))
    assert value is not None and value.item() == 7.0
    assert folded(ops.size(dim=(symbol("n"),))) is None


def test_a_large_constant_may_shrink() -> None:
    node = ops.slice(constant(np.arange(5000)), start=(4999,), step=(-1,), shape=(3,))
    value = folded(node)
    assert value is not None and value.tolist() == [4999, 4998, 4997]


def test_errors_wait_for_run_time() -> None:
    table, position = constant(np.arange(3.0)), constant(np.array([1, 7]))
    graph = graph_of(ops.gather(table, position, axes=(0,), position=0))
    assert fold_constants(graph) is graph
    with pytest.raises(OutOfRangeError):
        run(graph, [], {})


def test_folding_gives_no_warnings(recwarn: pytest.WarningsRecorder) -> None:
    zero, huge = constant(np.float32(0.0)), constant(np.float64(1e300))
    most = constant(np.int8(127))
    nodes = [ops.div(zero, zero), ops.astype(huge, dtype=float32), ops.add(most, most)]
    quotient, cut, wrapped = (folded(node) for node in nodes)
    assert quotient is not None and np.isnan(quotient)
    assert cut is not None and wrapped is not None
    assert (cut.item(), wrapped.item()) == (np.inf, -2)
    assert not recwarn.list


def test_chains_fold_to_their_end() -> None:
    node: Node = constant(np.float64(2.0))
    for _ in range(5000):
        node = ops.sub(ops.mul(node, constant(np.float64(0.5))), constant(np.float64(1)))
    graph: Graph = fold_constants(graph_of(node))
    assert len(graph.nodes) == 1
    assert graph.outputs[0].dtype is float64
    assert graph.outputs[0].attrs["value"] == -2.0  # where x -> x/2 - 1 settles
