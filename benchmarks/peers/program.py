"""What every peer gives the worker: a program that can be called."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.workload import Array, Workload


def _nothing() -> None:
    pass


@dataclass(frozen=True)
class Program:
    """A workload, built.

    `call` takes no arguments and is what gets timed. `settle` returns when all calls so far are
    finished; it is timed too, once for a batch of calls. `arrays` turns what `call` returns into
    NumPy arrays; `state` gives the current values of the workload's state, in its order. `profile`
    tells what each part of a call takes, as data, where a program can.
    """

    call: Callable[[], Any]
    arrays: Callable[[Any], list[Array]]
    state: Callable[[], list[Array]] = list
    settle: Callable[[], None] = _nothing
    profile: Callable[[], dict[str, Any]] | None = None


@dataclass(frozen=True)
class Setup:
    """What a peer may use, and for what."""

    workload: Workload
    dtype: str
    threads: int


class Peer(ABC):
    """A program that workloads are built in. `variant` is one of several ways of using it."""

    def __init__(self, variant: str = "") -> None:
        self.variant = variant

    @abstractmethod
    def prepare(self, setup: Setup) -> str:
        """Import it, set its threads, and return its version; ImportError if it is absent."""

    @abstractmethod
    def build(self, setup: Setup, inputs: Mapping[str, Array]) -> Program:
        """Build the workload. Compiling may be put off until the first call."""
