"""Checking the derivatives of targets, at values that are drawn."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from graphc.errors import FeedError, GradientError
from graphc.inspection.checking import check_target, check_view
from graphc.inspection.gradient_check import Settings
from graphc.inspection.loading import load
from tests.inspection.targets import AFFINE, STOPPED, subject

FIRST = Settings(second_order=False, directions=1, reference=True)


def test_floating_point_placeholders_and_trained_variables_are_checked() -> None:
    report = check_target(subject("step"), {}, {}, Settings(directions=1))
    assert report.ok
    assert list(dict.fromkeys(row.input for row in report.rows)) == ["x", "w1", "b1", "w2"]


def test_a_text_form_file_without_values_is_checked_at_random_ones() -> None:
    report = check_target(load(str(AFFINE)), {}, {}, FIRST)
    assert report.ok
    assert {row.input for row in report.rows} == {"x", "w"}
    assert all(row.analytic for row in report.rows)


def test_feeds_and_sizes_are_taken() -> None:
    drawn = check_target(load(str(AFFINE)), {}, {}, FIRST)
    sized = check_target(load(str(AFFINE)), {}, {"batch": 5}, FIRST)
    fed = check_target(load(str(AFFINE)), {"x": "np.ones((5, 3))"}, {}, FIRST)
    assert len({report.rows[0].analytic for report in (drawn, sized, fed)}) == 3
    again = check_target(load(str(AFFINE)), {}, {"batch": 3}, FIRST)
    assert again == drawn
    with pytest.raises(FeedError, match="no input named z"):
        check_target(load(str(AFFINE)), {"z": "1"}, {}, FIRST)


def test_without_a_number_to_differentiate_there_is_an_error() -> None:
    with pytest.raises(GradientError, match="no floating-point output"):
        check_target(load(str(AFFINE)).select(["update_w"]), {}, {}, FIRST)


def test_the_view_says_that_all_agree() -> None:
    report = check_target(subject("step", "loss"), {}, {}, FIRST)
    view = check_view(report)
    assert view.text.endswith(f"all {len(report.rows)} derivatives agree")
    assert json.loads(json.dumps(view.data, allow_nan=False))["ok"] is True


def test_the_view_says_how_many_disagree(tmp_path: Path) -> None:
    file = tmp_path / "stopped.graph"
    file.write_text(STOPPED, encoding="utf-8")
    report = check_target(load(str(file)), {}, {}, FIRST)
    assert check_view(report).text.endswith("\n\n2 of 4 derivatives disagree")
    assert {row.input for row in report.rows if row.verdict == "wrong"} == {"x"}


def test_numbers_that_json_lacks_are_texts() -> None:
    report = check_target(load(str(AFFINE)), {"x": "np.full((2, 3), np.inf)"}, {}, FIRST)
    view = check_view(report)
    assert not report.ok
    assert "nan" in {
        row["numeric"] for row in json.loads(json.dumps(view.data, allow_nan=False))["rows"]
    }
    assert np.isnan([row.numeric for row in report.rows]).any()
