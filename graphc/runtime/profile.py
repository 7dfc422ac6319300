"""What a measured run took, launch by launch."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from graphc.codegen.products.summary import ProductSummary
from graphc.ir.dims import Dim

#: How long what is said of one launch gets in a table.
_WIDTH = 44
_TITLES = (
    "launch",
    "runs",
    "µs",
    "least",
    "share",
    "GFLOP/s",
    "GB/s",
    "pieces",
    "computes",
    "lines",
)


@dataclass(frozen=True, slots=True)
class ComputedNode:
    """A node of the graph, after passes. `location` is the user's line, with the file's whole path.

    `derived` tells that differentiation made the node for what stands there.
    """

    name: str
    op: str
    type: str
    location: str | None
    derived: bool


@dataclass(frozen=True, slots=True)
class LaunchProfile:
    """One run of a kernel: what it computes and how much that is.

    `kernel` is its number among the program's distinct kernels, `nodes` what it computes,
    `written` the names of those that it leaves in memory. `bytes` are those of all its arguments,
    once for reading and once for writing, `flops` the multiplications and additions of sums of
    products, of which `products` are those that are worked on in tiles. Its loop is cut into so
    many `pieces` for threads.

    In a loop or branch it may run several times, or not at all: `runs` tells how often, for which
    `bytes` and `flops` are the sums, by the sizes that it has the last time. A kernel that is a
    loop takes several `turns` of it each time; these are all of them.
    """

    number: int
    kernel: int
    nodes: tuple[ComputedNode, ...]
    written: tuple[str, ...]
    bytes: int
    flops: int
    pieces: int
    products: tuple[ProductSummary, ...]
    runs: int = 1
    turns: int = 0

    @property
    def often(self) -> str:
        """How often it ran, in words."""
        return f"{self.runs} ({self.turns} turns)" if self.turns else str(self.runs)

    @property
    def label(self) -> str:
        """The ops that compute something, each once, in their order."""
        return ", ".join(dict.fromkeys(node.op for node in self.nodes if node.op not in _MOVING))

    @property
    def lines(self) -> str:
        """The user's lines, in the order of the nodes that they have made."""
        found: dict[str, dict[str, None]] = {}
        for node in self.nodes:
            if node.location is not None and node.op != "constant":
                file, _, line = node.location.replace("\\", "/").rpartition("/")[2].rpartition(":")
                found.setdefault(file, {})[line] = None
        return ", ".join(f"{file}:{','.join(lines)}" for file, lines in found.items())


#: Ops that compute nothing, but say where something is or what it is.
_MOVING = {"constant", "broadcast_to", "reshape", "permute_dims", "slice", "iota", "size"}


@dataclass(frozen=True, slots=True)
class JobProfile:
    """Launches that the threads work on together, nearly always one, and the time they took.

    That is the time of all turns, where they are in a loop. `seconds` is the median of all repeats,
    `least_seconds` the least.
    """

    launches: tuple[LaunchProfile, ...]
    seconds: float
    least_seconds: float

    @property
    def bytes(self) -> int:
        """Bytes of all arguments."""
        return sum(launch.bytes for launch in self.launches)

    @property
    def flops(self) -> int:
        """Multiplications and additions of all products."""
        return sum(launch.flops for launch in self.launches)

    @property
    def flops_a_second(self) -> float | None:
        """The rate of products; None if there are none, or they took no time that can be told."""
        return self.flops / self.seconds if self.flops and self.seconds else None

    @property
    def bytes_a_second(self) -> float | None:
        """The rate at which arguments were gone through; None if that took no time."""
        return self.bytes / self.seconds if self.seconds else None


@dataclass(frozen=True, slots=True)
class Profile:
    """A program's jobs in the order in which they ran, `repeats` times on up to so many threads.

    `sizes` are those of symbolic dims; of one that is found by a loop, the last. `seconds` is the
    median of whole runs, from the first launch to the end of the last, `least_seconds` the least.
    `str()` is a table.
    """

    jobs: tuple[JobProfile, ...]
    sizes: Mapping[str, int]
    threads: int
    repeats: int
    seconds: float
    least_seconds: float

    @property
    def launches(self) -> tuple[LaunchProfile, ...]:
        """All launches in order."""
        return tuple(launch for job in self.jobs for launch in job.launches)

    @property
    def flops(self) -> int:
        """Multiplications and additions of all products."""
        return sum(job.flops for job in self.jobs)

    def data(self) -> dict[str, Any]:
        """Everything as JSON can hold it."""
        found: dict[str, Any] = _plain(asdict(self))
        found["flops"] = self.flops
        for job, data in zip(self.jobs, found["jobs"], strict=True):
            data |= {"flops": job.flops, "bytes": job.bytes}
        return found

    def to_json(self) -> str:
        """`data` as text."""
        return json.dumps(self.data(), indent=1, allow_nan=False)

    def __str__(self) -> str:
        head = f"{self.seconds * 1e6:,.1f} µs in the median of {self.repeats} runs"
        threads = f"{self.threads} thread{'s' if self.threads > 1 else ''}"
        cells = [_TITLES, *(row for job in self.jobs for row in self._rows(job))]
        if not self.repeats_launches:
            cells = [(*row[:1], *row[2:]) for row in cells]
        return "\n".join([f"{head}, {threads}", *_table(cells)])

    @property
    def repeats_launches(self) -> bool:
        """Whether some launch runs several times or never, or takes turns of a loop."""
        return any(launch.runs != 1 or launch.turns for launch in self.launches)

    def _rows(self, job: JobProfile) -> Iterator[tuple[str, ...]]:
        """A row for each launch of a job, of which the first has the time of all."""
        for k, launch in enumerate(job.launches):
            measured = self._figures(job) if k == 0 else ("",) * 5
            computes = shortened(launch.label or ", ".join(launch.written), _WIDTH)
            pieces = str(launch.pieces)
            lines = shortened(launch.lines, _WIDTH)
            yield str(launch.number), launch.often, *measured, pieces, computes, lines

    def _figures(self, job: JobProfile) -> tuple[str, ...]:
        flops, speed = job.flops_a_second, job.bytes_a_second
        return (
            f"{job.seconds * 1e6:,.1f}",
            f"{job.least_seconds * 1e6:,.1f}",
            f"{self.share(job):.1%}",
            "" if flops is None else f"{flops / 1e9:,.1f}",
            "" if speed is None else f"{speed / 1e9:,.1f}",
        )

    def share(self, job: JobProfile) -> float:
        """The job's part of the time of all."""
        return job.seconds / (sum(each.seconds for each in self.jobs) or 1.0)


def shortened(text: str, width: int) -> str:
    """The text, or its beginning."""
    return text if len(text) <= width else f"{text[: width - 3].rstrip(', ')}..."


def _table(cells: Sequence[Sequence[str]]) -> Iterator[str]:
    """Columns as wide as what they hold; all but the last two to the right."""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        padded = (
            text.ljust(width) if k >= len(row) - 2 else text.rjust(width)
            for k, (text, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join(padded).rstrip()


def _plain(value: Any) -> Any:
    """Symbolic dims as texts, whatever they are in."""
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(part) for part in value]
    return str(value) if isinstance(value, Dim) else value
