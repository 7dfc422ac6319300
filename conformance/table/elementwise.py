"""Functions of elements."""

from __future__ import annotations

import math
from typing import Any

import graphc as gc
from conformance.table.entries import plain, promoted


def _divided(input: Any, other: Any, *, rounding_mode: str | None = None) -> Any:
    quotient = gc.divide(input, other)
    if rounding_mode == "trunc":
        return gc.trunc(quotient)
    return quotient if rounding_mode is None else gc.floor_divide(input, other)


def _rounded(input: Any, *, decimals: int = 0) -> Any:
    if decimals == 0:
        return gc.round(input)
    scale = 10.0 ** abs(decimals)
    return gc.round(input * scale) / scale if decimals > 0 else gc.round(input / scale) * scale


def _polygamma(x: Any, n: int) -> Any:
    """PyTorch's samples turn the arguments round."""
    return gc.special.polygamma(n, x)


def _clamped(input: Any, min: Any = None, max: Any = None) -> Any:
    return gc.clip(*promoted(input, min, max))


TABLE = plain({
    "abs": gc.abs,
    "addcdiv": lambda input, a, b, value=1: input + gc.divide(a, b) * value,
    "addcmul": lambda input, a, b, value=1: input + gc.multiply(a, b) * value,
    "acos": gc.acos,
    "acosh": gc.acosh,
    "add": lambda input, other, alpha=1: gc.add(input, gc.multiply(other, alpha)),
    "asin": gc.asin,
    "asinh": gc.asinh,
    "atan": gc.atan,
    "atan2": gc.atan2,
    "atanh": gc.atanh,
    "ceil": gc.ceil,
    "clamp": _clamped,
    "clamp_max": lambda input, max: gc.clip(input, None, max),
    "clamp_min": lambda input, min: gc.clip(input, min),
    "copysign": gc.copysign,
    "cos": gc.cos,
    "cosh": gc.cosh,
    "deg2rad": lambda input: input * (math.pi / 180),
    "digamma": gc.digamma,
    "double": lambda input, **_: gc.astype(input, gc.float64),
    "div.no_rounding_mode div.trunc_rounding div.floor_rounding true_divide": _divided,
    "erf": gc.erf,
    "erfc": gc.erfc,
    "erfinv": gc.special.erfinv,
    "exp": gc.exp,
    "exp2": gc.exp2,
    "expm1": gc.expm1,
    "float": lambda input, **_: gc.astype(input, gc.float32),
    "floor": gc.floor,
    "fmax": gc.fmax,
    "fmin": gc.fmin,
    "fmod": lambda input, other: input - gc.trunc(gc.divide(input, other)) * other,
    "frac": lambda input: input - gc.trunc(input),
    "hypot": gc.hypot,
    "i0": gc.special.i0,
    "ldexp": lambda input, other: input * gc.exp2(other),
    "lerp": lambda input, end, weight: input + weight * gc.subtract(end, input),
    "lgamma": gc.lgamma,
    "log": gc.log,
    "log10": gc.log10,
    "log1p": gc.log1p,
    "log2": gc.log2,
    "logaddexp": gc.logaddexp,
    "logaddexp2": gc.logaddexp2,
    "logit": lambda input, eps=None: gc.special.logit(input, eps),
    "maximum max.binary": gc.maximum,
    "minimum min.binary": gc.minimum,
    "mul __rmul__": gc.multiply,
    "mvlgamma.mvlgamma_p_1 mvlgamma.mvlgamma_p_3 mvlgamma.mvlgamma_p_5": gc.special.multigammaln,
    "nan_to_num": gc.nan_to_num,
    "neg": gc.negative,
    "polygamma.polygamma_n_0 polygamma.polygamma_n_1 polygamma.polygamma_n_2": _polygamma,
    "polygamma.polygamma_n_3 polygamma.polygamma_n_4": _polygamma,
    "positive": gc.positive,
    "pow float_power": gc.pow,
    "rad2deg": lambda input: input * (180 / math.pi),
    "reciprocal": gc.reciprocal,
    "remainder": gc.remainder,
    "round round.decimals_0 round.decimals_3 round.decimals_neg_3": _rounded,
    "rsqrt": gc.rsqrt,
    "sigmoid": gc.sigmoid,
    "sign sgn": gc.sign,
    "sin": gc.sin,
    "sinc": gc.special.sinc,
    "sinh": gc.sinh,
    "special.entr": gc.special.entr,
    "special.erfcx": gc.special.erfcx,
    "special.i0e": gc.special.i0e,
    "special.i1": gc.special.i1,
    "special.i1e": gc.special.i1e,
    "special.log_ndtr": gc.special.log_ndtr,
    "special.ndtr": gc.special.ndtr,
    "special.ndtri": gc.special.ndtri,
    "special.polygamma.special_polygamma_n_0": _polygamma,
    "special.xlog1py": gc.special.xlog1py,
    "sqrt": gc.sqrt,
    "square": gc.square,
    "sub": lambda input, other, alpha=1: gc.subtract(input, gc.multiply(other, alpha)),
    "tan": gc.tan,
    "tanh": gc.tanh,
    "trunc": gc.trunc,
    "where": lambda input, condition, other: gc.where(condition, input, other),
    "xlogy": gc.special.xlogy,
    "__radd__": gc.add,
    "__rdiv__": lambda input, other: gc.divide(other, input),
    "__rmod__": lambda input, other: gc.remainder(other, input),
    "__rpow__": lambda input, other: gc.pow(other, input),
    "__rsub__": lambda input, other: gc.subtract(other, input),
    "rsub": lambda input, other, alpha=1: gc.subtract(other, gc.multiply(input, alpha)),
})  # fmt: skip
