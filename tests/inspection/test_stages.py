from __future__ import annotations

import json
import re

import pytest

from graphc.compiler import STAGES
from graphc.errors import AttributeValueError
from graphc.inspection.loading import load
from graphc.inspection.stages import TAKES, Options, check, view
from tests.inspection.targets import AFFINE, LOOPS_FILE, PERCEPTRON


def test_every_stage_of_the_compiler_can_be_seen() -> None:
    assert {*STAGES} - {"executable"} | {"gradients"} == {*TAKES}


TARGETS = [
    *(f"{PERCEPTRON}:{name}" for name in ("step", "whole")),
    *(f"{LOOPS_FILE}:{name}" for name in ("nested", "branches", "stretches")),
    str(AFFINE),
]


@pytest.mark.parametrize("stage", TAKES)
@pytest.mark.parametrize("target", TARGETS)
def test_every_stage_of_every_program(target: str, stage: str) -> None:
    shown = view(load(target).graph, stage)
    assert shown.text
    assert json.loads(json.dumps(shown.data, allow_nan=False))["stage"] == stage


@pytest.mark.parametrize(
    ("stage", "options", "message"),
    [
        (
            "ast",
            Options(),
            "there is no stage 'ast'; there are graph, gradients, optimized, kernels, memory, "
            "llvm, asm",
        ),
        (
            "graph",
            Options(kernel=0),
            "the stage graph has no use for kernel; that goes with kernels, llvm, asm",
        ),
        (
            "asm",
            Options(dims={"n": 1}),
            "the stage asm has no use for dims; that goes with memory",
        ),
        (
            "optimized",
            Options(optimized=True),
            "the stage optimized has no use for optimized; that goes with llvm",
        ),
    ],
)
def test_options_that_do_not_go_with_a_stage(stage: str, options: Options, message: str) -> None:
    with pytest.raises(AttributeValueError, match=f"^{re.escape(message)}$"):
        check(stage, options)


def test_a_pass_that_does_not_run() -> None:
    message = "^no pass 'melt' has run; inline, .* have$"
    with pytest.raises(AttributeValueError, match=message):
        view(load(str(AFFINE)).graph, "optimized", Options(after="melt"))
