"""The pool's protocol in every order of its steps, and each of its rules left out."""

from __future__ import annotations

import pytest

from tests.codegen.threads.pool_protocol import Model, Violation


@pytest.mark.parametrize(
    ("workers", "pieces", "jobs", "meet"),
    [(1, 2, 3, False), (1, 3, 2, False), (1, 2, 3, True), (2, 2, 2, False), (2, 3, 2, True)],
)
def test_the_protocol_holds_in_every_order(
    workers: int, pieces: int, jobs: int, meet: bool
) -> None:
    assert Model(workers, pieces, jobs, meet).explore() > 100


@pytest.mark.parametrize(
    ("without", "meet", "what"),
    [
        ("claim before reading", False, "touches a context that is gone"),
        ("looking again", True, "nobody can go on"),
        ("passing the mutex", True, "nobody can go on"),
        ("notifying", True, "nobody can go on"),
        ("waiting", False, "a job is over before its pieces are"),
    ],
)
def test_no_rule_of_the_protocol_can_go(without: str, meet: bool, what: str) -> None:
    with pytest.raises(Violation, match=what):
        Model(1, 2, 2, meet, without).explore()
