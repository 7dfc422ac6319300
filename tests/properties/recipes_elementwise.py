"""Recipes that work element by element, and sources of new values."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from graphc.ir.dims import Size
from graphc.ir.dtypes import INTEGERS, DType, bool_
from graphc.ir.opdef import REGISTRY
from graphc.ir.types import Shape
from graphc.ops import ops
from graphc.ops.declaring import scalar_like
from tests.properties.pairing import (
    MOST_ELEMENTS,
    Array,
    Pairing,
    Picks,
    Value,
    anything,
    both_grids,
    broadcasts,
    elements,
    extent,
    is_bool,
    is_exact,
    is_float,
    is_integer,
    is_number,
    known,
    recipe,
    renamed,
)

Function = Callable[[Array], Array]


def _by_element(function: Callable[[float], float]) -> Function:
    loop = np.vectorize(function, otypes=[np.float64])
    return lambda x: np.asarray(loop(x)).astype(x.dtype)


#: op, NumPy, bound of the result: for all numbers, for those in -1..1, and for those above 1.
EVERYWHERE: tuple[tuple[str, Function, float], ...] = (
    ("tanh", np.tanh, 1), ("sin", np.sin, 1), ("cos", np.cos, 1), ("atan", np.arctan, 1.6),
    ("asinh", np.arcsinh, 4), ("erf", _by_element(math.erf), 1),
    ("sigmoid", lambda x: 1 / (1 + np.exp(-x)), 1), ("erfc", _by_element(math.erfc), 2),
    ("cbrt", np.cbrt, 2),
)  # fmt: skip
AROUND_ZERO: tuple[tuple[str, Function, float], ...] = (
    ("exp", np.exp, 3), ("expm1", np.expm1, 2), ("exp2", np.exp2, 2), ("sinh", np.sinh, 2),
    ("cosh", np.cosh, 2), ("tan", np.tan, 2),
)  # fmt: skip
ABOVE_ONE: tuple[tuple[str, Function, float], ...] = (
    ("log", np.log, 5), ("sqrt", np.sqrt, 9), ("rsqrt", lambda x: 1 / np.sqrt(x), 1),
    ("log1p", np.log1p, 5), ("log2", np.log2, 7), ("log10", np.log10, 2),
    ("lgamma", _by_element(math.lgamma), 210),
)  # fmt: skip
ROUNDING: tuple[tuple[str, Function], ...] = (
    ("floor", np.floor), ("ceil", np.ceil), ("trunc", np.trunc), ("round", np.rint),
    ("sign", np.sign),
)  # fmt: skip
COMPARISONS: tuple[tuple[str, np.ufunc], ...] = (
    ("lt", np.less), ("le", np.less_equal), ("gt", np.greater), ("ge", np.greater_equal),
    ("eq", np.equal), ("ne", np.not_equal),
)  # fmt: skip
LOGICAL: tuple[tuple[str, np.ufunc], ...] = (
    ("logical_and", np.logical_and), ("logical_or", np.logical_or),
    ("logical_xor", np.logical_xor), ("bitwise_and", np.bitwise_and),
)  # fmt: skip
INTEGRAL: tuple[tuple[str, np.ufunc, float], ...] = (
    ("remainder", np.remainder, 8), ("floor_divide", np.floor_divide, 9),
    ("bitwise_and", np.bitwise_and, 16), ("bitwise_or", np.bitwise_or, 16),
    ("bitwise_xor", np.bitwise_xor, 16),
)  # fmt: skip


def unary(b: Pairing, x: Value, name: str, numpy: Function, bound: float) -> Value:
    return b.apply(REGISTRY[name](x.node), lambda sizes, a: numpy(a), x, bound=bound)


@recipe(is_float)
def smooth(b: Pairing, x: Value, picks: Picks) -> Value:
    """A function that is defined everywhere. cbrt is kept away from its vertical tangent."""
    name, numpy, bound = picks.of(EVERYWHERE)
    return unary(b, above_one(b, x) if name == "cbrt" else x, name, numpy, bound)


@recipe(is_float)
def smooth_around_zero(b: Pairing, x: Value, picks: Picks) -> Value:
    return unary(b, unary(b, x, "tanh", np.tanh, 1), *picks.of(AROUND_ZERO))


def above_one(b: Pairing, x: Value) -> Value:
    """1 + x*x."""
    return b.apply(
        ops.add(ops.mul(x.node, x.node), scalar_like(x.node, 1)),
        lambda sizes, a: a * a + a.dtype.type(1), x, bound=1 + x.bound**2,
    )  # fmt: skip


@recipe(is_float)
def smooth_above_one(b: Pairing, x: Value, picks: Picks) -> Value:
    return unary(b, above_one(b, x), *picks.of(ABOVE_ONE))


@recipe(is_float)
def quotient(b: Pairing, x: Value, picks: Picks) -> Value:
    other = above_one(b, b.like(x, picks))
    return b.apply(ops.div(x.node, other.node), lambda sizes, a, c: a / c, x, other, bound=x.bound)


@recipe(is_number)
def add(b: Pairing, x: Value, picks: Picks) -> Value:
    other = b.like(x, picks)
    return b.apply(
        ops.add(x.node, other.node), lambda sizes, a, c: a + c, x, other,
        bound=x.bound + other.bound, grid=both_grids(x, other),
        cancels=True,
    )  # fmt: skip


@recipe(is_number)
def sub(b: Pairing, x: Value, picks: Picks) -> Value:
    other = b.like(x, picks)
    return b.apply(
        ops.sub(other.node, x.node), lambda sizes, a, c: c - a, x, other,
        bound=255 if x.dtype.kind == "u" else x.bound + other.bound, grid=both_grids(x, other),
        cancels=True,
    )  # fmt: skip


def product_grid(x: Value, y: Value) -> int | None:
    return None if x.grid is None or y.grid is None else x.grid + y.grid


@recipe(is_number)
def mul(b: Pairing, x: Value, picks: Picks) -> Value:
    other = b.like(x, picks)
    return b.apply(
        ops.mul(x.node, other.node), lambda sizes, a, c: a * c, x, other,
        bound=x.bound * other.bound, grid=product_grid(x, other),
    )  # fmt: skip


@recipe(is_number)
def multiply_add(b: Pairing, x: Value, picks: Picks) -> Value:
    """x*y + z or z - x*y, which a pass contracts."""
    y, z = b.like(x, picks), b.like(x, picks)
    name, numpy = picks.of((("add", np.add), ("sub", np.subtract)))
    exact = both_grids(x, y, z) is not None
    return b.apply(
        REGISTRY[name](z.node, ops.mul(x.node, y.node)),
        lambda sizes, a, c, d: numpy(d, a * c), x, y, z,
        bound=255 if x.dtype.kind == "u" else x.bound * y.bound + z.bound,
        grid=max(product_grid(x, y) or 0, z.grid or 0) if exact else None,
        cancels=True,
    )  # fmt: skip


@recipe(lambda v: v.dtype.kind in "fi")
def negated(b: Pairing, x: Value, picks: Picks) -> Value:
    name, numpy = picks.of((("neg", np.negative), ("abs", np.abs)))
    return b.apply(REGISTRY[name](x.node), lambda sizes, a: numpy(a), x, bound=x.bound, grid=x.grid)


@recipe(is_number)
def extreme(b: Pairing, x: Value, picks: Picks) -> Value:
    """The larger or smaller of two, or of one and zero (relu)."""
    name, numpy = picks.of((("maximum", np.maximum), ("minimum", np.minimum)))
    if picks.below(2):
        return b.apply(
            REGISTRY[name](x.node, scalar_like(x.node, 0)),
            lambda sizes, a: numpy(a, a.dtype.type(0)), x, bound=x.bound, grid=x.grid,
        )  # fmt: skip
    other = b.like(x, picks)
    return b.apply(
        REGISTRY[name](x.node, other.node), lambda sizes, a, c: numpy(a, c), x, other,
        bound=max(x.bound, other.bound), grid=both_grids(x, other),
    )  # fmt: skip


@recipe(lambda v: is_float(v) and is_exact(v))
def rounded(b: Pairing, x: Value, picks: Picks) -> Value:
    name, numpy = picks.of(ROUNDING)
    return b.apply(REGISTRY[name](x.node), lambda sizes, a: numpy(a), x, bound=x.bound + 1, grid=0)


@recipe(is_exact)
def compare(b: Pairing, x: Value, picks: Picks) -> Value:
    name, numpy = picks.of(COMPARISONS)
    other = b.like(x, picks, exact=True)
    return b.apply(
        REGISTRY[name](x.node, other.node), lambda sizes, a, c: numpy(a, c), x, other, bound=1
    )


@recipe(is_bool)
def logical(b: Pairing, x: Value, picks: Picks) -> Value:
    name, numpy = picks.of(LOGICAL)
    other = b.like(x, picks)
    if picks.below(4) == 3:
        return b.apply(ops.logical_not(x.node), lambda sizes, a: np.logical_not(a), x, bound=1)
    return b.apply(
        REGISTRY[name](x.node, other.node), lambda sizes, a, c: numpy(a, c), x, other, bound=1
    )


@recipe(is_integer)
def integral(b: Pairing, x: Value, picks: Picks) -> Value:
    """Integer division (by zero too) and operations on bits."""
    name, numpy, bound = picks.of(INTEGRAL)
    other = b.like(x, picks)
    bound = 255 if x.dtype.kind == "u" else bound
    return b.apply(
        REGISTRY[name](x.node, other.node), lambda sizes, a, c: numpy(a, c), x, other,
        bound=bound,
    )  # fmt: skip


@recipe(is_integer)
def shifted(b: Pairing, x: Value, picks: Picks) -> Value:
    left, amount = picks.below(2), picks.below(4)
    count = scalar_like(x.node, amount)
    if left:
        return b.apply(
            ops.shift_left(x.node, count), lambda sizes, a: a << a.dtype.type(amount), x,
            bound=x.bound * 2**amount,
        )  # fmt: skip
    return b.apply(
        ops.shift_right(x.node, count), lambda sizes, a: a >> a.dtype.type(amount), x,
        bound=x.bound,
    )  # fmt: skip


@recipe(is_bool)
def chosen(b: Pairing, x: Value, picks: Picks) -> Value | None:
    """where(condition, y, z), the condition broadcast."""
    found = b.candidates(lambda v: broadcasts(x, v))
    if not found:
        return None
    then = picks.of(found)
    otherwise = b.like(then, picks)
    condition = b.broadcast(x, then.shape)
    return b.apply(
        ops.where(condition.node, then.node, otherwise.node),
        lambda sizes, c, p, q: np.where(c, p, q), condition, then, otherwise,
        bound=max(then.bound, otherwise.bound), grid=both_grids(then, otherwise),
    )  # fmt: skip


@recipe(anything)
def cast(b: Pairing, x: Value, picks: Picks) -> Value | None:
    """Another dtype; what a float loses by it must not depend on its last bit."""
    options = (bool_, *INTEGERS, *b.casts) if x.is_exact else b.casts
    others = [dtype for dtype in options if dtype is not x.dtype]
    if not others:
        return None
    dtype: DType = picks.of(others)
    grid = x.grid if dtype.is_float else 0
    bound = 255.0 if dtype.kind == "u" else x.bound
    return b.apply(
        ops.astype(x.node, dtype=dtype), lambda sizes, a: converted(a, dtype), x,
        bound=1 if dtype is bool_ else bound, grid=grid,
    )  # fmt: skip


def converted(x: Array, dtype: DType) -> Array:
    """x as another dtype: bool asks whether it is 0, floats stay in an integer's range."""
    if dtype.is_bool:
        return np.asarray(x != 0)
    if x.dtype.kind == "f" and dtype.is_integer:
        limits = np.iinfo(dtype.numpy)
        x = np.clip(np.trunc(x), limits.min, limits.max)
    return x.astype(dtype.numpy)


