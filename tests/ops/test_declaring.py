"""Declarations that lack something are refused where they are made."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from graphc.errors import AttributeValueError, DeclarationError
from graphc.ir.dtypes import FLOATS, float32
from graphc.ir.opdef import REGISTRY, Arg, Sample
from graphc.ops import ops
from graphc.ops.declaring import elementwise

ONE_INPUT = Sample((Arg((3,)),), {"axis": 0})


@pytest.mark.parametrize("changes, message", [
    ({"doc": ""}, "an op needs a line of documentation"),
    ({"doc": " "}, "an op needs a line of documentation"),
    ({"name": "CumSum"}, "an op's name is snake_case"),
    ({"name": "cum__sum"}, "an op's name is snake_case"),
    ({"kind": "scan"}, "an op needs a kind"),
    ({"attrs": {"axis": "int"}}, "every attribute has a kind"),
    ({"infer": None}, "an op needs a type rule"),
    ({"reference": None}, "an op needs a NumPy reference"),
    ({"vjp": None}, "vjp must be a rule or a NoDerivative"),
    ({"jvp": "linear"}, "jvp must be a rule or a NoDerivative"),
    ({"dtypes": ()}, "an op needs the dtypes that it is tested with"),
    ({"samples": ()}, "an op needs samples for the registry test"),
    ({"samples": (ONE_INPUT, Sample((Arg((3,)),)))}, "a sample needs all the attributes"),
    ({"samples": (Sample((), {"axis": 0}),)}, "a sample needs as many inputs as the op"),
])  # fmt: skip
def test_an_incomplete_declaration_is_refused(changes: dict[str, Any], message: str) -> None:
    complete = replace(REGISTRY["cumsum"], samples=(ONE_INPUT,))
    with pytest.raises(DeclarationError) as caught:
        replace(complete, **changes)
    assert caught.value.message == message


def test_a_name_is_declared_once() -> None:
    with pytest.raises(DeclarationError, match="exp: declared twice"):
        elementwise(
            "exp", "Again.", dtypes=FLOATS, reference=lambda x: x, derivative=(lambda g, r, x: g,)
        )  # fmt: skip


def test_ops_are_found_by_name() -> None:
    assert ops.exp is REGISTRY["exp"]
    with pytest.raises(AttributeError, match="there is no op nonsense"):
        ops.nonsense  # noqa: B018


def test_an_op_takes_its_own_inputs_and_attributes() -> None:
    x = ops.placeholder(shape=(3,), dtype=float32)
    with pytest.raises(AttributeValueError, match="add: takes 2 inputs, not 1"):
        ops.add(x)
    with pytest.raises(AttributeValueError, match="cumsum: has the attributes axis; given: none"):
        ops.cumsum(x)
