"""Float64 references to hold float32 results against: NumPy's, the C library's, and a digamma.

Nothing here is graphc's own. They are some float64 ulps off, 2**-27 float32 ulps each; the sweep
checks every one against mpmath before it is believed.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import functools
from collections.abc import Callable

import llvmlite.binding as llvm
import numpy as np
from llvmlite import ir

from tests.codegen.vecmath.vecmath_jit import Array, optimised, target_machine

Reference = Callable[..., Array]


def from_c_library(name: str) -> Reference:
    """The C library's function of one double on arrays: a compiled loop around it."""
    return lambda x: _loop_around(name)(x)


@functools.cache
def _loop_around(name: str) -> Reference:
    found = ctypes.util.find_library("m") or ctypes.util.find_library("ucrtbase")
    address = ctypes.cast(getattr(ctypes.CDLL(found), name), ctypes.c_void_p).value
    assert address is not None
    machine = target_machine()
    jit = llvm.create_mcjit_compiler(optimised(_loop_module(address), machine), machine)
    jit.finalize_object()
    prototype = ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p)
    run = prototype(jit.get_function_address("run"))

    def apply(x: Array) -> Array:
        assert jit is not None  # the machine code lives as long as its JIT does
        given = np.ascontiguousarray(x, np.float64)
        out = np.empty_like(given)
        if given.size:
            run(given.size, out.ctypes.data, given.ctypes.data)
        return out

    return apply


def _loop_module(address: int) -> ir.Module:
    """`void run(i64 n, double* out, double* in)`: calls what is at the address n > 0 times."""
    module = ir.Module()
    module.triple = llvm.get_process_triple()
    count, double = ir.IntType(64), ir.DoubleType()
    signature = ir.FunctionType(ir.VoidType(), [count, double.as_pointer(), double.as_pointer()])
    function = ir.Function(module, signature, name="run")
    entry, body, done = (function.append_basic_block() for _ in range(3))
    builder = ir.IRBuilder(entry)
    called = builder.inttoptr(count(address), ir.FunctionType(double, [double]).as_pointer())
    builder.branch(body)
    builder.position_at_end(body)
    step = builder.phi(count)
    value = builder.call(called, [builder.load(builder.gep(function.args[2], [step]))])
    builder.store(value, builder.gep(function.args[1], [step]))
    following = builder.add(step, count(1))
    step.add_incoming(count(0), entry)
    step.add_incoming(following, body)
    builder.cbranch(builder.icmp_signed("<", following, function.args[0]), body, done)
    builder.position_at_end(done)
    builder.ret_void()
    return module


# Digamma ---------------------------------------------------------------------------------------

_PI = np.longdouble("3.14159265358979323846264338327950288419717")
# B(2k) / (2k), of the asymptotic series; from 12 on the first one left out is below 2e-19.
_SERIES = [
    np.longdouble(numerator) / denominator
    for numerator, denominator in (
        (1, 12), (-1, 120), (1, 252), (-1, 240), (1, 132), (-691, 32760), (1, 12), (-3617, 8160),
    )
]  # fmt: skip
_STEPS = 12
"""From there on the series is accurate: smaller numbers are moved up by as many steps."""


def digamma(x: Array) -> Array:
    """In float64, but where terms cancel in the widest arithmetic that NumPy has here."""
    with np.errstate(all="ignore"):
        result = np.where(x == 0, -1 / x, np.where(x > 0, x, np.nan))
        ordinary = np.isfinite(x) & (x != 0) & ((x > 0) | (x != np.rint(x)))
        result[ordinary] = _digamma_at(x[ordinary])
        small = np.abs(result) < 1e-3
        result[small] = _digamma_at(x[small].astype(np.longdouble))
    return result


def _digamma_at(x: Array) -> Array:
    """By recurrence, the asymptotic series, and reflection on the negative axis."""
    magnitude = np.abs(x)
    value = _digamma_of_positive(magnitude)
    if not (x < 0).any():
        return value
    distance = magnitude - np.rint(magnitude)
    pi = x.dtype.type(_PI)
    mirrored = value + 1 / magnitude + pi / np.tan(pi * distance)
    return np.asarray(np.where(x > 0, value, mirrored))


def _digamma_of_positive(x: Array) -> Array:
    small = x < _STEPS
    if not small.any():
        return _digamma_series(x)
    value = np.empty_like(x)
    value[~small], value[small] = _digamma_series(x[~small]), _digamma_by_steps(x[small])
    return value


def _digamma_by_steps(x: Array) -> Array:
    product, slope, shifted = x.copy(), np.ones_like(x), x + 1
    for _ in range(1, _STEPS):  # slope / product is the sum of reciprocals
        slope = slope * shifted + product
        product *= shifted
        shifted += 1
    return _digamma_series(shifted) - slope / product


def _digamma_series(shifted: Array) -> Array:
    inverse_square = 1 / (shifted * shifted)
    series = np.zeros_like(shifted)
    for coefficient in reversed(_SERIES):
        series = (series + shifted.dtype.type(coefficient)) * inverse_square
    return np.asarray(np.log(shifted) - 1 / (2 * shifted) - series)


REFERENCES: dict[str, Reference] = {
    "exp": np.exp,
    "exp2": np.exp2,
    "expm1": np.expm1,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "log": np.log,
    "log2": np.log2,
    "log10": np.log10,
    "log1p": np.log1p,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tanh": np.tanh,
    "asinh": np.arcsinh,
    "acosh": np.arccosh,
    "atanh": np.arctanh,
    "sqrt": np.sqrt,
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "cbrt": np.cbrt,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "erf": from_c_library("erf"),
    "erfc": from_c_library("erfc"),
    "lgamma": from_c_library("lgamma"),
    "digamma": digamma,
    "pow": np.power,
    "atan2": np.arctan2,
}
"""A float64 array function for every vector function, by name."""
