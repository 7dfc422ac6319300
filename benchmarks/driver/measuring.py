"""One workload: start everything, check everything, then let graphc and its peers take turns."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import sleep
from typing import Any

import numpy as np

from benchmarks.driver.checking import DifferenceError, check
from benchmarks.driver.environment import ROOT, own_python, worker_environment
from benchmarks.driver.process import PeerAbsentError, PeerFailedError, Worker, started
from benchmarks.driver.records import Measurement, Run
from benchmarks.driver.statistics import Turn
from benchmarks.peers.catalogue import ALONE, CATALOGUE, GRAPHC, REFERENCE
from benchmarks.workload import Array, Workload

#: Calls before results are compared; a state shows by then whether it moves as it should.
_CALLS, _STATEFUL_CALLS = 1, 5
#: Seconds for threads of the program before to go to sleep: those of OpenBLAS wait actively for a
#: tenth of one, and whoever came next would share a core with them.
_PAUSE = 0.2

Notify = Callable[[str], None]


@dataclass(frozen=True)
class Settings:
    """How to measure: the peers' names and interpreter, threads, and rounds of turns.

    A turn takes so many `samples`, or fewer where they would take longer than `limit` seconds.
    With `small`, sizes are tiny: to see that everything works. With `products`, graphc's kernels
    are measured one by one at the end.
    """

    peers: tuple[str, ...]
    python: Path
    threads: int = 2
    rounds: int = 7
    samples: int = 9
    limit: float = 0.25
    small: bool = False
    products: bool = False


def measure(workload: Workload, dtype: str, settings: Settings, notify: Notify) -> Measurement:
    """Whatever goes wrong with a program is recorded with it, and it takes no further part."""
    own, *peers = (Run(name, CATALOGUE[name].title) for name in (GRAPHC, *settings.peers))
    found = Measurement(workload, dtype, own, peers, _alone(workload, settings, own))
    with ExitStack() as stack:
        bench = Bench(workload, dtype, settings, stack, notify)
        try:
            wanted = bench.reference_results()
        except (PeerAbsentError, PeerFailedError) as error:
            for run in found.runs:
                run.stop("failed", f"there is nothing to compare with: {error.message}")
            return found
        try:
            bench.compare(own, found.runs[1:], wanted)
        finally:
            bench.dismiss()
    return found


def _alone(workload: Workload, settings: Settings, own: Run) -> Run | None:
    """graphc on one thread, where that is wanted: itself, if it has no more."""
    if settings.threads == 1:
        return own
    wanted = workload.reach.concerns_one_thread
    return Run(ALONE, CATALOGUE[ALONE].title) if wanted else None


class Bench:
    """The workers of one measurement."""

    def __init__(
        self,
        workload: Workload,
        dtype: str,
        settings: Settings,
        stack: ExitStack,
        notify: Notify,
    ) -> None:
        self._workload, self._dtype, self._settings = workload, dtype, settings
        self._stack, self._notify = stack, notify
        self._scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        self._workers: dict[str, Worker] = {}

    def reference_results(self) -> list[Array]:
        """What graphc's reference interpreter gives, in a process that has ended since."""
        run = Run(REFERENCE, CATALOGUE[REFERENCE].title)
        self._notify("interpreting the reference")
        with ExitStack() as stack:
            worker = self._started(run, stack)
            worker.ask("prepare", **self._subject(run))
            worker.ask("build")
            return self._results(run, worker)

    def compare(self, own: Run, peers: Sequence[Run], wanted: Sequence[Array]) -> None:
        """Everything that happens to graphc and its peers, in order."""
        everyone = (own, *peers)
        for run in everyone:
            self.start(run)
        for run in everyone:
            self.await_import(run)
        for run in everyone:
            self.build(run)
        self.check(own, peers, wanted)
        self.take_turns(own, peers)
        for run in everyone:
            self.weigh(run)
        if self._settings.products:
            self.profile(own)

    def dismiss(self) -> None:
        """Tell everyone to quit before the first of them is waited for."""
        for worker in self._workers.values():
            with suppress(PeerFailedError):
                worker.send("quit")

    def start(self, run: Run) -> None:
        """Start a worker, and ask it to import its program, while others do the same."""
        with _recorded(run):
            worker = self._started(run, self._stack)
            worker.send("prepare", **self._subject(run))
            self._workers[run.name] = worker

    def await_import(self, run: Run) -> None:
        if not run.is_measured:
            return
        self._notify(f"{run.title}: importing")
        with _recorded(run):
            run.version = self._workers[run.name].receive(timeout=600)["version"]

    def build(self, run: Run) -> None:
        """Build and compile while nothing else is running."""
        if not run.is_measured:
            return
        self._notify(f"{run.title}: building")
        with _recorded(run):
            run.compile_seconds = self._workers[run.name].ask("build")["seconds"]

    def check(self, own: Run, peers: Sequence[Run], wanted: Sequence[Array]) -> None:
        """Compare everyone with the reference, and every peer with graphc."""
        results: dict[str, list[Array]] = {}
        for run in (own, *peers):
            if not run.is_measured:
                continue
            self._notify(f"{run.title}: checking")
            with _recorded(run):
                results[run.name] = self._results(run, self._workers[run.name])
                run.difference = self._checked(results[run.name], wanted, "the reference")
                if own.is_measured and run is not own:
                    self._checked(results[run.name], results[own.name], "graphc")

    def take_turns(self, own: Run, peers: Sequence[Run]) -> None:
        """Round by round, graphc and a peer one right after the other, for each peer."""
        for k in range(self._settings.rounds):
            rivals = [run for run in peers if run.is_measured]
            self._notify(f"round {k + 1} of {self._settings.rounds}")
            for run in rivals:
                self._turn(own, run)
            if own.is_measured and not rivals:
                with _recorded(own):
                    own.rounds.append(float(np.median(self._samples(own))))

    def weigh(self, run: Run) -> None:
        """Ask for the memory that a program took."""
        if not run.is_measured:
            return
        with _recorded(run):
            told = self._workers[run.name].ask("memory")
            run.peak_bytes, run.growth_bytes = told["peak"], told["growth"]

    def profile(self, run: Run) -> None:
        """Ask what each kernel takes."""
        if not run.is_measured:
            return
        self._notify(f"{run.title}: measuring kernels")
        with _recorded(run):
            run.profile = self._workers[run.name].ask("profile")["profile"]

    def _turn(self, own: Run, peer: Run) -> None:
        own_samples: list[float] = []
        if own.is_measured:
            with _recorded(own):
                own_samples = self._samples(own)
        with _recorded(peer):
            samples = self._samples(peer)
            if not own_samples:
                peer.rounds.append(float(np.median(samples)))
                return
            turn = Turn(own_samples, samples)
            own.rounds.append(turn.own_median)
            peer.rounds.append(turn.peer_median)
            peer.ratios.append(turn.ratio)

    def _samples(self, run: Run) -> list[float]:
        sleep(_PAUSE)
        settings = self._settings
        reply = self._workers[run.name].ask("time", wanted=settings.samples, limit=settings.limit)
        return [float(seconds) for seconds in reply["seconds"]]

    def _checked(self, found: Sequence[Array], wanted: Sequence[Array], of: str) -> float:
        return check(found, wanted, self._workload, self._dtype, of)

    def _results(self, run: Run, worker: Worker) -> list[Array]:
        calls = _STATEFUL_CALLS if self._workload.state else _CALLS
        folder = self._folder(run) / "results"
        folder.mkdir()
        reply = worker.ask("check", calls=calls, folder=str(folder))
        return [np.load(file) for file in reply["files"]]

    def _started(self, run: Run, stack: ExitStack) -> Worker:
        own = CATALOGUE[run.name].python == "own"
        python = own_python() if own else self._settings.python
        folder = self._folder(run)
        folder.mkdir()
        return stack.enter_context(
            started(
                run.title,
                [str(python), "-m", "benchmarks.worker"],
                worker_environment(self._threads(run), folder),
                ROOT,
                folder / "printed.txt",
            )
        )

    def _threads(self, run: Run) -> int:
        return CATALOGUE[run.name].threads or self._settings.threads

    def _folder(self, run: Run) -> Path:
        return self._scratch / run.name

    def _subject(self, run: Run) -> dict[str, Any]:
        return {
            "peer": run.name,
            "workload": self._workload.name,
            "dtype": self._dtype,
            "threads": self._threads(run),
            "small": self._settings.small,
        }


@contextmanager
def _recorded(run: Run) -> Iterator[None]:
    """Whatever goes wrong with a program takes it out, and stands in its record."""
    try:
        yield
    except PeerAbsentError as error:
        run.stop("absent", error.message)
    except PeerFailedError as error:
        run.stop("failed", error.message)
    except DifferenceError as error:
        run.stop("differs", error.message)
