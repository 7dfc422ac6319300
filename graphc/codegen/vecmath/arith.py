"""A typed layer over the IR builder, so that the formulas of vecmath read like mathematics.

Every operation is the plain IEEE 754 one, rounded to nearest even, without fast-math flags. Where
an operation takes an `Operand`, a Python number stands for the constant of that value in each lane.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import TypeAlias

from llvmlite import ir

from graphc.codegen.values import WrittenConstant

Operand: TypeAlias = "ir.Value | float"
IntOperand: TypeAlias = "ir.Value | int"

_MANTISSA_BITS = {32: 23, 64: 52}
_EXPONENT_BIAS = {32: 127, 64: 1023}


def round_to_float32(value: float) -> float:
    """The float32 nearest to `value`, as a Python float; OverflowError above the largest."""
    return float(struct.unpack("<f", struct.pack("<f", value))[0])


class Lanes:
    """Floating-point arithmetic on one value type: a scalar or vector of float or double.

    `type_` is `ir.FloatType`, `ir.DoubleType` or a vector of one of them. Comparisons give `i1` (a
    vector of `i1` for vectors), which `select`, `and_`, `or_` and `not_` take.
    """

    def __init__(self, builder: ir.IRBuilder, type_: ir.Type) -> None:
        is_vector = isinstance(type_, ir.VectorType)
        element = type_.element if is_vector else type_
        if not isinstance(element, ir.FloatType | ir.DoubleType):
            raise TypeError(f"Lanes needs float or double elements, got {type_}")
        self.builder = builder
        self.type = type_
        self.width: int = type_.count if is_vector else 1
        self.bits = 32 if isinstance(element, ir.FloatType) else 64
        self.mantissa_bits = _MANTISSA_BITS[self.bits]
        self.bias = _EXPONENT_BIAS[self.bits]
        self.int_type = self._shaped(ir.IntType(self.bits))
        self.suffix = ("" if not is_vector else f"v{self.width}") + f"f{self.bits}"

    def _shaped(self, element: ir.Type) -> ir.Type:
        """`element`, or a vector of it when this type is a vector."""
        if isinstance(self.type, ir.VectorType):
            return ir.VectorType(element, self.width)
        return element

    # ---- constants -------------------------------------------------------------------------

    def const(self, value: float) -> ir.Value:
        """`value` (rounded to float32 in a float type) in every lane; inf and nan included."""
        if self.bits == 32:
            value = round_to_float32(value)
        return self._splat(self.type, f"0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016x}")

    def int_const(self, value: int) -> ir.Value:
        """The integer `value`, taken modulo 2**bits, in every lane."""
        half = 1 << (self.bits - 1)
        return self._splat(self.int_type, str((value + half) % (2 * half) - half))

    def _splat(self, type_: ir.Type, text: str) -> ir.Value:
        if isinstance(type_, ir.VectorType):
            text = f"splat ({type_.element} {text})"
        return WrittenConstant(type_, text)

    def _float(self, operand: Operand) -> ir.Value:
        return self.const(operand) if isinstance(operand, int | float) else operand

    def _int(self, operand: IntOperand) -> ir.Value:
        return self.int_const(operand) if isinstance(operand, int) else operand

    # ---- arithmetic ------------------------------------------------------------------------

    def add(self, a: Operand, b: Operand) -> ir.Value:
        """The sum a + b."""
        return self.builder.fadd(self._float(a), self._float(b))

    def sub(self, a: Operand, b: Operand) -> ir.Value:
        """The difference a - b."""
        return self.builder.fsub(self._float(a), self._float(b))

    def mul(self, a: Operand, b: Operand) -> ir.Value:
        """The product a * b."""
        return self.builder.fmul(self._float(a), self._float(b))

    def div(self, a: Operand, b: Operand) -> ir.Value:
        """The quotient a / b."""
        return self.builder.fdiv(self._float(a), self._float(b))

    def neg(self, a: Operand) -> ir.Value:
        """The value a with its sign bit flipped, of zeros and NaN too."""
        return self.builder.fneg(self._float(a))

    def fma(self, a: Operand, b: Operand, c: Operand) -> ir.Value:
        """The sum a * b + c with one rounding."""
        return self._intrinsic("fma", a, b, c)

    def sqrt(self, a: Operand) -> ir.Value:
        """The correctly rounded square root; that of -0 is -0."""
        return self._intrinsic("sqrt", a)

    def abs(self, a: Operand) -> ir.Value:
        """The magnitude |a|: clears the sign bit."""
        return self._intrinsic("fabs", a)

    def floor(self, a: Operand) -> ir.Value:
        """The largest integral value <= a."""
        return self._intrinsic("floor", a)

    def ceil(self, a: Operand) -> ir.Value:
        """The smallest integral value >= a."""
        return self._intrinsic("ceil", a)

    def trunc(self, a: Operand) -> ir.Value:
        """The value a without its fraction; keeps the sign of zero."""
        return self._intrinsic("trunc", a)

    def rint(self, a: Operand) -> ir.Value:
        """The integral value nearest to a, halves to even; keeps the sign of zero."""
        return self._intrinsic("roundeven", a)

    def copysign(self, magnitude: Operand, sign: Operand) -> ir.Value:
        """The value |magnitude| with the sign bit of `sign`."""
        return self._intrinsic("copysign", magnitude, sign)

    def at_most(self, a: Operand, bound: Operand) -> ir.Value:
        """The smaller of a and bound, and NaN where a is NaN; bound itself must be a number."""
        return self.select(self.lt(bound, a), bound, a)

    def at_least(self, a: Operand, bound: Operand) -> ir.Value:
        """The larger of a and bound, and NaN where a is NaN; bound itself must be a number."""
        return self.select(self.gt(bound, a), bound, a)

    def _intrinsic(self, name: str, *operands: Operand) -> ir.Value:
        """A call of `llvm.<name>`, whose operands and result all have this type."""
        module = self.builder.module
        full_name = f"llvm.{name}.{self.suffix}"
        function = module.globals.get(full_name)
        if function is None:
            signature = ir.FunctionType(self.type, [self.type] * len(operands))
            function = ir.Function(module, signature, name=full_name)
        return self.builder.call(function, [self._float(operand) for operand in operands])

    # ---- comparisons and choice ------------------------------------------------------------

    def lt(self, a: Operand, b: Operand) -> ir.Value:
        """Whether a < b; false on NaN, as are le, gt, ge, eq and ne."""
        return self.builder.fcmp_ordered("<", self._float(a), self._float(b))

    def le(self, a: Operand, b: Operand) -> ir.Value:
        """Whether a <= b."""
        return self.builder.fcmp_ordered("<=", self._float(a), self._float(b))

    def gt(self, a: Operand, b: Operand) -> ir.Value:
        """Whether a > b."""
        return self.builder.fcmp_ordered(">", self._float(a), self._float(b))

    def ge(self, a: Operand, b: Operand) -> ir.Value:
        """Whether a >= b."""
        return self.builder.fcmp_ordered(">=", self._float(a), self._float(b))

    def eq(self, a: Operand, b: Operand) -> ir.Value:
        """Whether a == b."""
        return self.builder.fcmp_ordered("==", self._float(a), self._float(b))

    def ne(self, a: Operand, b: Operand) -> ir.Value:
        """Whether a < b or a > b: ordered, so false on NaN."""
        return self.builder.fcmp_ordered("!=", self._float(a), self._float(b))

    def unordered(self, a: Operand) -> ir.Value:
        """Whether a is NaN."""
        value = self._float(a)
        return self.builder.fcmp_unordered("uno", value, value)

    def select(self, condition: ir.Value, a: Operand, b: Operand) -> ir.Value:
        """The value a in the lanes where `condition` holds, b in the others."""
        return self.builder.select(condition, self._float(a), self._float(b))

    def not_(self, condition: ir.Value) -> ir.Value:
        """The negation of a comparison's result."""
        return self.builder.not_(condition)

    # ---- integers of the same width --------------------------------------------------------

    def bitcast_to_int(self, a: Operand) -> ir.Value:
        """The bit pattern of a."""
        return self.builder.bitcast(self._float(a), self.int_type)

    def bitcast_to_float(self, n: IntOperand) -> ir.Value:
        """The float whose bit pattern is n."""
        return self.builder.bitcast(self._int(n), self.type)

    def int_add(self, a: IntOperand, b: IntOperand) -> ir.Value:
        """The sum a + b, wrapping."""
        return self.builder.add(self._int(a), self._int(b))

    def int_sub(self, a: IntOperand, b: IntOperand) -> ir.Value:
        """The difference a - b, wrapping."""
        return self.builder.sub(self._int(a), self._int(b))

    def shl(self, n: IntOperand, count: IntOperand) -> ir.Value:
        """The integer n shifted left; 0 <= count < bits."""
        return self.builder.shl(self._int(n), self._int(count))

    def lshr(self, n: IntOperand, count: IntOperand) -> ir.Value:
        """The integer n shifted right, filled with zeros; 0 <= count < bits."""
        return self.builder.lshr(self._int(n), self._int(count))

    def ashr(self, n: IntOperand, count: IntOperand) -> ir.Value:
        """The integer n shifted right, filled with its sign; 0 <= count < bits."""
        return self.builder.ashr(self._int(n), self._int(count))

    def and_(self, a: IntOperand, b: IntOperand) -> ir.Value:
        """Bitwise and; also of two comparisons' results."""
        return self.builder.and_(self._int(a), self._int(b))

    def or_(self, a: IntOperand, b: IntOperand) -> ir.Value:
        """Bitwise or; also of two comparisons' results."""
        return self.builder.or_(self._int(a), self._int(b))

    def xor(self, a: IntOperand, b: IntOperand) -> ir.Value:
        """Bitwise exclusive or; also of two comparisons' results."""
        return self.builder.xor(self._int(a), self._int(b))

    def int_eq(self, a: IntOperand, b: IntOperand) -> ir.Value:
        """Whether a == b."""
        return self.builder.icmp_signed("==", self._int(a), self._int(b))

    def int_lt(self, a: IntOperand, b: IntOperand) -> ir.Value:
        """Whether a < b, signed."""
        return self.builder.icmp_signed("<", self._int(a), self._int(b))

    def int_select(self, condition: ir.Value, a: IntOperand, b: IntOperand) -> ir.Value:
        """The integer a in the lanes where `condition` holds, b in the others."""
        return self.builder.select(condition, self._int(a), self._int(b))

    # ---- conversions -----------------------------------------------------------------------

    def round_to_int(self, a: Operand) -> tuple[ir.Value, ir.Value]:
        """The integer nearest to a (halves to even), as a float (a zero is +0) and as an integer.

        |a| must be below 2**22 (float) or 2**51 (double); beyond, and on NaN, the integer is
        meaningless but defined. Adding 1.5 * 2**mantissa_bits moves the integer into the low bits,
        which is cheaper than a conversion and, unlike one, exists for every vector of doubles.
        """
        return self.shifted_to_int(self.add(a, self.int_shifter))

    @property
    def int_shifter(self) -> float:
        """The number whose ulp is 1 and which leaves room for integers of either sign."""
        return 1.5 * 2.0**self.mantissa_bits

    def shifted_to_int(self, shifted: ir.Value) -> tuple[ir.Value, ir.Value]:
        """As `round_to_int`, of a sum that already has `int_shifter` added (say by an fma)."""
        pattern = self.int_sub(self.bitcast_to_int(shifted), self._shifter_pattern())
        return self.sub(shifted, self.int_shifter), pattern

    def float_to_int(self, a: Operand) -> ir.Value:
        """The integer nearest to a; bounds as in `round_to_int`. Apply trunc or floor before."""
        return self.round_to_int(a)[1]

    def int_to_float(self, n: IntOperand) -> ir.Value:
        """The float n, exact for |n| below 2**22 (float) or 2**51 (double), meaningless beyond."""
        pattern = self.int_add(n, self._shifter_pattern())
        return self.sub(self.bitcast_to_float(pattern), self.int_shifter)

    def _shifter_pattern(self) -> ir.Value:
        exponent = (self.bias + self.mantissa_bits) << self.mantissa_bits
        return self.int_const(exponent | 1 << (self.mantissa_bits - 1))

    def power_of_two(self, n: ir.Value) -> ir.Value:
        """The float 2**n, for an integer n such that it is normal."""
        return self.bitcast_to_float(self.shl(self.int_add(n, self.bias), self.mantissa_bits))

    def widen(self) -> Lanes:
        """The double Lanes of the same width."""
        return Lanes(self.builder, self._shaped(ir.DoubleType()))

    def to_double(self, a: Operand) -> ir.Value:
        """The float value a as a double: a value of `widen().type`. Exact."""
        return self.builder.fpext(self._float(a), self.widen().type) if self.bits == 32 else a

    def from_double(self, a: ir.Value) -> ir.Value:
        """A value of `widen().type` rounded to this type."""
        return self.builder.fptrunc(a, self.type) if self.bits == 32 else a

    # ---- polynomials -----------------------------------------------------------------------

    def horner(self, x: ir.Value, coefficients: Sequence[Operand]) -> ir.Value:
        """The sum of c[i] * x**i, the constant term first in `coefficients`; one FMA a degree."""
        result = self._float(coefficients[-1])
        for coefficient in reversed(coefficients[:-1]):
            result = self.fma(result, x, coefficient)
        return result

    def estrin(self, x: ir.Value, coefficients: Sequence[Operand]) -> ir.Value:
        """As `horner` with a tree of FMAs: shorter latency, a few multiplications more."""
        terms = [self._float(coefficient) for coefficient in coefficients]
        power = x
        while len(terms) > 1:
            pairs = [self.fma(terms[i + 1], power, terms[i]) for i in range(0, len(terms) - 1, 2)]
            terms = pairs + terms[2 * len(pairs) :]
            power = self.mul(power, power) if len(terms) > 1 else power
        return terms[0]

    def polynomial(self, x: ir.Value, coefficients: Sequence[Operand]) -> ir.Value:
        """As `estrin`, but Horner's scheme for the first three terms, which rounds less."""
        if len(coefficients) < 8:
            return self.horner(x, coefficients)
        return self.horner(x, [*coefficients[:3], self.estrin(x, coefficients[3:])])

    # ---- error-free transformations: results are (hi, lo) with hi + lo exact ---------------

    def two_sum(self, a: Operand, b: Operand) -> tuple[ir.Value, ir.Value]:
        """The sum a + b as the rounded sum and its error, for any a and b (Knuth)."""
        a, b = self._float(a), self._float(b)
        total = self.add(a, b)
        b_part = self.sub(total, a)
        a_part = self.sub(total, b_part)
        return total, self.add(self.sub(a, a_part), self.sub(b, b_part))

    def quick_two_sum(self, a: Operand, b: Operand) -> tuple[ir.Value, ir.Value]:
        """The sum a + b as the rounded sum and its error, where |a| >= |b| or a is 0 (Dekker)."""
        a, b = self._float(a), self._float(b)
        total = self.add(a, b)
        return total, self.sub(b, self.sub(total, a))

    def two_prod(self, a: Operand, b: Operand) -> tuple[ir.Value, ir.Value]:
        """The product a * b as rounded and its error, barring overflow and underflow."""
        a, b = self._float(a), self._float(b)
        product = self.mul(a, b)
        return product, self.fma(a, b, self.neg(product))