@recipe(anything)
def new_input(b: Pairing, x: Value, picks: Picks) -> Value:
    """Another placeholder or variable: some of the dims, each as it is, or 1, or renamed."""
    dtype: DType = picks.of((b.dtype, b.dtype, b.dtype, *INTEGERS, bool_))
    rank = picks.below(len(b.dims) + 1)
    ones = picks.below(4)
    shape: Shape = tuple(
        1 if ones == k + 1 else size for k, size in enumerate(b.dims[len(b.dims) - rank :])
    )
    shape = renamed(shape) if picks.below(2) else shape
    return b.input(dtype, shape, variable=picks.below(3) == 2)


@recipe(is_number)
def constant(b: Pairing, x: Value, picks: Picks) -> Value:
    """An array or a number that is part of the program, added."""
    rng = np.random.default_rng(picks.below(64))
    shape: list[int] = []
    for size in reversed(x.shape[-picks.below(3) :] if x.rank else ()):
        if not isinstance(size, int):
            break
        shape.insert(0, size)
    array = np.asarray(rng.integers(0, 9, tuple(shape)) / 4).astype(x.dtype.numpy)
    array.flags.writeable = False
    held = b.apply(ops.constant(value=array), lambda sizes: array, bound=2.5, grid=2)
    other = b.broadcast(held, x.shape)
    return b.apply(
        ops.add(x.node, other.node), lambda sizes, a, c: a + c, x, other,
        bound=x.bound + other.bound, grid=both_grids(x, other),
        cancels=True,
    )  # fmt: skip


