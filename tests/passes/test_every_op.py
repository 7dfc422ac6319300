"""Every op with its gradient through all passes: well formed, idempotent and the same bits."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.autodiff.reverse import cotangents
from graphc.ir.dtypes import float32
from graphc.ir.graph import Graph, extract
from graphc.ir.node import Node
from graphc.ir.opdef import Arg, NoDerivative, OpDef, Sample, all_ops
from graphc.passes.pipeline import PASSES, run_passes
from tests.ops.sampling import along_diagonal
from tests.passes.values import Array, assert_same_bits, placeholder, run

EXACT = tuple(step for step in PASSES if step.name != "fma")


def inputs_of(op: OpDef, sample: Sample) -> list[Node]:
    dtype = float32 if float32 in op.dtypes else op.dtypes[0]
    return [placeholder(f"x{k}", a.dtype or dtype, a.shape) for k, a in enumerate(sample.args)]


def with_gradient(op: OpDef, sample: Sample) -> Graph:
    """The op's result and, if there are any, its inputs' cotangents for a seed that is fed."""
    inputs = inputs_of(op, sample)
    result = op(*inputs, **sample.attrs)
    seed = placeholder("seed", result.dtype, result.shape)
    found: list[Node | None] = []
    if result.dtype.is_float and not isinstance(op.vjp, NoDerivative):
        wanted = [node for node in inputs if node.dtype.is_float]
        found = cotangents([result], wanted, [seed])
    outputs = [result, *(node for node in found if node is not None)]
    return extract(op.name, outputs, inputs=[*inputs, seed])


def feeds(graph: Graph, sample: Sample) -> list[Array]:
    rng = np.random.default_rng(5)
    args = [*sample.args, *[Arg(node.shape, -1.0, 1.0) for node in graph.placeholders[-1:]]]
    return [
        (rng.uniform(arg.low, arg.high, node.shape) + along_diagonal(arg)).astype(node.dtype.numpy)
        for arg, node in zip(args, graph.placeholders, strict=True)
    ]


@pytest.mark.parametrize("op", [op for op in all_ops() if op.samples], ids=lambda op: op.name)
def test_passes_keep_the_op_and_its_gradient(op: OpDef) -> None:
    for sample in op.samples:
        graph = with_gradient(op, sample)
        arrays = feeds(graph, sample)
        expected = run(graph, arrays, {})
        for passes in (EXACT, PASSES):
            after, _ = run_passes(graph, passes, verify=True)
            assert run_passes(after, passes)[0] is after
            for k, (old, new) in enumerate(zip(expected, run(after, arrays, {}), strict=True)):
                if passes is EXACT:
                    assert_same_bits(old, new, f"{op.name} {sample.attrs} result {k}")
                else:
                    np.testing.assert_allclose(new, old, rtol=1e-5, atol=1e-6)
