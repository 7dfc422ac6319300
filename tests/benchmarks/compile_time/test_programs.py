"""The graphs whose compile time is measured, and one measurement."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import graphc as gc
from benchmarks.compile_time.programs import PROGRAMS
from benchmarks.driver.environment import ROOT


@pytest.mark.parametrize("name", PROGRAMS)
def test_graphs_are_of_about_a_thousand_nodes_or_more(name: str) -> None:
    graph = gc.Graph()
    with graph:
        fetches, feeds = PROGRAMS[name]()
    assert fetches and {placeholder.name for placeholder in graph.placeholders} == set(feeds)
    tensors, assignments = graph.leaves()
    assert 800 < len(graph.extract(tensors, assignments).nodes) < 5000


def test_one_measurement(tmp_path: Path) -> None:
    environment = os.environ | {"GRAPHC_CACHE": "1", "GRAPHC_CACHE_DIR": str(tmp_path / "cache")}
    command = [sys.executable, "-m", "benchmarks.compile_time.once", "chain"]
    cold, warm = (
        json.loads(subprocess.check_output(command, env=environment, cwd=ROOT)) for _ in range(2)
    )
    assert cold["nodes"] == warm["nodes"] > 1000
    assert cold["kernels"] == warm["kernels"] > 0
    assert 0 < warm["build"] < warm["first"] < cold["first"]
