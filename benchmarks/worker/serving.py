"""What a worker does for each request. A request and its reply are one line of JSON each.

| request | fields | reply |
|---|---|---|
| prepare | peer, workload, dtype, threads, small | version |
| build | | seconds, from nothing to the first result |
| check | calls, folder | files: the last call's outputs, then the state, as .npy |
| time | wanted, limit | seconds a call, for each sample; calls in a sample |
| profile | | profile: what each part of a call takes, and how much it is; null if nobody knows |
| memory | | peak and growth, in bytes |
| quit | | nothing; the process ends |

A reply is {"ok": {...}}, {"absent": why} if the program cannot take part, or {"error": what}.
"""

from __future__ import annotations

import json
import os
import traceback
from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Any, TextIO

import numpy as np

from benchmarks.families.registry import WORKLOADS
from benchmarks.peers.catalogue import CATALOGUE, Entry
from benchmarks.peers.program import Peer, Program, Setup
from benchmarks.worker.memory import forget_peak, peak, resident
from benchmarks.worker.sampling import batch_size, samples
from benchmarks.workload import Array

Reply = dict[str, Any]


class AbsentError(Exception):
    """The program is not installed here, or the workload declares no builder for it."""


class Server:
    """One program with one workload, from import to the last sample."""

    _peer: Peer
    _setup: Setup
    _program: Program
    _toolkit: str
    _inputs: Mapping[str, Array]

    def __init__(self) -> None:
        self._batch = 0
        self._before: int | None = None

    def prepare(self, peer: str, workload: str, dtype: str, threads: int, small: bool) -> Reply:
        _keep_to_cores(threads)
        self._setup = Setup(WORKLOADS[workload], dtype, threads)
        entry = CATALOGUE[peer]
        found = self._setup.workload
        if entry.toolkit not in found.builders or peer in found.without:
            raise AbsentError(f"there is no way to say this in {entry.title}")
        version = self._imported(entry)
        self._toolkit = entry.toolkit
        self._inputs = found.laid_out(entry.toolkit, found.arrays(dtype, small))
        return {"version": version}

    def _imported(self, entry: Entry) -> str:
        self._peer = entry.make()
        try:
            return self._peer.prepare(self._setup)
        except ImportError as error:
            raise AbsentError(str(error)) from error

    def build(self) -> Reply:
        self._before = resident()
        start = perf_counter()
        self._program = self._peer.build(self._setup, self._inputs)
        self._program.call()
        self._program.settle()
        return {"seconds": perf_counter() - start}

    def check(self, calls: int, folder: str) -> Reply:
        for _ in range(calls):
            results = self._program.call()
        outputs, state = self._program.arrays(results), self._program.state()
        for k, array in enumerate([*outputs, *state]):
            if not array.flags.c_contiguous:  # the work was put off to whoever reads this
                raise ValueError(f"result {k} is not in row-major order")
        arrays = [*outputs, *self._setup.workload.as_declared(self._toolkit, state)]
        files = [os.path.join(folder, f"{k}.npy") for k in range(len(arrays))]
        for file, array in zip(files, arrays, strict=True):
            np.save(file, array)
        return {"files": files}

    def time(self, wanted: int, limit: float) -> Reply:
        if not self._batch:
            self._batch = batch_size(self._program)
            forget_peak()
        found = samples(self._program, self._batch, wanted, limit)
        return {"seconds": found, "batch": self._batch}

    def memory(self) -> Reply:
        """The peak since the first sample, and how far that is above what was there to begin."""
        most, before = peak(), self._before
        growth = None if most is None or before is None else max(most - before, 0)
        return {"peak": most, "growth": growth}

    def profile(self) -> Reply:
        found = self._program.profile
        return {"profile": None if found is None else found()}


_ACTIONS: dict[str, Callable[..., Reply]] = {
    "prepare": Server.prepare,
    "build": Server.build,
    "check": Server.check,
    "time": Server.time,
    "memory": Server.memory,
    "profile": Server.profile,
}


def serve(requests: TextIO, replies: TextIO) -> None:
    """Answer requests until there are no more, or one says quit."""
    server = Server()
    for line in requests:
        fields = json.loads(line)
        name = fields.pop("do")
        if name == "quit":
            return
        replies.write(json.dumps(_answered(server, name, fields)) + "\n")
        replies.flush()


def _answered(server: Server, name: str, fields: Reply) -> Reply:
    try:
        return {"ok": _ACTIONS[name](server, **fields)}
    except AbsentError as error:
        return {"absent": str(error)}
    except Exception as error:  # whatever a program raises is to be reported, not to end the run
        traceback.print_exc()
        return {"error": f"{type(error).__name__}: {error}"}


def _keep_to_cores(threads: int) -> None:
    """Let the process run on no more cores than it may use threads, where the system can.

    Programs differ in how well they keep to a number of threads.
    """
    if not hasattr(os, "sched_setaffinity"):
        return
    allowed = sorted(os.sched_getaffinity(0))
    if threads < len(allowed):
        os.sched_setaffinity(0, allowed[:threads])
