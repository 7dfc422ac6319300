"""The language of rewrite rules, in the syntax of Python calls: `sub(x, neg(y))`.

- A lower-case name is any node, and the same node wherever it is repeated.
- An upper-case name is a number: a constant of one element, or a broadcast of one.
- A literal is the number with exactly these bits in the dtype at hand: 0 is not -0.0.
- A call is an elementwise op; one that is commutative matches in either order.

A replacement may also calculate with numbers, as in `mul(x, 1 / C)`.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any, NoReturn

import numpy as np

from graphc.errors import DeclarationError
from graphc.ir.dtypes import DType
from graphc.ir.node import Node
from graphc.ir.opdef import REGISTRY, Array, Kind, OpDef
from graphc.ops.declaring import scalar_like
from graphc.passes.numbers import number, same_bits

#: What the names of a pattern stand for at one node.
Found = dict[str, Node | Array]


@dataclass(frozen=True, slots=True)
class Hole:
    """Any node."""

    name: str

    def match(self, node: Node, found: Found) -> bool:
        return found.setdefault(self.name, node) is node


@dataclass(frozen=True, slots=True)
class Number:
    """Any number."""

    name: str

    def match(self, node: Node, found: Found) -> bool:
        value = number(node)
        if value is None:
            return False
        earlier = found.setdefault(self.name, value)
        return isinstance(earlier, np.ndarray) and same_bits(earlier, value)

    def value(self, found: Found, dtype: DType) -> Array:
        value = found[self.name]
        assert isinstance(value, np.ndarray)
        return value


@dataclass(frozen=True, slots=True)
class Literal:
    """One number, compared by its bits in the dtype at hand."""

    literal: bool | int | float
    bits: dict[DType, bytes | None] = field(default_factory=dict, compare=False, repr=False)

    def match(self, node: Node, found: Found) -> bool:
        value = number(node)
        if value is None:
            return False
        dtype = node.dtype
        if dtype not in self.bits:
            self.bits[dtype] = self.value({}, dtype).tobytes() if self.fits(dtype) else None
        return value.tobytes() == self.bits[dtype]

    def fits(self, dtype: DType) -> bool:
        """Whether the dtype has such a number."""
        if isinstance(self.literal, bool) or dtype.is_bool:
            return isinstance(self.literal, bool) and dtype.is_bool
        if dtype.is_integer:
            inside = dtype.lowest <= self.literal <= dtype.highest
            return isinstance(self.literal, int) and inside
        return True

    def value(self, found: Found, dtype: DType) -> Array:
        return np.asarray(self.literal, dtype.numpy)


@dataclass(frozen=True, slots=True)
class Calculation:
    """Arithmetic on numbers, done while rewriting, in the dtype at hand."""

    function: Callable[..., Any]
    operands: tuple[Value, ...]

    def value(self, found: Found, dtype: DType) -> Array:
        operands = (operand.value(found, dtype) for operand in self.operands)
        with np.errstate(all="ignore"):
            return np.asarray(self.function(*operands), dtype.numpy)


Value = Number | Literal | Calculation


@dataclass(frozen=True, slots=True)
class Call:
    """An elementwise op applied to patterns; in a replacement, to what is to be built."""

    op: OpDef
    args: tuple[Term, ...]

    def match(self, node: Node, found: Found) -> bool:
        """Whether the node is of this form; `found` is filled as far as it matches."""
        if node.op is not self.op:
            return False
        for arg, operand in zip(self.args, node.inputs, strict=True):
            if isinstance(arg, Calculation) or not arg.match(operand, found):
                return False
        return True

    def build(self, found: Found) -> Node:
        """The op applied; numbers take dtype and shape of the last operand that is a node."""
        built = [build(arg, found, None) if _is_node(arg) else None for arg in self.args]
        like = next(node for node in reversed(built) if node is not None)
        return self.op(
            *(
                build(arg, found, like) if node is None else node
                for arg, node in zip(self.args, built, strict=True)
            )
        )


Term = Hole | Number | Literal | Calculation | Call


def _is_node(term: Term) -> bool:
    return isinstance(term, Hole | Call)


def build(term: Term, found: Found, like: Node | None) -> Node:
    """The node that a replacement describes; a number becomes a tensor of the type of `like`."""
    if isinstance(term, Hole):
        node = found[term.name]
        assert isinstance(node, Node)
        return node
    if isinstance(term, Call):
        return term.build(found)
    assert like is not None
    return scalar_like(like, term.value(found, like.dtype).item())


def commuted(pattern: Call) -> list[Call]:
    """The pattern in every order of the operands of commutative ops, as it is written first."""
    different: dict[Any, Call] = {}
    for order in _orders(pattern):
        different.setdefault(_form(order, {}), order)
    return list(different.values())


def _orders(pattern: Call) -> list[Call]:
    choices = [_orders(arg) if isinstance(arg, Call) else [arg] for arg in pattern.args]
    orders = [Call(pattern.op, args) for args in product(*choices)]
    if pattern.op.commutative:
        orders += [Call(order.op, order.args[::-1]) for order in orders]
    return orders


def _form(term: Term, names: dict[str, int]) -> tuple[Any, ...]:
    """Equal for patterns that match the same, their names apart."""
    match term:
        case Call(op, args):
            return op.name, *(_form(arg, names) for arg in args)
        case Hole(name) | Number(name):
            return type(term).__name__, names.setdefault(name, len(names))
        case _:
            return (repr(term),)


def parse(text: str) -> Term:
    """The term that the text describes; DeclarationError if it is none."""
    try:
        return _Reader(text).read(ast.parse(text, mode="eval").body)
    except SyntaxError as error:
        raise DeclarationError(f"{text!r} is no rule: {error.msg}") from None


_ARITHMETIC: Mapping[type[ast.operator], Callable[..., Any]] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
}


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text

    def fail(self, message: str) -> NoReturn:
        raise DeclarationError(f"the rule {self.text!r} {message}")

    def read(self, tree: ast.expr) -> Term:
        match tree:
            case ast.Name(name):
                return Number(name) if name.isupper() else Hole(name)
            case ast.Constant(bool() | int() | float() as value):
                return Literal(value)
            case ast.UnaryOp(ast.USub(), ast.Constant(int() | float() as value)):
                return Literal(-value)
            case ast.UnaryOp(ast.USub(), operand):
                return Calculation(np.negative, (self.value(operand),))
            case ast.BinOp(left, operator, right) if type(operator) in _ARITHMETIC:
                function = _ARITHMETIC[type(operator)]
                return Calculation(function, (self.value(left), self.value(right)))
            case ast.Call(ast.Name(name), args, []):
                return self.call(name, args)
            case _:
                self.fail(f"has {ast.unparse(tree)}, which is not part of the language")

    def value(self, tree: ast.expr) -> Value:
        term = self.read(tree)
        if isinstance(term, Hole | Call):
            self.fail(f"calculates with {ast.unparse(tree)}, which is no number")
        return term

    def call(self, name: str, args: list[ast.expr]) -> Call:
        op = REGISTRY.get(name)
        if op is None or op.kind is not Kind.ELEMENTWISE or op.attrs:
            self.fail(f"needs {name} to be an elementwise op without attributes")
        if op.arity != len(args):
            self.fail(f"gives {name} {len(args)} operands instead of {op.arity}")
        call = Call(op, tuple(self.read(arg) for arg in args))
        if not any(map(_is_node, call.args)):
            self.fail(f"applies {name} to numbers only; folding does that")
        return call
