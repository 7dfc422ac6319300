"""Executables as bytes: nothing is lost, nothing forgotten, and what is damaged is refused."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import typing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphc.codegen import executable_file
from graphc.codegen.executable import Executable, Role
from graphc.codegen.executable_file import form_of, from_bytes, to_bytes
from graphc.compiler import compile_graph
from graphc.errors import CompileError
from graphc.ir import dtypes
from graphc.ir.dims import floordiv, maximum, symbol
from graphc.ir.graph import Graph, extract
from graphc.ir.location import Location, created_at
from graphc.ops import ops
from graphc.runtime.native import Native
from tests.properties.random_graphs import Twins, script_of

n, m = symbol("n"), symbol("m")


def every_table() -> Graph:
    """Inputs, constants, updates, guards, checked indices, temporaries; a location with quotes."""
    with created_at(Location('/some/where "else"/model.py', 7)):
        x = ops.placeholder(shape=(n, 20), dtype=dtypes.float32, name="x")
        y = ops.placeholder(shape=(m, 20), dtype=dtypes.float32, name="y")
        i = ops.placeholder(shape=(n,), dtype=dtypes.int32, name="i")
        w = ops.variable(shape=(20,), dtype=dtypes.float32, name="w", trainable=True)
        table = ops.constant(value=np.arange(60, dtype=np.float32).reshape(3, 20))
        row = ops.gather(table, i, axes=(0,), position=0)
        both = ops.add(ops.add(x, y), row)
        total = ops.sum(ops.cumsum(both, axis=0), axes=(0,))
    return extract("every_table", [both, ops.sort(x, axis=0)], [(w, total)])


def compiled(graph: Graph) -> Executable:
    made = compile_graph(graph).executable
    assert made is not None
    return made


def assert_same(left: Any, right: Any) -> None:
    """Equal in every part, types and bits of arrays included."""
    assert type(left) is type(right)
    if isinstance(left, np.ndarray):
        assert (left.dtype, left.shape) == (right.dtype, right.shape)
        assert left.tobytes() == right.tobytes()
    elif dataclasses.is_dataclass(left):
        for field in dataclasses.fields(left):
            assert_same(getattr(left, field.name), getattr(right, field.name))
    elif isinstance(left, tuple):
        assert len(left) == len(right)
        for one, other in zip(left, right, strict=True):
            assert_same(one, other)
    else:
        assert left == right


def test_every_field_comes_back() -> None:
    executable = compiled(every_table())
    assert executable.sites and executable.constants and executable.guards and executable.updated
    assert executable.plan.ranges
    assert_same(from_bytes(to_bytes(executable)), executable)


@pytest.mark.parametrize("seed", range(6))
def test_random_programs_come_back(seed: int) -> None:
    executable = compiled(Twins(script_of(seed)).graph())
    again = from_bytes(to_bytes(executable))
    assert_same(again, executable)
    assert to_bytes(again) == to_bytes(executable)


def test_every_declared_field_has_a_form() -> None:
    """A field of a type that has no form fails here, before any program meets it."""
    declared = typing.get_type_hints(Executable)
    assert set(declared) == {field.name for field in dataclasses.fields(Executable)}
    for type_ in declared.values():
        form_of(type_)


def test_a_field_added_later_is_carried_or_refused() -> None:
    extended = dataclasses.make_dataclass(
        "Extended", [("count", int), ("sizes", tuple[tuple[int, str], ...])], frozen=True
    )
    write, read = form_of(extended)
    value = extended(3, ((1, "a"), (2, "b")))
    assert read(write(value, []), []) == value
    unknown = dataclasses.make_dataclass("Unknown", [("when", object)], frozen=True)
    with pytest.raises(CompileError, match="no form"):
        form_of(unknown)


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        (float, 0.1),
        (float, float("inf")),
        (bool, True),
        (int, 2**63),
        (str, 'a "b"\n\\ é'),
        (bytes, bytes(range(256))),
        (int | None, None),
        (str | None, "x"),
        (tuple[int, ...], ()),
        (tuple[int, str], (1, "a")),
        (Role, Role.UPDATE),
        (dtypes.DType, dtypes.float64),
        (Location | None, Location("f.py", 3)),
        (executable_file.Size, 12),
        (executable_file.Size, 2 * n * m + floordiv(n + 3, 4) - maximum(n, m)),
        (np.ndarray[Any, Any], np.zeros((0, 3), np.int8)),
        (np.ndarray[Any, Any], np.array(-0.0)),
        (np.ndarray[Any, Any], np.array([np.nan, -np.inf], np.float32)[::-1]),
        (np.ndarray[Any, Any], np.array([[True], [False]])),
    ],
)
def test_values_come_back(type_: Any, value: Any) -> None:
    blocks: list[bytes] = []
    write, read = form_of(type_)
    assert_same(read(write(value, blocks), blocks), value)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: b"\x7fELF" + data,
        lambda data: data[:20],
        lambda data: data[:100],
        lambda data: data[:-1],
        lambda data: data + b"x",
        lambda data: data.replace(b'"placeholder"', b'"plaseholder"'),
        lambda data: data.replace(b'"f32"', b'"f33"'),
        lambda data: data.replace(b"[[", b"[0", 1),
    ],
)
def test_what_is_damaged_is_refused(damage: Any) -> None:
    data = to_bytes(compiled(every_table()))
    assert damage(data) != data
    with pytest.raises(CompileError, match=r"damaged|no executable"):
        from_bytes(damage(data))


RUNS = """
import sys
import numpy as np
from graphc.codegen.executable import Role
from graphc.codegen.executable_file import from_bytes
from graphc.runtime.native import Native
native = Native(from_bytes(open(sys.argv[1], "rb").read()))
x = np.arange(12, dtype=np.float32).reshape(4, 3)
signature = native.signature([x])
(result,) = native.fresh(Role.OUTPUT, signature)
native.call(signature, [x], [], [result], [])
print(result.tolist())
"""


def test_it_runs_in_another_process(tmp_path: Path) -> None:
    x = ops.placeholder(shape=(n, 3), dtype=dtypes.float32, name="x")
    executable = compiled(extract("doubled", [ops.add(x, x)]))
    path = tmp_path / "doubled"
    path.write_bytes(to_bytes(executable))
    command = [sys.executable, "-c", RUNS, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    rows = (2 * np.arange(12, dtype=np.float32).reshape(4, 3)).tolist()
    assert done.stdout.strip() == str(rows)
    assert Native(executable).executable is executable
