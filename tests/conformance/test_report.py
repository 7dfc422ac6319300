from __future__ import annotations

from conformance import report
from conformance.case import Status, Verdict
from conformance.driver import Tally

GOOD = Tally("abs", 2, [Verdict("abs", k, Status.AGREES) for k in range(2)])
MIXED = Tally(
    "linalg.eigh", 3,
    [
        Verdict("linalg.eigh", 0, Status.REFUSED, "bad shape f64[2|3]", "linalg.eigh(f64[2, 3])"),
        Verdict("linalg.eigh", 1, Status.DISAGREES, "1 instead of 2", "linalg.eigh(f64[2, 2])"),
    ],
    {2: "PyTorch raises"},
)  # fmt: skip
ABSENT = Tally("no_such_operator", 7)
ALL = [GOOD, MIXED, ABSENT]


def test_totals() -> None:
    text = report.summary(ALL)
    assert text.startswith("1 of 3 operators covered. Of 12 samples 2 agreeing, 1 refused, ")
    assert "1 disagreeing; 7 of operators that the table lacks, 1 that PyTorch" in text
    assert [report.disagrees(tally) for tally in ALL] == [False, True, False]


def test_what_disagrees_is_shown_and_the_rest_if_asked_for() -> None:
    assert report.details(ALL, verbose=False) == (
        "disagreeing: #1 linalg.eigh(f64[2, 2])\n    1 instead of 2"
    )
    longer = report.details(ALL, verbose=True)
    assert "refused: #0 linalg.eigh(f64[2, 3])\n    bad shape" in longer
    assert "unjudged: linalg.eigh #2\n    PyTorch raises" in longer


def test_document() -> None:
    text = report.document(ALL, "2.13.0+cpu")
    assert "PyTorch 2.13.0 computes" in text
    assert "| `abs` | 2 | 2 | 0 | 0 |  |" in text
    assert "| `linalg.eigh` | 3 | 0 | 1 | 1 | A + A.T of each sample" in text
    assert "1: bad shape f64\\[2\\|3\\]" in text
    assert text.endswith("## Not in the table\n\n`no_such_operator`\n")
