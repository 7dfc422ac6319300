from __future__ import annotations

from pathlib import Path

from conformance import keeping
from tests.conformance.test_report import ALL


def test_tallies_come_back_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "build" / "kept.json"
    assert keeping.read(path) == []
    keeping.write(path, ALL)
    found = keeping.read(path)
    assert found == ALL
    assert found[1].verdicts[0].call == ALL[1].verdicts[0].call
