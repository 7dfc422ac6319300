"""Declaring and applying ops."""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import Any

import numpy as np
import pytest

from graphc.errors import AttributeValueError, DeclarationError, ShapeError
from graphc.ir.dims import Guard, symbol
from graphc.ir.dtypes import float32
from graphc.ir.graph import Graph
from graphc.ir.opdef import (
    REGISTRY,
    Arg,
    AttrKind,
    Kind,
    NoBatching,
    NoDerivative,
    OpDef,
    Sample,
    all_ops,
    attr_key,
    declare,
    node_key,
)
from graphc.ops import ops

COMPLETE: dict[str, Any] = {
    "name": "double",
    "kind": Kind.ELEMENTWISE,
    "arity": 1,
    "attrs": {"times": AttrKind.INT},
    "infer": lambda inference: inference.tensor(0),
    "reference": lambda attrs, x: x * 2,
    "vjp": NoDerivative("is for tests only"),
    "jvp": NoDerivative("is for tests only"),
    "batch": NoBatching("is for tests only"),
    "lowering": None,
    "dtypes": (float32,),
    "samples": (Sample((Arg((2,)),), {"times": 1}),),
    "doc": "Twice the input.",
}


def test_a_complete_declaration() -> None:
    op = OpDef(**COMPLETE)
    assert repr(op) == "<OpDef double>"


def test_every_field_without_a_default_is_in_the_complete_declaration() -> None:
    required = [field.name for field in fields(OpDef) if field.default is MISSING]
    assert required == list(COMPLETE)


@pytest.mark.parametrize("missing", COMPLETE)
def test_a_declaration_lacking_a_field_is_refused(missing: str) -> None:
    with pytest.raises(TypeError, match=f"missing 1 required positional argument: '{missing}'"):
        OpDef(**{key: value for key, value in COMPLETE.items() if key != missing})


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("doc", "", "double: an op needs a line of documentation"),
        ("samples", (), "double: an op needs samples for the registry test"),
        ("vjp", None, "double: vjp must be a rule or a NoDerivative"),
        ("jvp", "zero", "double: jvp must be a rule or a NoDerivative"),
        ("batch", None, "double: batch must be a rule or a NoBatching"),
        ("name", "Double", "Double: an op's name is snake_case"),
        ("kind", "elementwise", "double: an op needs a kind"),
        ("attrs", {"times": int}, "double: every attribute has a kind"),
        ("infer", None, "double: an op needs a type rule"),
        ("reference", None, "double: an op needs a NumPy reference"),
        ("dtypes", (), "double: an op needs the dtypes that it is tested with"),
        ("attrs", {}, "double: a sample needs all the attributes"),
        ("arity", 2, "double: a sample needs as many inputs as the op"),
    ],
)
def test_a_declaration_with_an_empty_field_is_refused(
    field: str, value: object, message: str
) -> None:
    with pytest.raises(DeclarationError) as caught:
        OpDef(**{**COMPLETE, field: value})
    assert str(caught.value) == message


@pytest.mark.parametrize("kind", [Kind.SOURCE, Kind.STRUCTURE])
def test_sources_and_structure_may_lack_samples(kind: Kind) -> None:
    assert OpDef(**{**COMPLETE, "kind": kind, "samples": ()}).samples == ()


def test_a_name_can_be_declared_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graphc.ir.opdef.REGISTRY", {})
    op = OpDef(**COMPLETE)
    assert declare(op) is op
    with pytest.raises(DeclarationError, match="^double: declared twice$"):
        declare(OpDef(**COMPLETE))


def test_all_ops_is_the_registry_by_name() -> None:
    names = [op.name for op in all_ops()]
    assert names == sorted(REGISTRY)
    assert {"placeholder", "variable", "constant", "add"} <= set(names)


def _vector(size: object = 2, name: str | None = None) -> Any:
    return ops.placeholder(shape=(size,), dtype=float32, name=name)


def test_applying_an_op_makes_a_typed_node() -> None:
    n, m = symbol("n"), symbol("m")
    x, y = _vector(n), _vector(m)
    node = ops.add(x, y, name="total")
    assert (node.op, node.inputs, dict(node.attrs)) == (REGISTRY["add"], (x, y), {})
    assert (node.shape, node.dtype, node.name) == ((n,), float32, "total")
    assert node.guards == (Guard(n, m),)
    assert node.location is not None
    assert node.location.file == __file__


MISAPPLIED: dict[str, Any] = {
    "add: takes 2 inputs, not 1": lambda: ops.add(_vector()),
    "sum: has the attributes axes; given: none": lambda: ops.sum(_vector()),
    "sum: has the attributes axes; given: axis": lambda: ops.sum(_vector(), axis=0),
    "add: has the attributes none; given: axis": lambda: ops.add(_vector(), _vector(), axis=0),
}


@pytest.mark.parametrize(("message", "apply"), MISAPPLIED.items())
def test_misapplied_ops(message: str, apply: Any) -> None:
    with pytest.raises(AttributeValueError) as caught:
        apply()
    assert caught.value.op == message.split(":")[0]
    assert str(caught.value).splitlines()[0] == message


def test_type_errors_tell_types_and_the_users_line() -> None:
    with pytest.raises(ShapeError) as caught:
        ops.add(_vector(2), _vector(3))
    first, second = str(caught.value).splitlines()
    assert first.startswith("add: ")
    assert first.endswith("(given f32[2], f32[3])")
    assert second.startswith(f"  created at {__file__}:")


def test_attributes_cannot_be_changed_in_place() -> None:
    node = ops.sum(_vector(), axes=(0,))
    with pytest.raises(TypeError):
        node.attrs["axes"] = (1,)


nan, zero = float("nan"), np.zeros(2)
DISTINCT: list[Any] = [
    0, 0.0, -0.0, False, 1, True, nan, "0", "float32", float32, (), (0,), (0.0,), symbol("n"),
    zero, np.zeros(2, np.float32), np.zeros((2, 1)), -zero, np.zeros(0), None,
    Graph("g", (), (), (), ()),
]  # fmt: skip


@pytest.mark.parametrize("left", range(len(DISTINCT)))
@pytest.mark.parametrize("right", range(len(DISTINCT)))
def test_keys_of_attributes_tell_apart_what_differs(left: int, right: int) -> None:
    keys = attr_key(DISTINCT[left]), attr_key(DISTINCT[right])
    assert (keys[0] == keys[1]) is (left == right)
    assert hash(keys[0]) == hash(attr_key(DISTINCT[left]))


@pytest.mark.parametrize(
    ("value", "other"),
    [
        (nan, float("-nan")),
        (np.array([nan]), np.array([nan])),
        (zero, np.zeros(4)[::2]),
        ((1, 2), [1, 2]),
        (symbol("n") + 1, 1 + symbol("n")),
    ],
)
def test_keys_of_attributes_that_mean_the_same(value: Any, other: Any) -> None:
    assert attr_key(value) == attr_key(other)


def test_keys_of_nodes() -> None:
    x, y = _vector(), _vector()
    assert node_key(ops.neg(x), [x]) == node_key(ops.neg(x, name="other"), [x])
    assert node_key(ops.neg(x), [x]) != node_key(ops.neg(y), [y])
    assert node_key(ops.neg(x), [x]) != node_key(ops.abs(x), [x])
    assert node_key(ops.sum(x, axes=(0,)), [x]) != node_key(ops.sum(x, axes=()), [x])