@recipe(lambda v: is_number(v) and v.rank > 0)
def counted(b: Pairing, x: Value, picks: Picks) -> Value:
    """The positions along an axis, in the shape of x."""
    axis, shape, dtype = picks.below(x.rank), x.shape, x.dtype

    def twin(sizes: dict[str, int]) -> Any:
        sizes_now = known(shape, sizes)
        along = [1] * len(shape)
        along[axis] = sizes_now[axis]
        line = np.arange(sizes_now[axis]).astype(dtype.numpy).reshape(along)
        return np.broadcast_to(line, sizes_now)

    node = ops.iota(shape=shape, axis=axis, dtype=dtype)
    return b.apply(node, twin, bound=extent(shape[axis]), grid=0)


@recipe(is_integer)
def one_hot(b: Pairing, x: Value, picks: Picks) -> Value | None:
    depth: Size = picks.of((3, *b.dims))
    dtype = b.dtype
    if elements((*x.shape, depth)) > MOST_ELEMENTS:
        return None
    return b.apply(
        ops.one_hot(x.node, depth=(depth,), dtype=dtype),
        lambda sizes, a: (a[..., None] == np.arange(known((depth,), sizes)[0])).astype(dtype.numpy),
        x, bound=1, grid=0,
    )  # fmt: skip
