from __future__ import annotations

import pytest

from conformance.table import TABLE


def test_names_are_those_of_single_operators() -> None:
    assert len(TABLE) > 200
    assert all(name == name.strip() and " " not in name for name in TABLE)


def test_whatever_changes_a_comparison_is_explained() -> None:
    changed = [
        name
        for name, entry in TABLE.items()
        if entry.prepared or entry.invariants or entry.comparable or entry.slack != 1
    ]
    assert changed
    assert [name for name in changed if not TABLE[name].remark] == []


def test_pytorch_knows_every_name() -> None:
    pytest.importorskip("torch", reason="PyTorch is in the environment of make conformance only")
    pytest.importorskip("expecttest")
    from conformance.samples import differentiable

    assert set(TABLE) <= set(differentiable())


def test_samples_of_pytorch_are_judged() -> None:
    pytest.importorskip("torch", reason="PyTorch is in the environment of make conformance only")
    pytest.importorskip("expecttest")
    from conformance.case import Case, Status
    from conformance.judging import judge
    from conformance.samples import cases, count, differentiable

    op = differentiable()["hypot"]
    found = list(cases(op, range(count(op)), TABLE["hypot"]))
    assert len(found) == count(op) > 0
    for case in found:
        assert isinstance(case, Case)
        assert judge(case, TABLE["hypot"]).status is Status.AGREES
        assert judge(case, TABLE["add"]).status is Status.DISAGREES
