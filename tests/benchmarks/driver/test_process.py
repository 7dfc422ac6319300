"""The driver's side of the protocol, against processes that keep to it and ones that do not."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.driver.process import PeerAbsentError, PeerFailedError, Worker, started

ECHO = """
import json, sys
for line in sys.stdin:
    fields = json.loads(line)
    if fields["do"] == "quit":
        break
    print(json.dumps({"ok": fields}), flush=True)
"""


@contextmanager
def worker(tmp_path: Path, code: str) -> Iterator[Worker]:
    command = [sys.executable, "-c", code]
    with started("Peer", command, os.environ, tmp_path, tmp_path / "printed.txt") as found:
        yield found


def test_requests_and_replies_are_lines_of_json(tmp_path: Path) -> None:
    with worker(tmp_path, ECHO) as peer:
        assert peer.ask("time", wanted=3) == {"do": "time", "wanted": 3}
        peer.send("build")
        peer.send("memory")
        assert [peer.receive(10)["do"] for _ in range(2)] == ["build", "memory"]


@pytest.mark.parametrize(
    ("code", "error", "message"),
    [
        ('input(); print(\'{"absent": "no such thing"}\')', PeerAbsentError, "^no such thing$"),
        ('input(); print(\'{"error": "ValueError: no"}\')', PeerFailedError, "^ValueError: no$"),
        ("input(); print('hello')", PeerFailedError, "Peer answered what is no reply: hello"),
        ("input(); print('[1]')", PeerFailedError, r"Peer answered what is no reply: \[1\]"),
        (
            "input(); raise SystemExit('a bad day')",
            PeerFailedError,
            "ended with code 1: a bad day",
        ),
        (
            "input(); import time; time.sleep(60)",
            PeerFailedError,
            "Peer has not answered for 0.5 s",
        ),
    ],
)
def test_troubles_are_typed_errors(
    tmp_path: Path, code: str, error: type[Exception], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.driver.process._LAST_WISHES", 0.1)
    with worker(tmp_path, code) as peer, pytest.raises(error, match=message):
        peer.ask("build", timeout=0.5 if "sleep" in code else 30)


def test_who_does_not_quit_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.driver.process._LAST_WISHES", 0.1)
    with worker(tmp_path, "import time; time.sleep(60)") as peer:
        process: subprocess.Popen[str] = peer._process
    assert process.poll() is not None


def test_an_interpreter_that_is_not_there_is_an_absent_peer(tmp_path: Path) -> None:
    command = [str(tmp_path / "python")]
    with (
        pytest.raises(PeerAbsentError, match="cannot be started: No such file"),
        started("Peer", command, os.environ, tmp_path, tmp_path / "printed.txt"),
    ):
        pass
