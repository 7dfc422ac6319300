"""erf and erfc.

Near 0, erf(x) = x + x * P(x**2). Beyond, erf(x) = 1 - e**G(x) with a polynomial G for the logarithm
of erfc; and erfc, which must be accurate itself, is e**(-x**2 + R(t)) / (x + 3/4) with t = (x - k)
/ (x + k) and the exponent in extra precision. The polynomials are minimax fits (Remez exchange)
made for this file, their constant terms first. Float is float32-only arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable

from llvmlite import ir

from graphc.codegen.vecmath.arith import Lanes
from graphc.codegen.vecmath.exponential import (
    LN2_HIGH,
    LN2_LOW,
    LOG2_E,
    Reduced,
    exp_of_rest,
    expm1_of_rest,
    reduce_by_ln2,
    scale,
)

# P: erf(x) / x - 1 in powers of x**2 on [0, 1], for errors relative to erf(x):
# degree 6, 2**-29.4 (float); degree 11, 2**-56.0 (double).
_ERF_TO_ONE = {
    32: (
        0.12837916612625122,
        -0.3761262595653534,
        0.11283578723669052,
        -0.026853347197175026,
        0.005187162198126316,
        -0.0007997853099368513,
        7.806905341567472e-05,
    ),
    64: (
        0.12837916709551256,
        -0.37612638903183343,
        0.1128379167093695,
        -0.02686617064195877,
        0.005223977596724354,
        -0.0008548325483659057,
        0.00012055280418439885,
        -1.49244630856028e-05,
        1.644410186099931e-06,
        -1.6183454936061927e-07,
        1.3613548750075126e-08,
        -7.600177165125421e-10,
    ),
}

# P again, on [0, 3/4]: degree 5, 2**-29.2 (float); degree 10, 2**-56.3 (double).
_ERF_TO_THREE_QUARTERS = {
    32: (
        0.12837916612625122,
        -0.3761261999607086,
        0.11283379048109055,
        -0.026834335178136826,
        0.005113156978040934,
        -0.0006737589719705284,
    ),
    64: (
        0.1283791670955126,
        -0.37612638903184176,
        0.11283791670978856,
        -0.026866170650281556,
        0.005223977681883444,
        -0.0008548330534547895,
        0.00012055462906301451,
        -1.492848240339566e-05,
        1.6494815072942978e-06,
        -1.6471908964191583e-07,
        1.334877388146138e-08,
    ),
}

# G: log(erfc(x)) on [1, 3.95] (float) or [1, 5.95] (double), for absolute errors of erfc:
# degree 6, 2**-29.8 (float); degree 17, 2**-57.1 (double).
_LOG_ERFC = {
    32: (
        -0.00035371939884498715,
        -1.1270400285720825,
        -0.6382256746292114,
        -0.10303741693496704,
        0.021805385127663612,
        -0.0029396426398307085,
        0.00018558063311502337,
    ),
    64: (
        -5.133285319216368e-07,
        -1.1283739908733479,
        -0.6366440588478947,
        -0.10270227944045865,
        0.01898802223790978,
        0.0004135643427333403,
        -0.0019189752392564964,
        0.0007730675924398476,
        -0.00013657013011119637,
        -1.9515620531617496e-05,
        2.2529935043385344e-05,
        -8.57784064843226e-06,
        2.114565774457616e-06,
        -3.6952114386590125e-07,
        4.592706408483445e-08,
        -3.889423764305243e-09,
        2.0199944828369203e-10,
        -4.864146274504555e-12,
    ),
}

# Beyond these erf rounds to 1.
_ERF_BOUND = {32: 3.95, 64: 5.95}

# R: log((x + 3/4) * erfc(x)) + x**2 + _OFFSET in powers of t = (x - _K) / (x + _K), for absolute
# errors: degree 9, 2**-29.8 on [0.75, 10.1] (float); degree 21, 2**-58.2 on [0.75, 27.3] (double).
_SCALE_SHIFT = 0.75
_K = 2.5
_OFFSET = 0.40625
_LOG_SCALED_ERFC = {
    32: (
        0.028089722618460655,
        -0.22494222223758698,
        -0.005717390216886997,
        0.07002468407154083,
        -0.04480656608939171,
        0.010997640900313854,
        0.0006712626782245934,
        0.0007225502631627023,
        -0.001949117286130786,
        0.0008151800138875842,
    ),
    64: (
        0.028089723614381758,
        -0.2249422164704166,
        -0.005717507236637205,
        0.0700244713861042,
        -0.04480440531576386,
        0.010999559093478169,
        0.0006586313483935604,
        0.0007173935657122701,
        -0.0019313422111887067,
        0.0008180113632588749,
        4.9618530974549165e-05,
        -1.69963876662499e-05,
        -0.00011581952952034819,
        5.643807153586615e-05,
        5.600271335210857e-06,
        -1.6902937449882343e-06,
        -7.84257461053059e-06,
        3.315368865669057e-06,
        2.86014600464621e-07,
        1.2032318627478612e-07,
        -4.145665028265701e-07,
        1.2271448652277223e-07,
    ),
}

# Beyond these erfc rounds to 0.
_ERFC_BOUND = {32: 10.1, 64: 27.3}

_SQUARABLE_FRACTION_BITS = {32: 8, 64: 20}
"""Numbers up to _ERFC_BOUND with that many fraction bits have exact squares."""


def erf(m: Lanes, x: ir.Value) -> ir.Value:
    """The error function; keeps -0."""
    near = m.fma(x, m.estrin(m.mul(x, x), _ERF_TO_ONE[m.bits]), x)
    magnitude = m.abs(x)
    far = m.sub(1.0, _erfc_absolutely(m, m.at_most(magnitude, _ERF_BOUND[m.bits])))
    return m.select(m.lt(magnitude, 1.0), near, m.copysign(far, x))


def _polynomial(m: Lanes, x: ir.Value, coefficients: tuple[float, ...]) -> ir.Value:
    """Estrin's scheme, which is fast, but for the last steps Horner's, which rounds less."""
    return m.horner(x, [*coefficients[:3], m.estrin(x, coefficients[3:])])


def _erfc_absolutely(m: Lanes, x: ir.Value) -> ir.Value:
    """erfc for 1 <= x <= _ERF_BOUND, to a small fraction of the ulp of 1 - erfc."""
    reduced = reduce_by_ln2(m, _polynomial(m, x, _LOG_ERFC[m.bits]))
    return m.mul(exp_of_rest(m, reduced.rest), m.power_of_two(reduced.n))


def erfc(m: Lanes, x: ir.Value) -> ir.Value:
    """The complementary error function 1 - erf; subnormal results included."""
    magnitude = m.at_most(m.abs(x), _ERFC_BOUND[m.bits])
    difference, lost = m.quick_two_sum(1.0, m.neg(x))
    rest = m.mul(x, m.estrin(m.mul(x, x), _ERF_TO_THREE_QUARTERS[m.bits]))
    near = m.add(difference, m.sub(lost, rest))
    tail = _erfc_relatively(m, magnitude)
    far = m.select(m.lt(x, 0.0), m.sub(2.0, tail), tail)
    return m.select(m.lt(magnitude, 0.75), near, far)


def _erfc_relatively(m: Lanes, x: ir.Value) -> ir.Value:
    """erfc for 3/4 <= x <= _ERFC_BOUND, to about an ulp."""
    shifted = m.add(x, _K)
    denominator, denominator_low = m.two_sum(x, _SCALE_SHIFT)
    reciprocal_of_both = m.div(1.0, m.mul(shifted, denominator))
    t = m.mul(m.sub(x, _K), m.mul(reciprocal_of_both, denominator))
    exponent = _exponent(m, x, _polynomial(m, t, _LOG_SCALED_ERFC[m.bits]))
    power, power_low = m.quick_two_sum(1.0, expm1_of_rest(m, exponent))
    reciprocal = m.mul(reciprocal_of_both, shifted)
    quotient = m.mul(power, reciprocal)
    residual = m.fma(m.neg(quotient), denominator, power)
    residual = m.fma(m.neg(quotient), denominator_low, m.add(residual, power_low))
    refined = m.fma(residual, reciprocal, quotient)
    return scale(m, refined, exponent.n, m.gt(x, 0.0))


def _exponent(m: Lanes, x: ir.Value, r: ir.Value) -> Reduced:
    """-x**2 - _OFFSET + r reduced by ln 2, for x <= _ERFC_BOUND and |r| < 1/4.

    With z near x, -x**2 = -z**2 + (z - x) (z + x): z has so few bits that its square is exact, and
    so is the sum with the offset.
    """
    shifter = m.int_shifter / 2.0 ** _SQUARABLE_FRACTION_BITS[m.bits]
    z = m.sub(m.add(x, shifter), shifter)
    leading = m.fma(m.neg(z), z, -_OFFSET)
    correction = m.fma(m.sub(z, x), m.add(z, x), r)
    k, n = m.shifted_to_int(m.fma(m.add(leading, correction), LOG2_E, m.int_shifter))
    high = m.fma(k, -LN2_HIGH[m.bits], leading)
    low = m.fma(k, -LN2_LOW[m.bits], correction)
    return Reduced(n, high, low, m.add(high, low))


FUNCTIONS: dict[str, Callable[..., ir.Value]] = {"erf": erf, "erfc": erfc}
