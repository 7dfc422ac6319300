"""Each of ADBench's objectives agrees with differences and with another way of computing it."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc as gc

FOLDER = Path(__file__).resolve().parents[2] / "samples" / "adbench"


@pytest.fixture(autouse=True)
def samples_can_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))


@pytest.mark.parametrize(
    ("name", "sizes", "comparisons"),
    [
        ("gaussian_mixture", {"points": 7, "dims": 3, "parts": 2}, 8),
        ("bundle_adjustment", {"cameras": 3, "points": 4, "observations": 9}, 4),
        ("hand_tracking", {"vertices": 9, "points": 4}, 8),
        ("character_lstm", {"characters": 6, "bits": 3, "layers": 2}, 6),
    ],
)
def test_everything_agrees(
    name: str, sizes: dict[str, int], comparisons: int, capsys: pytest.CaptureFixture[str]
) -> None:
    status = import_module(name).main(**sizes)
    lines = capsys.readouterr().out.splitlines()
    assert status == 0, lines
    assert [line.split()[0] for line in lines[1:]] == ["agree"] * comparisons


def test_what_differs_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    agreement = import_module("agreement").Agreement("two numbers")
    agreement.compare("first", np.ones(3), np.ones(3))
    assert agreement.exit_status == 0
    agreement.compare("second", [1.0, 2.0], [1.0, 2.0 + 1e-9])
    agreement.compare("third", [np.nan], [1.0])
    assert agreement.exit_status == 1
    report = gc.check_gradients(lambda x: x * gc.stop_gradient(x), 1.5, second_order=False)
    agreement.checked(report)
    words = [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:]]
    assert words == ["agree", "DISAGREE", "DISAGREE", "DISAGREE"]


def test_the_number_of_directions_does_not_grow_with_the_scene() -> None:
    sample: Any = import_module("bundle_adjustment")
    for cameras, points, observations in ((10, 40, 300), (20, 60, 700)):
        _, jacobian = sample.build(sample.draw(cameras, points, observations))
        assert jacobian.colors == 14
        assert len(jacobian.rows) == 29 * observations


def test_one_compile_serves_texts_of_every_length() -> None:
    sample, plainly = import_module("character_lstm"), import_module("plainly")
    value, _ = sample.build(bits=3, layers=1)
    with gc.Session(value.graph) as session:
        for characters in (2, 9, 30):
            given = sample.draw(characters, bits=3, layers=1)
            found = session.run(value, given)
            np.testing.assert_allclose(found, plainly.character_lstm(**given), rtol=1e-13)
