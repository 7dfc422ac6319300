"""The tallies in words: on the terminal, and as docs/conformance.md."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from conformance.case import Status
from conformance.comparing import GRADIENTS, VALUES
from conformance.driver import Tally
from conformance.table import TABLE


def disagrees(tally: Tally) -> bool:
    """Whether a sample does."""
    return tally.count(Status.DISAGREES) > 0


def details(tallies: Sequence[Tally], *, verbose: bool) -> str:
    """The samples that disagree, and with `verbose` those that are refused, with their calls."""
    shown = (Status.DISAGREES, Status.REFUSED) if verbose else (Status.DISAGREES,)
    lines: list[str] = []
    for tally in tallies:
        chosen = [verdict for verdict in tally.verdicts if verdict.status in shown]
        lines += [f"{v.status.value}: #{v.number} {v.call}\n    {v.reason}" for v in chosen]
        if verbose:
            lines += [f"unjudged: {tally.op} #{k}\n    {why}" for k, why in tally.unjudged.items()]
    return "\n".join(lines)


def summary(tallies: Sequence[Tally]) -> str:
    """The totals in a sentence."""
    totals = Counter(verdict.status for tally in tallies for verdict in tally.verdicts)
    covered = sum(tally.is_covered for tally in tallies)
    parts = [f"{totals[status]:,} {status.value}" for status in Status]
    absent = sum(tally.samples for tally in tallies if tally.op not in TABLE)
    unjudged = sum(len(tally.unjudged) for tally in tallies)
    return (
        f"{covered} of {len(tallies)} operators covered. Of {sum(t.samples for t in tallies):,} "
        f"samples {', '.join(parts)}; {absent:,} of operators that the table lacks, {unjudged} "
        "that PyTorch gives nothing comparable for."
    )


#: What stands before the table.
_HEAD = Path(__file__).with_name("page.md")


def document(tallies: Sequence[Tally], version: str) -> str:
    """docs/conformance.md."""
    head = _HEAD.read_text(encoding="utf-8").format(
        version=version.split("+")[0], summary=summary(tallies), values=VALUES, gradients=GRADIENTS
    )
    rows = [_row(tally) for tally in tallies if tally.op in TABLE]
    absent = [f"`{tally.op}`" for tally in tallies if tally.op not in TABLE]
    return (
        head + "\n".join(rows) + "\n\n## Not in the table\n\n" + _wrapped(", ".join(absent)) + "\n"
    )


def _row(tally: Tally) -> str:
    counts = " | ".join(str(tally.count(status)) for status in Status)
    return f"| `{tally.op}` | {tally.samples} | {counts} | {_remarks(tally)} |"


def _remarks(tally: Tally) -> str:
    translation = TABLE[tally.op]
    parts = [translation.remark] if translation.remark else []
    if translation.slack != 1:
        parts.append(f"bounds {translation.slack:g} times as wide")
    reasons = Counter(v.reason for v in tally.verdicts if v.status is not Status.AGREES)
    reasons.update(tally.unjudged.values())
    shown = reasons.most_common(2)
    parts += [f"{count}: {_escaped(reason)}" for reason, count in shown]
    if len(reasons) > len(shown):
        parts.append("others are alike")
    return "; ".join(parts)


def _escaped(text: str) -> str:
    for sign in "|<>*_[]":
        text = text.replace(sign, f"\\{sign}")
    return text


def _wrapped(text: str, width: int = 110) -> str:
    lines, line = [], ""
    for word in text.split(" "):
        if line and len(line) + 1 + len(word) > width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}".strip()
    return "\n".join([*lines, line])
