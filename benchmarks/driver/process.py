"""A worker, seen from the driver: a process that answers requests, or fails to."""

from __future__ import annotations

import contextlib
import json
import queue
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from graphc.errors import BenchmarkError

#: Seconds in which a process that was told to quit has to.
_LAST_WISHES = 5.0
#: Characters of what a worker printed that are worth showing.
_TAIL = 2000


class PeerAbsentError(BenchmarkError):
    """The program is not installed, or has no builder for the workload."""


class PeerFailedError(BenchmarkError):
    """The program raised, ended, or took too long."""


class Worker:
    """Asks one process, a line at a time. What the process prints otherwise goes to `log`."""

    def __init__(self, name: str, process: subprocess.Popen[str], log: Path) -> None:
        self.name = name
        self._process = process
        self._log = log
        self._lines: queue.Queue[str | None] = queue.Queue()
        assert process.stdout is not None
        threading.Thread(target=self._listen, args=(process.stdout,), daemon=True).start()

    def send(self, action: str, **fields: Any) -> None:
        """Ask for something; `receive` has the answer."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"do": action, **fields}) + "\n")
            self._process.stdin.flush()
        except OSError as error:
            raise PeerFailedError(self._epitaph()) from error

    def receive(self, timeout: float) -> dict[str, Any]:
        """The answer to the oldest request that has none; one of the errors above instead of it."""
        try:
            line = self._lines.get(timeout=timeout)
        except queue.Empty:
            raise PeerFailedError(f"{self.name} has not answered for {timeout:g} s") from None
        if line is None:
            raise PeerFailedError(self._epitaph())
        return _checked(self.name, line)

    def ask(self, action: str, timeout: float = 600.0, **fields: Any) -> dict[str, Any]:
        """`send`, then `receive`."""
        self.send(action, **fields)
        return self.receive(timeout)

    def _epitaph(self) -> str:
        """How the process has ended, and the end of what it printed."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_LAST_WISHES)
        printed = self._log.read_text(encoding="utf-8", errors="replace")[-_TAIL:].strip()
        return f"{self.name} has ended with code {self._process.returncode}: {printed}"

    def _listen(self, replies: IO[str]) -> None:
        for line in replies:
            self._lines.put(line)
        self._lines.put(None)


def _checked(name: str, line: str) -> dict[str, Any]:
    try:
        reply = json.loads(line)
        if "absent" in reply:
            raise PeerAbsentError(reply["absent"])
        if "error" in reply:
            raise PeerFailedError(reply["error"])
        found = reply["ok"]
    except (ValueError, TypeError, KeyError):
        raise PeerFailedError(f"{name} answered what is no reply: {line.strip()[:200]}") from None
    assert isinstance(found, dict)
    return found


@contextmanager
def started(
    name: str, command: Sequence[str], environment: Mapping[str, str], folder: Path, log: Path
) -> Iterator[Worker]:
    """A worker in a folder, told to quit at the end, and killed if it does not."""
    with log.open("w") as printed:
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=printed,
                env=dict(environment),
                cwd=folder,
                text=True,
                encoding="utf-8",
            )
        except OSError as error:
            raise PeerAbsentError(f"{command[0]} cannot be started: {error.strerror}") from error
    worker = Worker(name, process, log)
    try:
        yield worker
    finally:
        _end(worker, process)


def _end(worker: Worker, process: subprocess.Popen[str]) -> None:
    with contextlib.suppress(PeerFailedError):
        worker.send("quit")
    with contextlib.suppress(OSError):
        if process.stdin is not None:
            process.stdin.close()
    try:
        process.wait(_LAST_WISHES)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
