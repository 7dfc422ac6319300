"""Attention is found however it is written, there and back, and leaves nothing wide in memory."""

from __future__ import annotations

import pytest

import graphc as gc
from graphc.ir import dims
from graphc.ir.dims import evaluate
from graphc.ir.graph import extract
from graphc.passes.pipeline import run_passes
from graphc.schedule.kernel import Workspace
from graphc.schedule.lowering import prepared, schedule
from tests.schedule.bands.forms import FORMS, WITH_BIAS, outputs

#: Sizes that are put for symbols.
SIZES = {"b": 2, "t": 256, "s": 256}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("back", [False, True])
def test_a_band_each_way(form: str, back: bool) -> None:
    with gc.Graph():
        graph, _ = run_passes(extract("test", [one.node for one in outputs(form, back=back)]))
        made, bands = prepared(graph)
    assert 1 + back <= len(bands) <= 1 + 2 * back  # keys and values may have one each
    wide = evaluate(dims.product(bands[0].shape), SIZES)
    operands = {buffer for one in schedule(made, bands).launches for buffer in one.operands}
    nodes = (buffer for buffer in operands if not isinstance(buffer, Workspace))
    kept = [node for node in nodes if node.op.name != "placeholder"]
    large = [node for node in kept if evaluate(node.tensor.size, SIZES) > wide / 2]
    assert len(large) == (back and form in WITH_BIAS), large
