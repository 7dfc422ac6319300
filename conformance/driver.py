"""Judges operators in several processes."""

from __future__ import annotations

import itertools
import multiprocessing
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field

from conformance.case import Status, Verdict
from conformance.judging import judge
from conformance.table import TABLE

#: How many samples a process is given at a time.
_BATCH = 48


@dataclass
class Tally:
    """What became of the samples of one operator."""

    op: str
    samples: int
    verdicts: list[Verdict] = field(default_factory=list)
    unjudged: dict[int, str] = field(default_factory=dict)

    def count(self, status: Status) -> int:
        """How many samples ended so."""
        return sum(verdict.status is status for verdict in self.verdicts)

    @property
    def is_covered(self) -> bool:
        """Whether graphc computes at least one sample as PyTorch does."""
        return self.count(Status.AGREES) > 0


@dataclass(frozen=True, slots=True)
class _Batch:
    op: str
    numbers: range


def judge_all(
    names: Sequence[str],
    jobs: int,
    kept: Sequence[Tally] = (),
    on_progress: Callable[[int, int], None] = lambda *_: None,
) -> list[Tally]:
    """The tallies of operators, by name; those that the table lacks are counted alone.

    What is kept of an earlier run is not judged again.
    """
    from conformance import samples

    known = samples.differentiable()
    tallies = {name: Tally(name, samples.count(known[name])) for name in sorted(names)}
    done = {tally.op: tally for tally in kept}
    batches = list(_batches({op: tally for op, tally in tallies.items() if op not in done}))
    tallies.update({op: tally for op, tally in done.items() if op in tallies})
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context) as pool:
        waiting = [pool.submit(_judge_batch, batch) for batch in batches]
        for count, future in enumerate(as_completed(waiting), start=1):
            verdicts, unjudged = future.result()
            for verdict in verdicts:
                tallies[verdict.op].verdicts.append(verdict)
            for (op, number), reason in unjudged.items():
                tallies[op].unjudged[number] = reason
            on_progress(count, len(batches))
    for tally in tallies.values():
        tally.verdicts.sort(key=lambda verdict: verdict.number)
    return list(tallies.values())


def _batches(tallies: Mapping[str, Tally]) -> Iterator[_Batch]:
    """The samples of operators that the table has, largest operators first, cut into pieces."""
    for tally in sorted(tallies.values(), key=lambda tally: -tally.samples):
        if tally.op in TABLE:
            for start in itertools.count(0, _BATCH):
                if start >= tally.samples:
                    break
                yield _Batch(tally.op, range(start, min(start + _BATCH, tally.samples)))


def _judge_batch(batch: _Batch) -> tuple[list[Verdict], dict[tuple[str, int], str]]:
    """Runs in a process of the pool."""
    from conformance import samples

    translation = TABLE[batch.op]
    found = samples.cases(samples.differentiable()[batch.op], batch.numbers, translation)
    verdicts: list[Verdict] = []
    unjudged: dict[tuple[str, int], str] = {}
    for number, case in zip(batch.numbers, found, strict=True):
        if isinstance(case, samples.UnjudgedError):
            unjudged[batch.op, number] = str(case).split("\n", 1)[0]
        else:
            verdicts.append(judge(case, translation))
    return verdicts, unjudged
