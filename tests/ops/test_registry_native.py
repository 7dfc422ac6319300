"""The registry test's machine code: every op, native against reference.

All samples of an op and dtype are compiled together, plain and with inputs that are broadcast
first, and run on several draws of inputs: usual values, extreme ones (NaN, infinities, -0.0,
subnormals, the ends of the integers), and arrays of unusual layouts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from graphc.errors import OutOfRangeError
from graphc.ir.dims import symbol
from graphc.ir.dtypes import float32, int64
from graphc.ir.node import Node
from graphc.ir.opdef import Array, Kind
from graphc.ops import ops
from tests.native import compile_native, run_native
from tests.ops.closeness import assert_close
from tests.ops.sampling import (
    Case,
    all_cases,
    draw_extremes,
    draw_inputs,
    one_dtype_each,
    place,
    with_symbols,
)

Draw = Callable[[Case], list[Array]]


def grouped(cases: Sequence[Case]) -> list[list[Case]]:
    """The cases of each op and dtype."""
    groups: dict[tuple[str, str], list[Case]] = {}
    for case in cases:
        groups.setdefault((case.op.name, str(case.dtype)), []).append(case)
    return list(groups.values())


CASES = list(all_cases())
GROUPS = grouped(CASES)
SYMBOLIC = grouped([case for case in one_dtype_each(CASES) if case.sample.args])


def name_of(cases: list[Case]) -> str:
    return f"{cases[0].op.name}-{cases[0].dtype}"


@dataclass(frozen=True)
class Trial:
    """A case with its nodes; `narrow` inputs have an axis of size 1 and are broadcast first."""

    case: Case
    inputs: list[Node]
    result: Node
    narrow: bool = False

    def values(self, draw: Draw) -> list[Array]:
        values = draw(self.case)
        return [narrowed(v, k) for k, v in enumerate(values)] if self.narrow else values

    def check(self, values: Sequence[Array], got: Array) -> None:
        shapes = [arg.shape for arg in self.case.sample.args]
        full = [np.broadcast_to(v, shape) for v, shape in zip(values, shapes, strict=True)]
        try:
            assert_close(self.case, full, got)
        except AssertionError as error:
            raise AssertionError(f"sample {self.case}, narrow={self.narrow}: {error}") from None


def plain(case: Case) -> Trial:
    return Trial(case, *place(case))


def broadcast(case: Case) -> Trial:
    """The case with an axis of every input repeated by broadcast_to."""
    inputs, wide = [], []
    for k, arg in enumerate(case.sample.args):
        shape = narrowed(np.empty(arg.shape), k).shape
        name = f"narrow{case.number}_{k}"
        inputs.append(ops.placeholder(shape=shape, dtype=case.dtype_of(arg), name=name))
        wide.append(ops.broadcast_to(inputs[-1], shape=arg.shape))
    return Trial(case, inputs, case.op(*wide, **case.sample.attrs), narrow=True)


def may_be_narrow(case: Case) -> bool:
    """Whether there are inputs to be broadcast; of a matrix it would make a singular one."""
    args = case.sample.args
    least = 3 if case.op.kind is Kind.FACTORIZATION else 0
    return bool(args) and all(len(arg.shape) >= least for arg in args)


def narrowed(array: Array, k: int) -> Array:
    """The array cut to its first element along an axis, another one for every input."""
    if array.ndim == 0:
        return array
    return array.take(range(min(1, array.shape[k % array.ndim])), axis=k % array.ndim)


def odd_layout(array: Array, k: int) -> Array:
    """The same values, transposed in memory, backwards, or with gaps."""
    if array.ndim == 0:
        return array
    if k % 3 == 0:
        return np.asfortranarray(array)
    if k % 3 == 1:
        return np.flip(np.ascontiguousarray(np.flip(array)))
    return np.repeat(array, 3, axis=-1)[..., ::3]


@pytest.mark.parametrize("cases", GROUPS, ids=name_of)
def test_native_against_reference(cases: list[Case]) -> None:
    trials = [plain(case) for case in cases]
    trials += [broadcast(case) for case in cases if may_be_narrow(case)]
    run = compile_native([trial.result for trial in trials], verify=True)
    check_run(run, trials, draw_inputs)
    check_run(run, trials, draw_extremes)
    check_run(run, trials, draw_inputs, odd_layout)


@pytest.mark.parametrize("cases", SYMBOLIC, ids=name_of)
def test_native_with_symbolic_dims(cases: list[Case]) -> None:
    trials = [Trial(case, *place(case, with_symbols(case)[0])) for case in cases]
    run = compile_native([trial.result for trial in trials], verify=True)
    check_run(run, trials, draw_inputs)


def check_run(
    run: Callable[[dict[Node, Array]], list[Array]],
    trials: Sequence[Trial],
    draw: Draw,
    layout: Callable[[Array, int], Array] = lambda array, k: array,
) -> None:
    drawn = [trial.values(draw) for trial in trials]
    feeds = {
        node: layout(value, k)
        for trial, values in zip(trials, drawn, strict=True)
        for k, (node, value) in enumerate(zip(trial.inputs, values, strict=True))
    }
    for trial, values, got in zip(trials, drawn, run(feeds), strict=True):
        trial.check(values, got)


@pytest.mark.parametrize("size", [5, "n"])
@pytest.mark.parametrize("position", [5, -6, 10**12, -(10**12)])
@pytest.mark.parametrize("name", ["gather", "scatter_add", "scatter_min"])
def test_a_position_out_of_range_names_the_op_and_the_line(
    name: str, position: int, size: int | str
) -> None:
    length = symbol(size) if isinstance(size, str) else size
    base = ops.placeholder(shape=(length,), dtype=float32, name="base")
    updates = ops.placeholder(shape=(2,), dtype=float32, name="updates")
    index = ops.placeholder(shape=(2,), dtype=int64, name="index")
    given = (base, index) if name == "gather" else (base, index, updates)
    node = getattr(ops, name)(*given, axes=(0,), position=0)
    feeds = {
        base: np.arange(5, dtype=np.float32),
        updates: np.ones(2, np.float32),
        index: np.array([0, position]),
    }
    with pytest.raises(OutOfRangeError) as caught:
        run_native([node], feeds)
    assert caught.value.op == name
    assert caught.value.location == node.location
    assert str(position) in caught.value.message


@pytest.mark.parametrize("position", [5, -6, 10**12])
def test_a_checked_index_out_of_range_names_the_line(position: int) -> None:
    index = ops.placeholder(shape=(symbol("n"),), dtype=int64, name="index")
    node = ops.checked_index(index, extent=(5,), axis=1)
    with pytest.raises(OutOfRangeError, match=f"index {position} is out of range for axis 1") as e:
        run_native([node], {index: np.array([0, position])})
    assert e.value.location == node.location
