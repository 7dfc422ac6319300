"""Tallies on disk, so that a run can be made in pieces."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from conformance.case import Status, Verdict
from conformance.driver import Tally


def read(path: Path) -> list[Tally]:
    """What was kept; nothing if there is no file."""
    if not path.exists():
        return []
    return [_tally(fields) for fields in json.loads(path.read_text(encoding="utf-8"))]


def write(path: Path, tallies: Sequence[Tally]) -> None:
    """Keep the tallies, in place of what was kept."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([_fields(tally) for tally in tallies], indent=1), encoding="utf-8")


def _fields(tally: Tally) -> dict[str, object]:
    rows = [[v.number, v.status.value, v.reason, v.call] for v in tally.verdicts]
    unjudged = [[number, reason] for number, reason in tally.unjudged.items()]
    return {"op": tally.op, "samples": tally.samples, "verdicts": rows, "unjudged": unjudged}


def _tally(fields: dict[str, object]) -> Tally:
    op = str(fields["op"])
    rows: list[list[object]] = fields["verdicts"]  # type: ignore[assignment]
    unjudged: list[tuple[int, str]] = fields["unjudged"]  # type: ignore[assignment]
    verdicts = [
        Verdict(op, int(str(number)), Status(status), str(reason), str(call))
        for number, status, reason, call in rows
    ]
    return Tally(op, int(str(fields["samples"])), verdicts, dict(unjudged))
