from __future__ import annotations

import json
import re

import pytest

from graphc.errors import AttributeValueError, FeedError
from graphc.inspection.loading import load
from graphc.inspection.profiling import Measured, measure, profile_data, profile_view
from graphc.runtime.profile import JobProfile, Profile
from tests.inspection.targets import AFFINE, FEEDS, LOOPS, loops, subject
from tests.runtime.test_profile import ALONE, LAYER, PROFILE, TOGETHER

FOUND = Measured(PROFILE, {"f32": 320e9})


def test_the_tables() -> None:
    lines = profile_view(FOUND).text.splitlines()
    assert lines[0] == "51 µs in the median of 5 runs, 40 µs at best; 2 threads, batch = 500"
    _, titles, first, second, third, *_ = lines[1:]
    assert titles.split()[:4] == ["launch", "kernel", "time", "least"]
    assert first.split()[:7] == ["0", "0", "40", "µs", "32", "µs", "80.0%"]
    assert first.split()[7:11] == ["160.0", "50%", "0.1", "2"]
    assert second.split()[:8] == ["1", "0", "10", "µs", "8", "µs", "20.0%", "0.8"]
    assert third.split() == ["2", "0", "2", "%2", "model.py:9"]
    assert lines[-1] == "peak of multiplying and adding on 2 threads: 320 GFLOP/s f32"


def test_products_have_a_table_of_their_own() -> None:
    (row,) = [line for line in profile_view(FOUND).text.splitlines() if "14 x 32 f32" in line]
    for part in (" 2  256 x 64 x 100 ", " 160.0 ", " 50% ", " 168 x 64 x 100 ", "  x  ", "  w  "):
        assert part in row
    assert row.endswith("  add, tanh to %2")


def test_shares_of_the_peak() -> None:
    assert FOUND.share(ALONE) == pytest.approx(0.5)
    assert FOUND.share(TOGETHER) is None
    assert Measured(Profile((), {}, 1, 1, 0.0, 0.0), {}).share(JobProfile((LAYER,), 0, 0)) is None


def test_as_data() -> None:
    data = profile_data(FOUND)
    assert json.loads(json.dumps(data)) == data
    first, second = data["jobs"]
    assert first["flops_a_second"] == pytest.approx(160e9)
    assert first["share_of_peak"] == pytest.approx(0.5)
    assert (second["flops_a_second"], second["share_of_peak"]) == (None, None)
    assert data["peaks"] == {"f32": 320e9}


def test_a_program_is_measured_with_peaks_of_its_dtypes() -> None:
    found = measure(load(str(AFFINE)), {"x": "np.ones((300, 3))"}, repeat=2, threads=1)
    assert found.profile.sizes == {"batch": 300} and found.profile.repeats == 2
    assert found.profile.flops == 2 * 300 * 3 * 2
    assert list(found.peaks) == ["f32"] and found.peaks["f32"] > 1e9
    (share,) = [found.share(job) for job in found.profile.jobs if job.flops]
    assert share is not None and 0 < share < 1.5
    assert found.notices and found.notices[0] in profile_view(found).text


def test_launches_may_be_measured_apart() -> None:
    together, apart = (measure(subject("step"), FEEDS, repeat=1, apart=a) for a in (False, True))
    assert len(together.profile.jobs) < len(apart.profile.jobs) == len(apart.profile.launches)


def test_nothing_to_measure() -> None:
    found = measure(subject("counting", "count"), {})
    assert "launch" in profile_view(found).text or "no kernels" in profile_view(found).text
    assert found.peaks == {}


def test_errors() -> None:
    with pytest.raises(FeedError, match="the placeholder x: .* is needed"):
        measure(subject("step"), {})
    with pytest.raises(AttributeValueError, match="median of 0 runs"):
        measure(subject("step"), FEEDS, repeat=0)


def test_how_often_launches_ran_is_shown_where_it_differs() -> None:
    found = measure(loops("tape"), LOOPS["tape"], repeat=2)
    text = profile_view(found).text
    assert re.search(r"^ *launch +kernel +runs +time ", text, re.MULTILINE)
    assert re.search(r"^ *3 +3 +1 \(12 turns\) ", text, re.MULTILINE)
    assert ", _turns1 = 12\n" in text
    assert "runs  " not in profile_view(FOUND).text
    launches = [each for job in profile_data(found)["jobs"] for each in job["launches"]]
    assert [each["turns"] for each in launches].count(12) == 2


@pytest.mark.parametrize("name", LOOPS)
def test_programs_with_loops_can_be_profiled(name: str) -> None:
    for apart in (False, True):
        found = measure(loops(name), LOOPS[name], repeat=1, apart=apart)
        data = profile_data(found)
        assert json.loads(json.dumps(data)) == data
        assert "?" not in profile_view(found).text
        assert any(each.runs != 1 or each.turns for each in found.profile.launches)
