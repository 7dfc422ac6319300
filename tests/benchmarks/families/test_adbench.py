"""The workloads compute what ADBench's objectives are: NumPy's plain loops of the samples agree."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.families import adbench, hand
from benchmarks.families.registry import WORKLOADS
from benchmarks.peers.graphc_peer import GraphcPeer
from benchmarks.peers.program import Setup
from benchmarks.workload import Array

FOLDER = Path(__file__).resolve().parents[3] / "samples" / "adbench"


@pytest.fixture(autouse=True)
def samples_can_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))


def computed(name: str) -> tuple[dict[str, Array], list[Array]]:
    """The inputs and outputs of a workload at its small sizes, interpreted."""
    workload = WORKLOADS[name]
    given = workload.arrays("float64", small=True)
    peer, setup = GraphcPeer("reference"), Setup(workload, "float64", threads=1)
    peer.prepare(setup)
    program = peer.build(setup, given)
    return given, program.arrays(program.call())


def agree(found: Array, wanted: Any, tolerance: float = 1e-12) -> None:
    scale = np.abs(wanted).max()
    np.testing.assert_allclose(found, wanted, rtol=0, atol=tolerance * scale)


def test_mixture() -> None:
    given, (value, *gradient) = computed("adbench_mixture")
    plain = import_module("plainly").gaussian_mixture
    agree(value, plain(**given, gamma=1, m=0))
    for name, found in zip(("alphas", "means", "factors"), gradient, strict=True):
        agree(found, differences(lambda x, k=name: plain(**{**given, k: x}, gamma=1, m=0),
                                 given[name]), 1e-8)  # fmt: skip


@pytest.mark.parametrize("name", ["adbench_bundle", "adbench_bundle_blocks"])
def test_bundle(name: str) -> None:
    given, (residuals, values) = computed(name)
    cameras, points, count = (len(given[key]) for key in ("cameras", "points", "weights"))
    camera, point = adbench.seen(cameras, points, count)
    parameters = np.concatenate([given[key].ravel() for key in ("cameras", "points", "weights")])
    plain = import_module("plainly").bundle_adjustment

    def of_all(x: Array) -> Any:
        return plain(x, cameras, points, camera, point, given["measured"])

    agree(residuals, of_all(parameters))
    whole = differences(of_all, parameters)
    rows = np.repeat(np.arange(3 * count), [14] * (2 * count) + [1] * count)
    agree(np.sum(values), whole.sum(), 1e-8)
    agree(np.bincount(rows, values), whole.sum(axis=1), 1e-8)
    agree(np.bincount(rows, values**2), np.sum(whole**2, axis=1), 1e-8)


@pytest.mark.parametrize("name", ["adbench_hand", "adbench_hand_triangles"])
def test_hand(name: str) -> None:
    given, (errors, by_pose, *rest) = computed(name)
    model, plainly = import_module("hand_model"), import_module("plainly_hand")
    own = model.Hand(
        parents=(-1, 0, *(0 if k % 4 == 0 else k + 1 for k in range(hand.BONES - 2))),
        relative=given["relative"], inverse=given["inverse"], vertices=given["vertices"][:, :3],
        weights=given["weights"], triangles=np.zeros((0, 3)),
    )  # fmt: skip
    measured = model.Measured(
        given["points"], given["vertex"], given["vertex"].T if rest else None,
        given.get("places"), given["pose"],
    )  # fmt: skip
    plain = plainly.errors_in_triangles if rest else plainly.errors
    agree(errors, plain(given["pose"], own, measured))
    agree(by_pose, differences(lambda x: plain(x, own, measured), given["pose"]), 1e-8)
    for found in rest:
        whole = plainly.slopes_by_places(given["pose"], own, measured)
        agree(found, np.stack([whole[k, :, k] for k in range(len(whole))]))


def test_lstm() -> None:
    given, (value, *gradient) = computed("adbench_lstm")
    agree(value, import_module("plainly").character_lstm(**given))
    for found, wanted in zip(
        gradient, import_module("lstm_by_hand").gradient(**given), strict=True
    ):
        agree(found, wanted)


def differences(f: Any, x: Array) -> Array:
    found: Array = import_module("agreement").central_differences(f, x)
    return found
