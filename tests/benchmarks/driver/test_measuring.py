"""Whole measurements, of graphc against NumPy and against an interpreter that only pretends."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from benchmarks.driver.measuring import Settings, measure
from benchmarks.families.registry import WORKLOADS

CALL = WORKLOADS["call"]

#: Stands for `python -m benchmarks.worker`: its results and times are what the test wants.
PRETENDER = """#!{python}
import json, sys
import numpy as np
sys.path.insert(0, {root!r})
from benchmarks.families.registry import WORKLOADS

def reply(**fields):
    print(json.dumps(fields), flush=True)

times = iter([[0.5, 0.1, 0.3], [0.2, 0.2, 0.9]])
for line in sys.stdin:
    asked = json.loads(line)
    match asked["do"]:
        case "prepare":
            x = WORKLOADS[asked["workload"]].arrays(asked["dtype"], asked["small"])["x"]
            reply(ok=dict(version="1.0"))
        case "build":
            reply(ok=dict(seconds=0.25))
        case "check":
            file = asked["folder"] + "/0.npy"
            np.save(file, x + np.float32({added}))
            reply(ok=dict(files=[file]))
        case "time":
            {timing}
        case "memory":
            reply(ok=dict(peak=2048, growth=1024))
        case "quit":
            break
"""


def settings(tmp_path: Path, added: float = 1.0, timing: str = "", peers: str = "jax") -> Settings:
    python = tmp_path / "python"
    script = PRETENDER.format(
        python=sys.executable,
        root=str(Path(__file__).parents[3]),
        added=added,
        timing=timing or "reply(ok=dict(seconds=next(times), batch=1))",
    )
    python.write_text(script)
    python.chmod(0o755)
    return Settings(tuple(peers.split(",")), python, rounds=2, threads=1, samples=3, small=True)


def silent(text: str) -> None:
    pass


pretending = pytest.mark.skipif(os.name == "nt", reason="a script is no program there")


@pretending
def test_peers_take_turns_with_graphc(tmp_path: Path) -> None:
    found = measure(CALL, "float32", settings(tmp_path, peers="numpy,jax"), silent)
    own, numpy, jax = found.own, *found.peers
    assert (own.status, numpy.status, jax.status) == ("measured",) * 3, (own, numpy, jax)
    assert jax.rounds == [0.3, 0.2]
    assert len(own.rounds) == 4  # a turn with each peer, in each round
    assert jax.ratios == [0.3 / own.rounds[1], 0.2 / own.rounds[3]]
    assert len(numpy.ratios) == 2
    assert (jax.version, jax.compile_seconds, jax.growth_bytes) == ("1.0", 0.25, 1024)
    assert own.difference == 0


def test_graphc_takes_turns_with_itself_on_one_thread(tmp_path: Path) -> None:
    product = WORKLOADS["matmul_512"]
    two = Settings(("numpy",), tmp_path / "python", rounds=2, threads=2, samples=3, small=True)
    found = measure(product, "float64", two, silent)
    assert [run.name for run in found.runs] == ["graphc", "graphc-alone", "numpy"]
    assert [run.status for run in found.runs] == ["measured"] * 3, found
    assert [len(run.rounds) for run in found.runs] == [4, 2, 2]
    assert found.alone is not None and len(found.alone.ratios) == 2


def test_with_one_thread_graphc_is_alone_anyway(tmp_path: Path) -> None:
    one = Settings((), tmp_path / "python", rounds=1, threads=1, samples=3, small=True)
    found = measure(WORKLOADS["matmul_512"], "float32", one, silent)
    assert found.alone is found.own
    assert found.runs == [found.own]


@pretending
@pytest.mark.parametrize(
    ("added", "timing", "status", "reason"),
    [
        (1.5, "", "differs", "differs from the reference by "),
        (1.0, "raise SystemExit('enough')", "failed", "JAX has ended with code 1: enough"),
        (1.0, "reply(error='MemoryError: all gone')", "failed", "MemoryError: all gone"),
    ],
)
def test_a_peer_that_fails_is_out_and_the_others_go_on(
    tmp_path: Path, added: float, timing: str, status: str, reason: str
) -> None:
    found = measure(CALL, "float32", settings(tmp_path, added, timing), silent)
    (jax,) = found.peers
    assert (jax.status, jax.time) == (status, None)
    assert jax.reason.startswith(reason)
    assert found.own.time is not None
    assert not found.is_sound


def test_what_is_not_installed_is_absent(tmp_path: Path) -> None:
    nowhere = Settings(("jax",), tmp_path / "python", rounds=1, threads=1, small=True)
    found = measure(CALL, "float32", nowhere, silent)
    assert found.peers[0].status == "absent"
    assert "cannot be started" in found.peers[0].reason
    assert found.own.time is not None
    assert found.is_sound
