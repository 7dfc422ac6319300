"""log, log2, log10 and log1p.

All write the argument as 2**e * (1 + f) with 1 + f in [sqrt(1/2), sqrt(2)), and log(1 + f) as
f - f**2 / 2 + f**3 * P(f): the first term is exact and is added last.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from typing import NamedTuple

from llvmlite import ir

from graphc.codegen.vecmath.arith import Lanes

# P(f) = (log(1 + f) - f + f**2/2) / f**3 on [sqrt(1/2) - 1, sqrt(2) - 1], minimax (Remez exchange)
# for errors relative to log(1 + f), preceded by the coefficient -1/2 of f**2. The constant term
# comes first. Degree 7, 2**-27.2 (float); degree 19, 2**-57.9 (double).
_LOG_TAIL = {
    32: (
        -0.5,
        0.3333333134651184,
        -0.2500081956386566,
        0.20001228153705597,
        -0.1662335842847824,
        0.1420174539089203,
        -0.13160155713558197,
        0.12761645019054413,
        -0.07634638249874115,
    ),
    64: (
        -0.5,
        0.33333333333333454,
        -0.2499999999999892,
        0.1999999999994614,
        -0.1666666666691436,
        0.14285714293840612,
        -0.12499999982021659,
        0.11111110516091553,
        -0.10000000383166427,
        0.09090933504240202,
        -0.0833334576250934,
        0.07691714502599921,
        -0.07142000042162927,
        0.06675147897780126,
        -0.06269801293270881,
        0.05817782688111852,
        -0.05326778798642549,
        0.05415962310393944,
        -0.06275037797774381,
        0.05696868927783886,
        -0.024276195851591284,
    ),
}


LN2 = {
    32: (0.693145751953125, 1.428606765330187e-06),
    64: (0.693147180559663, 2.8235290563031577e-13),
}
"""ln 2 as two numbers, the first so short that its product with any exponent is exact."""

LOG10_2 = {
    32: (0.301025390625, 4.605039066518657e-06),
    64: (0.30102999566361177, 3.694239077158931e-13),
}
"""The decimal logarithm of 2, likewise."""

LOG10_E = {
    32: (0.4342944920063019, -1.0103049952192578e-08),
    64: (0.4342944819032518, 1.098319650216765e-17),
}
"""The decimal logarithm of e: the nearest number, and the remainder."""

LOG2_E = {
    32: (1.4426950216293335, 1.925963033500011e-08),
    64: (1.4426950408889634, 2.0355273740931033e-17),
}
"""The binary logarithm of e, likewise."""


class Split(NamedTuple):
    """A positive number as 2**e * (1 + f), with e an integer held as a float."""

    e: ir.Value
    f: ir.Value


def split(m: Lanes, x: ir.Value) -> Split:
    """Splits x > 0, subnormals included; of other numbers, something without meaning."""
    shift = m.mantissa_bits + 1
    tiny = m.lt(x, smallest_normal(m))
    exponent, f = split_normal(m, m.select(tiny, m.mul(x, 2.0**shift), x))
    return Split(m.sub(m.int_to_float(exponent), m.select(tiny, float(shift), 0.0)), f)


def split_normal(m: Lanes, x: ir.Value) -> tuple[ir.Value, ir.Value]:
    """Splits x > 0 that is not subnormal into an integer exponent and f, as in `Split`."""
    offset = m.int_sub(m.bitcast_to_int(x), _offset_pattern(m))
    exponent = m.int_sub(m.lshr(offset, m.mantissa_bits), m.bias)
    fraction = m.and_(offset, (1 << m.mantissa_bits) - 1)
    mantissa = m.bitcast_to_float(m.int_add(fraction, bit_pattern(m, math.sqrt(0.5))))
    return exponent, m.sub(mantissa, 1.0)


def _offset_pattern(m: Lanes) -> int:
    """What to subtract from bit patterns so that exponents change at sqrt(1/2), not at 1."""
    return bit_pattern(m, math.sqrt(0.5)) - (m.bias << m.mantissa_bits)


def bit_pattern(m: Lanes, value: float) -> int:
    """The bits of `value` rounded to the type of `m`."""
    float_code, int_code = ("<f", "<I") if m.bits == 32 else ("<d", "<Q")
    return int(struct.unpack(int_code, struct.pack(float_code, value))[0])


def smallest_normal(m: Lanes) -> float:
    """The smallest normal number of the type."""
    return 2.0 ** (1 - m.bias)


def natural_log(m: Lanes, parts: Split, low: ir.Value | None = None) -> ir.Value:
    """e * ln 2 + log(1 + f + low), where `low` is a correction to f below its ulp."""
    octave_high, octave_low = LN2[m.bits]
    tail = m.polynomial(parts.f, _LOG_TAIL[m.bits])
    correction = m.mul(parts.e, octave_low)
    correction = correction if low is None else m.add(correction, low)
    beyond = m.fma(m.mul(parts.f, parts.f), tail, correction)
    return m.fma(parts.e, octave_high, m.add(parts.f, beyond))


def log_in_base(
    m: Lanes, parts: Split, unit: tuple[float, float], octave: tuple[float, float]
) -> ir.Value:
    """The logarithm in the base in which those of e and of 2 are `unit` and `octave`."""
    tail = m.polynomial(parts.f, _LOG_TAIL[m.bits])
    beyond = m.mul(m.mul(parts.f, parts.f), tail)
    correction = m.mul(parts.f, unit[1])
    if octave[1]:
        correction = m.fma(parts.e, octave[1], correction)
    whole = m.fma(parts.f, unit[0], m.fma(beyond, unit[0], correction))
    return m.fma(parts.e, octave[0], whole)


def with_special_cases(m: Lanes, x: ir.Value, result: ir.Value, pole: float) -> ir.Value:
    """`result` for finite x > pole; -inf at the pole, NaN below it, inf at inf, NaN at NaN."""
    inside = m.select(m.lt(x, math.inf), result, x)
    outside = m.select(m.eq(x, pole), -math.inf, math.nan)
    return m.select(m.gt(x, pole), inside, outside)


def log(m: Lanes, x: ir.Value) -> ir.Value:
    """The natural logarithm."""
    return with_special_cases(m, x, natural_log(m, split(m, x)), 0.0)


def log2(m: Lanes, x: ir.Value) -> ir.Value:
    """The binary logarithm, exact for powers of two."""
    result = log_in_base(m, split(m, x), LOG2_E[m.bits], (1.0, 0.0))
    return with_special_cases(m, x, result, 0.0)


def log10(m: Lanes, x: ir.Value) -> ir.Value:
    """The decimal logarithm."""
    result = log_in_base(m, split(m, x), LOG10_E[m.bits], LOG10_2[m.bits])
    return with_special_cases(m, x, result, 0.0)


def log1p(m: Lanes, x: ir.Value) -> ir.Value:
    """log(1 + x), accurate near 0."""
    result = with_special_cases(m, x, natural_log(m, *_split_one_plus(m, x)), -1.0)
    tiny = m.lt(m.abs(x), 2.0 ** -(m.mantissa_bits + 2))
    return m.select(tiny, x, result)


def _split_one_plus(m: Lanes, x: ir.Value) -> tuple[Split, ir.Value]:
    """Splits 1 + x for x > -1, not tiny, into 2**e * (1 + f + low) with `low` below the ulp of f.

    f + low = 2**-e * x + (2**-e - 1), where the second number is exact unless e is so large that f
    does not count. 2**-e might be subnormal, so it is 2**(2 - e) / 4.
    """
    offset = m.int_sub(m.bitcast_to_int(m.add(1.0, x)), _offset_pattern(m))
    exponent = m.int_sub(m.lshr(offset, m.mantissa_bits), m.bias)
    field = m.and_(offset, -1 << m.mantissa_bits)
    scale = m.bitcast_to_float(m.int_sub((2 * m.bias + 2) << m.mantissa_bits, field))
    shift = m.fma(scale, 0.25, -1.0)
    f, low = m.quick_two_sum(shift, m.mul(m.mul(x, 0.25), scale))
    return Split(m.int_to_float(exponent), f), low


FUNCTIONS: dict[str, Callable[..., ir.Value]] = {
    "log": log,
    "log2": log2,
    "log10": log10,
    "log1p": log1p,
}
