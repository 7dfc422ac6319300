"""Verdicts on cases made by hand: no PyTorch is needed to judge."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import graphc as gc
from conformance.case import Case, DTypeName, Refusal, Slot, Status, Translation
from conformance.judging import call_text, judge

X = np.array([[0.5, -1.0, 2.0], [0.25, 3.0, -0.5]])
SEED = np.array([[1.0, 2.0, 3.0], [-1.0, 0.5, 4.0]])
#: What x*x + 1 gives, told by hand.
CASE = Case(
    op="squared_plus", number=4, args=[Slot(0)], kwargs={"plus": 1.0}, arrays=[X], varied=[0],
    outputs=[X * X + 1.0], cotangents=[SEED], vjps=[2 * X * SEED],
)  # fmt: skip


def refused(x: gc.Tensor, plus: float) -> gc.Tensor:
    raise Refusal("numbers that are squared")


@pytest.mark.parametrize(
    ("apply", "status", "reason"),
    [
        (lambda x, plus: x * x + plus, Status.AGREES, ""),
        (lambda x, plus: [x**2 + plus], Status.AGREES, ""),
        (lambda x, plus: x * x, Status.DISAGREES, "output 0: 0.25 instead of 1.25 at [0, 0]"),
        (lambda x, plus: x * gc.stop_gradient(x) + plus, Status.DISAGREES,
         "vjp 0: 0.5 instead of 1.0 at [0, 0] (6 of 6)"),
        (lambda x, plus: gc.stop_gradient(x * x) + plus, Status.DISAGREES,
         "vjp 0: 0.0 instead of 1.0"),
        (lambda x, plus: x * x + plus + (x - x) / (x - 2), Status.DISAGREES, "nan instead of 5.0"),
        (lambda x, plus: gc.sum(x), Status.DISAGREES, "float64[] instead of float64[2, 3]"),
        (lambda x, plus: x > 0, Status.DISAGREES, "bool[2, 3] instead of float64[2, 3]"),
        (lambda x, plus: [x, x], Status.DISAGREES, "float64[2, 3], float64[2, 3] instead of"),
        (lambda x, plus: x.no_such_method(), Status.DISAGREES, "AttributeError"),
        (lambda x: x, Status.DISAGREES, "TypeError"),
        (lambda x, plus: gc.concat([x, gc.zeros((1,))]), Status.REFUSED, "concat"),
        (refused, Status.REFUSED, "numbers that are squared"),
    ],
)  # fmt: skip
def test_verdicts(apply: Callable[..., Any], status: Status, reason: str) -> None:
    verdict = judge(CASE, Translation(apply))
    assert (verdict.op, verdict.number, verdict.status) == ("squared_plus", 4, status)
    assert reason in verdict.reason
    assert bool(verdict.reason) == (status is not Status.AGREES)


def test_wider_bounds() -> None:
    near = Translation(lambda x, plus: x * x + plus + 1e-8)
    assert judge(CASE, near).status is Status.DISAGREES
    assert judge(CASE, replace(near, slack=1e3)).status is Status.AGREES


def test_what_is_compared_instead() -> None:
    turned = replace(CASE, outputs=[np.abs(X)], vjps=[SEED * np.sign(X)], kwargs={})
    signless = Translation(lambda x: -x, invariants=lambda outputs: [abs(y) for y in outputs])
    assert judge(turned, signless).status is Status.AGREES
    assert judge(turned, Translation(lambda x: -x)).status is Status.DISAGREES
    first = replace(CASE, vjps=[np.where(np.arange(3) > 0, 7.0, CASE.vjps[0])])
    plain = Translation(lambda x, plus: x * x + plus)
    assert judge(first, plain).status is Status.DISAGREES
    column = replace(plain, comparable=lambda case, vjps: [g[:, 0] for g in vjps])
    assert judge(first, column).status is Status.AGREES


def test_inputs_made_fit() -> None:
    doubled = replace(CASE, outputs=[4 * X * X + 1], vjps=[8 * X * SEED])
    entry = Translation(lambda x, plus: x * x + plus, prepared=lambda x: [x + x])
    assert judge(doubled, entry).status is Status.AGREES


def test_outputs_without_derivatives_and_inputs_that_are_not_read() -> None:
    case = replace(
        CASE, args=[[Slot(0), Slot(1)], DTypeName("int64")], kwargs={}, arrays=[X, X],
        varied=[0, 1], outputs=[np.array([1, 2]), X], cotangents=[None, SEED],
        vjps=[SEED, np.zeros_like(X)],
    )  # fmt: skip
    entry = Translation(lambda xs, dtype: (gc.constant([1, 2], dtype=dtype), xs[0]))
    assert judge(case, entry).status is Status.AGREES


def test_complex_numbers_are_refused() -> None:
    verdict = judge(replace(CASE, arrays=[X + 1j]), Translation(lambda x, plus: x))
    assert (verdict.status, verdict.reason) == (Status.REFUSED, "complex numbers")


def test_a_call_in_words() -> None:
    case = replace(CASE, args=[[Slot(0), 2]], kwargs={"dim": None})
    assert call_text(case) == "squared_plus([float64[2, 3], 2], dim=None)"
