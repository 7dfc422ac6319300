"""The generator of random graphs itself: what it covers, and that its twin notices a fault."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from graphc.ir.graph import extract
from graphc.ir.lowering import Library
from graphc.ir.opdef import all_ops
from graphc.ops import ops
from graphc.ops.declaring import scalar_like
from graphc.runtime.reference import evaluate
from tests.properties.comparing import Expected
from tests.properties.pairing import RECIPES
from tests.properties.random_graphs import SIZES, Script, Step, Twins, count_ops, script_of

#: Ops that no recipe makes, and why.
LEFT_OUT = {
    "acos", "acosh", "asin", "atan2", "atanh",  # as smooth as their like
    "digamma", "pow", "fma",  # the first two in the registry test; a pass makes the third
    "copysign", "erfcx", "erfinv", "i0", "i0e", "i1", "i1e", "ndtri",  # likewise
    "cummax",  # for integers alone
    "identity", "stop_gradient", "item", "slice_adjoint",
    "isfinite", "isinf", "isnan", "bitwise_invert",
    "checked_index",  # a pass makes it
    "convolution_input", "convolution_weights", "windows_adjoint",  # derivatives make them
    "covering_window", "window_sum",  # likewise, and as `window_max`
    "resize_linear", "resize_linear_adjoint",  # in their own tests
    *(op.name for op in all_ops() if isinstance(op.lowering, Library)),  # tests of their own
    "det", "det_sign", "least_squares", "logabsdet", "solve",  # of the same family
    "cond", "scan", "while_loop", "custom_gradient", "checkpoint", "py_call",  # in tests/control
    "after",  # differentiating a checkpoint makes it
}  # fmt: skip


def samples(count: int) -> list[Twins]:
    return [Twins(script_of(seed)) for seed in range(count)]


def test_what_is_covered() -> None:
    found = samples(400)
    counts = sorted(count_ops(twins.outputs) for twins in found)
    assert counts[len(counts) // 10] >= 5
    assert counts[len(counts) // 2] >= 15
    assert 40 <= counts[-1] <= 50
    made = Counter(node.op.name for twins in found for node in twins.graph().nodes)
    assert {op.name for op in all_ops()} - made.keys() == LEFT_OUT
    dtypes = Counter(node.dtype.name for twins in found for node in twins.graph().nodes)
    assert min(dtypes.values()) >= 20
    assert len(dtypes) == 8
    assert sum(len(twins.outputs) > 1 for twins in found) > len(found) / 2
    assert sum(bool(twins.graph().guards) for twins in found) > len(found) / 50


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_each_recipe_applies_somewhere(name: str) -> None:
    before = [Step("new_input", (0, kind, 3, 0, 1)) for kind in (3, 5, 8)]
    script = Script("float64", (3, 5), 3, (*before, Step(name, (0, 1, 0, 0, 0, 0))))
    assert len(Twins(script).values) > len(
        Twins(Script("float64", (3, 5), 3, tuple(before))).values
    )


def test_scripts_are_reproducible() -> None:
    script = samples(20)[-1]
    feeds, again = script.feeds(SIZES[0]), script.feeds(SIZES[0])
    assert all(np.array_equal(feeds[node], again[node]) for node in feeds)


@pytest.mark.parametrize("factor", [1 + 1e-4, 1 - 1e-4])
def test_a_wrong_result_is_noticed(factor: float) -> None:
    """Outputs that are off by 1e-4 must not pass for rounding."""
    noticed = tried = 0
    for twins in samples(60):
        sizes = SIZES[0]
        feeds = twins.feeds(sizes)
        wrong = [
            ops.mul(node, scalar_like(node, factor)) if node.dtype.is_float else node
            for node in twins.outputs
        ]
        graph = extract("wrong", wrong, inputs=[value.node for value in twins.inputs])
        got = evaluate(graph, feeds, sizes)[0]
        if all(np.array_equal(a, b) for a, b in zip(got, twins.twin(feeds, sizes), strict=True)):
            continue  # only zeros and integers
        tried += 1
        with pytest.raises(AssertionError):
            Expected(twins, feeds, sizes).check(got)
        noticed += 1
    assert noticed == tried > 20
