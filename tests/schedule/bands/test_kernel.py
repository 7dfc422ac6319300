"""Kernels of bands: their text, and what they keep in memory."""

from __future__ import annotations

import textwrap

import pytest

from graphc.compiler import compile_graph
from graphc.ir.dims import evaluate
from graphc.schedule.kernel import Workspace
from tests.schedule.bands.attention import FORMS, Attention
from tests.schedule.programs import kernels_of, scheduled

FORWARD = """
    kernel(a0: f32[38400*b], a1: f32[38400*b], out a2: f32[38400*b], a3: f32[38400*b]) scratch s0: f32[30000], s1: f32[100] {
      parallel for $0 < 12*b:
        %r0 = sum over $5 < 32 of
            a0[3200*($0%3) + 9600*($0//3) + 32*$3 + $5]
          * a1[9600*($0//3) + 32*$4 + $5]
        for row $3 < 100, column $4 < 300:
          s0[300*$3 + $4] = %r0
        for $6 < 100:
          fold %r1 = lanes max:
            vector for $7 < 300:
              %r1 <- mul(s0[300*$6 + $7], 0x1.6a09e60000000p-3)
          fold %r2 = lanes sum:
            vector for $8 < 300:
              t0 = exp(fma(s0[300*$6 + $8], 0x1.6a09e60000000p-3, neg(%r1)))
              %r2 <- t0
              s0[300*$6 + $8] = t0
          s1[$6] = %r2
        %r3 = sum over $11 < 300 of
            div(s0[$11 + 300*$9], s1[$9])
          * a3[9600*($0//3) + $10 + 32*$11]
        for row $9 < 100, column $10 < 32:
          a2[3200*($0%3) + 9600*($0//3) + $10 + 32*$9] = %r3
    }
"""  # noqa: E501


def test_forward() -> None:
    assert kernels_of(Attention("plain", ("b", 4, 300, 32), back=False).graph()) == (
        textwrap.dedent(FORWARD).strip()
    )


@pytest.mark.parametrize("heads", [1, 4])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("length", [4096, "t"])
def test_nothing_wide_is_kept(form: str, heads: int, length: int | str) -> None:
    """No kernel is given memory that grows as queries times keys; `t` is 4096 as well."""
    shape = (1, length, heads, 16) if form == "by_letters" else (1, heads, length, 16)
    made = compile_graph(Attention(form, shape).graph(), stop="memory")
    assert made.slots is not None
    for buffer in made.slots:
        size = buffer.size if isinstance(buffer, Workspace) else buffer.tensor.size
        is_mask = not isinstance(buffer, Workspace) and buffer.op.name == "placeholder"
        assert is_mask or evaluate(size, {"t": 4096}) < heads * 4096 * 4096 / 2


def test_sizes_that_are_known_need_no_workspace() -> None:
    launches = scheduled(Attention("causal", ("b", 4, 256, 32)).graph()).launches
    operands = [buffer for launch in launches for buffer in launch.operands]
    assert not any(isinstance(buffer, Workspace) for buffer in operands)


@pytest.mark.parametrize(("rows", "begun"), [(512, 0), (800, 2), (1100, 2)])
def test_the_first_block_begins_sums_over_rows(rows: int, begun: int) -> None:
    """Chains go on from what is there where a part of the rows has several blocks."""
    text = kernels_of(Attention("plain", (1, 1, rows, 16)).graph())
    assert text.count("onto what is there unless $") == begun
