"""The text cases: what each pass makes of a graph, and that it computes the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from graphc.ir.parser import parse_graph
from graphc.ir.printer import print_graph
from graphc.ir.verifier import verify
from graphc.passes.pipeline import PASSES, run_passes
from tests.passes.file_check import Case, cases_in, check_file
from tests.passes.values import assert_graphs_agree

CASES = cases_in(Path(__file__).parent / "cases")
BY_NAME = {step.name: (step,) for step in PASSES} | {"all": PASSES}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    graph = parse_graph(case.text, file=case.name)
    verify(graph)
    passes = [step for name in case.passes for step in BY_NAME[name]]
    after, _ = run_passes(graph, passes, verify=True)
    check_file(case.text, print_graph(after, locations=False), case.name)
    if not {"fma", "all"} & set(case.passes):
        assert_graphs_agree(graph, after)


def test_every_pass_has_cases() -> None:
    again = {"simplify", "prune", "tidy"}
    assert {name for case in CASES for name in case.passes} == set(BY_NAME) - again
