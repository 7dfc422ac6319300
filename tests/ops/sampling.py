"""Cases of the registry test: an op, one of its samples and a dtype, with inputs drawn for them."""

from __future__ import annotations

import inspect
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any

import numpy as np
import pytest

from graphc.ir.dims import symbol
from graphc.ir.dtypes import DType, bool_, float32, float64, int8, uint8
from graphc.ir.node import Node
from graphc.ir.opdef import Arg, Array, Kind, OpDef, Sample, all_ops
from graphc.ir.types import Shape
from graphc.ops import ops

_MARGIN = 0.05  # how far floats stay from the points that an Arg tells to avoid


Test = Callable[..., None]

#: Ops that add or multiply many elements, in an order of their own.
ACCUMULATING = (
    "sum", "prod", "cumsum", "cumprod", "matmul", "scatter_add", "squared_deviations",
    "contract", "convolution", "convolution_input", "convolution_weights",
    "resize_linear", "resize_linear_adjoint",
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One op on one of its samples, with a dtype for the inputs that leave theirs open."""

    op: OpDef
    number: int
    sample: Sample
    dtype: DType

    def __str__(self) -> str:
        return f"{self.op.name}-{self.number}-{self.dtype}"

    def rng(self, what: str = "") -> np.random.Generator:
        """A generator seeded by the case and by what is drawn."""
        return np.random.default_rng(zlib.crc32(f"{self}{what}".encode()))

    def dtype_of(self, arg: Arg) -> DType:
        return arg.dtype or self.dtype


def all_cases(dtypes: Sequence[DType] | None = None) -> Iterator[Case]:
    """Every op on every sample and every dtype it is declared for (or those of them given)."""
    for op in all_ops():
        for number, sample in enumerate(op.samples):
            chosen = op.dtypes if any(arg.dtype is None for arg in sample.args) else op.dtypes[:1]
            for dtype in chosen:
                if dtypes is None or dtype in dtypes:
                    yield Case(op, number, sample, dtype)


def few_dtypes(cases: Sequence[Case]) -> list[Case]:
    """The cases of one dtype of every kind, and of float32 besides float64."""
    return [case for case in cases if case.dtype in (bool_, int8, uint8, float32, float64)]


def one_dtype_each(cases: Sequence[Case]) -> list[Case]:
    """The cases of one dtype for each op: float64, or the first that it is declared for."""
    return [
        case
        for case in cases
        if case.dtype is (float64 if float64 in case.op.dtypes else case.op.dtypes[0])
        or all(arg.dtype is not None for arg in case.sample.args)
    ]


def place(case: Case, shapes: Sequence[Shape] | None = None) -> tuple[list[Node], Node]:
    """(placeholders, the op applied to them), with the sample's shapes unless others are given."""
    shapes = shapes or [arg.shape for arg in case.sample.args]
    inputs = [
        ops.placeholder(shape=shape, dtype=case.dtype_of(arg), name=f"x{case.number}_{k}")
        for k, (arg, shape) in enumerate(zip(case.sample.args, shapes, strict=True))
    ]
    return inputs, case.op(*inputs, **case.sample.attrs)


def draw_inputs(case: Case) -> list[Array]:
    """Arrays for all inputs of the sample, within the ranges it names."""
    rng = case.rng("inputs")
    return [draw(arg, case.dtype_of(arg), rng) for arg in case.sample.args]


def draw(arg: Arg, dtype: DType, rng: np.random.Generator) -> Array:
    """An array for one Arg."""
    if dtype.is_bool:
        return rng.integers(0, 2, arg.shape).astype(bool)
    if dtype.is_integer:
        return _integers(arg, dtype, rng)
    if arg.spread:
        return _apart(np.linspace(arg.low, arg.high, _size(arg)), arg, rng).astype(dtype.numpy)
    return (_avoiding(arg, rng) + along_diagonal(arg)).astype(dtype.numpy)


def along_diagonal(arg: Arg) -> Array | float:
    """What is added to matrices."""
    if not arg.diagonal:
        return 0.0
    rows, columns = arg.shape[-2:]
    return arg.diagonal * np.eye(rows, columns) * (1 + np.arange(columns))


def _integers(arg: Arg, dtype: DType, rng: np.random.Generator) -> Array:
    limits = np.iinfo(dtype.numpy)
    low, high = max(int(np.ceil(arg.low)), limits.min), min(int(np.floor(arg.high)), limits.max)
    if arg.spread and _size(arg) <= limits.max:
        return _apart(np.arange(_size(arg)), arg, rng).astype(dtype.numpy)
    return rng.integers(low, high, arg.shape, dtype=dtype.numpy, endpoint=True)


def _size(arg: Arg) -> int:
    return int(np.prod(arg.shape))


def _apart(values: Array, arg: Arg, rng: np.random.Generator) -> Array:
    return rng.permutation(values).reshape(arg.shape)


def _avoiding(arg: Arg, rng: np.random.Generator) -> Array:
    """Uniform floats; those too near to a point to avoid are drawn again."""
    values = np.asarray(rng.uniform(arg.low, arg.high, arg.shape))
    while np.any(near := _near(values, arg.avoid)):
        values = np.where(near, rng.uniform(arg.low, arg.high, arg.shape), values)
    return values


def _near(values: Array, points: tuple[float, ...]) -> Array:
    found = np.zeros(values.shape, bool)
    for point in points:
        found |= np.abs(values - point) < _MARGIN
    return found


def extreme_values(dtype: DType) -> Array:
    """The values at which arithmetic of the dtype shows its edges."""
    if dtype.is_bool:
        return np.array([False, True])
    if dtype.is_integer:
        limits = np.iinfo(dtype.numpy)
        found = {limits.min, limits.min + 1, limits.max - 1, limits.max, 0, 1, 2, 7, 8}
        return np.array(sorted(found | ({-1, -2} if dtype.kind == "i" else set())), dtype.numpy)
    info = np.finfo(dtype.numpy)
    finite = [0.0, 0.5, 1.0, 1.5, 2.5, 3.0, info.max, info.tiny, info.smallest_subnormal]
    signed = np.array([*finite, np.inf], dtype.numpy)
    return np.concatenate([signed, -signed, np.array([np.nan], dtype.numpy)])


def harmless_values(dtype: DType) -> Array:
    """Extreme values whose sums and products do not depend on their order."""
    if not dtype.is_float:
        return extreme_values(dtype)
    return np.array([0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan], dtype.numpy)


def draw_extremes(case: Case) -> list[Array]:
    """Inputs made of extreme values; integer inputs that are not under test stay in range."""
    rng = case.rng("extremes")
    if case.op.kind is Kind.FACTORIZATION:
        return [_with_nan(draw(arg, case.dtype_of(arg), rng)) for arg in case.sample.args]
    values = harmless_values if case.op.name in ACCUMULATING else extreme_values
    return [
        draw(arg, arg.dtype, rng)
        if arg.dtype is not None and arg.dtype.is_integer
        else rng.choice(values(case.dtype_of(arg)), arg.shape)
        for arg in case.sample.args
    ]


def _with_nan(values: Array) -> Array:
    """The values with a NaN in the first matrix, which LAPACK must not be held up by."""
    values.reshape(-1)[:1] = np.nan
    return values


def with_symbols(case: Case) -> tuple[list[Shape], dict[str, int]]:
    """(the sample's shapes with a symbol for each size above 1, the values of the symbols).

    Equal sizes become the same symbol, so that what must agree does agree.
    """
    found = {size for arg in case.sample.args for size in arg.shape if size > 1}
    shapes = [
        tuple(symbol(f"n{size}") if size > 1 else size for size in arg.shape)
        for arg in case.sample.args
    ]
    return shapes, {f"n{size}": size for size in found}


def parametrized(cases: Sequence[Case]) -> Callable[[Test], Test]:
    """One test for each op, named after it, of all its cases; what fails tells of which one.

    There are so many cases that a test for each would take longer to count than to run.
    """
    by_op: dict[str, list[Case]] = {}
    for case in cases:
        by_op.setdefault(case.op.name, []).append(case)

    def decorate(test: Test) -> Test:
        @wraps(test)
        def of_all(*, cases: Sequence[Case], **others: Any) -> None:
            for case in cases:
                try:
                    test(case=case, **others)
                except Exception as error:
                    error.add_note(f"case {case}")
                    raise

        own = inspect.signature(test)
        parameters = [
            p.replace(name="cases") if p.name == "case" else p for p in own.parameters.values()
        ]
        of_all.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
        return pytest.mark.parametrize("cases", by_op.values(), ids=list(by_op))(of_all)

    return decorate
