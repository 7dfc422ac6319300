"""Functions of elements that are one op: they promote, broadcast and apply it.

Names and promotion follow the Python array API standard 2024.12.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from graphc.api.blame import fail_dtype
from graphc.api.broadcasting import broadcast_nodes, same_operands
from graphc.api.operands import TensorLike, graph_of, to_node, to_nodes
from graphc.ir.node import Node
from graphc.ir.opdef import REGISTRY, OpDef

if TYPE_CHECKING:
    from graphc.api.tensor import Tensor

Function = TypeVar("Function", bound=Callable[..., object])


_KIND_WORDS = {"f": "floating point", "i": "signed integers", "u": "uint8", "b": "bool"}


def _described(function: Function, name: str, doc: str) -> Function:
    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    return function


def _applied(name: str, definition: OpDef, *nodes: Node) -> Node:
    """The op applied to nodes of one dtype; DTypeError, in the function's name, for a wrong one."""
    dtype = nodes[0].dtype
    if dtype not in definition.dtypes:
        kinds = {allowed.kind for allowed in definition.dtypes}
        wanted = " or ".join(word for kind, word in _KIND_WORDS.items() if kind in kinds)
        given = ", ".join(str(node.type) for node in nodes)
        fail_dtype(
            name, f"needs {wanted}, not {dtype.name}; convert with gc.astype (given {given})"
        )
    return definition(*nodes)


def _unary(name: str, op: str = "") -> Callable[[TensorLike], Tensor]:
    """The function that applies an op of one input."""
    definition = REGISTRY[op or name]

    def apply(x: TensorLike, /) -> Tensor:
        graph, node = graph_of(name, x), to_node(name, x)
        return graph.tensor(_applied(name, definition, node))

    return _described(apply, name, definition.doc)


def _binary(name: str, op: str = "") -> Callable[[TensorLike, TensorLike], Tensor]:
    """The function that applies an op of two inputs."""
    definition = REGISTRY[op or name]

    def apply(x1: TensorLike, x2: TensorLike, /) -> Tensor:
        graph, nodes = graph_of(name, x1, x2), same_operands(name, x1, x2)
        return graph.tensor(_applied(name, definition, *nodes))

    return _described(apply, name, definition.doc)


def _rounding(name: str) -> Callable[[TensorLike], Tensor]:
    """A function that rounds floating-point numbers and returns integers as they are."""
    definition = REGISTRY[name]

    def apply(x: TensorLike, /) -> Tensor:
        graph, node = graph_of(name, x), to_node(name, x)
        return graph.tensor(node if node.dtype.is_integer else _applied(name, definition, node))

    return _described(apply, name, f"{definition.doc} Integers stay as they are.")


abs = _unary("abs")
acos = _unary("acos")
acosh = _unary("acosh")
asin = _unary("asin")
asinh = _unary("asinh")
atan = _unary("atan")
atanh = _unary("atanh")
bitwise_invert = _unary("bitwise_invert")
cbrt = _unary("cbrt")
cos = _unary("cos")
cosh = _unary("cosh")
digamma = _unary("digamma")
erf = _unary("erf")
erfc = _unary("erfc")
erfcx = _unary("erfcx")
erfinv = _unary("erfinv")
exp = _unary("exp")
exp2 = _unary("exp2")
expm1 = _unary("expm1")
i0 = _unary("i0")
i0e = _unary("i0e")
i1 = _unary("i1")
i1e = _unary("i1e")
lgamma = _unary("lgamma")
log = _unary("log")
log10 = _unary("log10")
log1p = _unary("log1p")
log2 = _unary("log2")
logical_not = _unary("logical_not")
ndtri = _unary("ndtri")
negative = _unary("negative", "neg")
rsqrt = _unary("rsqrt")
sigmoid = _unary("sigmoid")
sign = _unary("sign")
sin = _unary("sin")
sinh = _unary("sinh")
sqrt = _unary("sqrt")
tan = _unary("tan")
tanh = _unary("tanh")

ceil = _rounding("ceil")
floor = _rounding("floor")
round = _rounding("round")
trunc = _rounding("trunc")

add = _binary("add")
atan2 = _binary("atan2")
copysign = _binary("copysign")
bitwise_and = _binary("bitwise_and")
bitwise_left_shift = _binary("bitwise_left_shift", "shift_left")
bitwise_or = _binary("bitwise_or")
bitwise_right_shift = _binary("bitwise_right_shift", "shift_right")
bitwise_xor = _binary("bitwise_xor")
divide = _binary("divide", "div")
equal = _binary("equal", "eq")
floor_divide = _binary("floor_divide")
greater = _binary("greater", "gt")
greater_equal = _binary("greater_equal", "ge")
less = _binary("less", "lt")
less_equal = _binary("less_equal", "le")
logical_and = _binary("logical_and")
logical_or = _binary("logical_or")
logical_xor = _binary("logical_xor")
maximum = _binary("maximum")
minimum = _binary("minimum")
multiply = _binary("multiply", "mul")
not_equal = _binary("not_equal", "ne")
power = _binary("pow")
remainder = _binary("remainder")
subtract = _binary("subtract", "sub")


def fma(x1: TensorLike, x2: TensorLike, x3: TensorLike, /) -> Tensor:
    """x1*x2 + x3, rounded once."""
    nodes = same_operands("fma", x1, x2, x3)
    return graph_of("fma", x1, x2, x3).tensor(REGISTRY["fma"](*nodes))


def where(condition: TensorLike, x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """x1 where the condition, which must be bool, is true, else x2.

    Both are computed; a NaN in the one that is not taken does not reach the result.
    """
    graph = graph_of("where", condition, x1, x2)
    nodes = [to_node("where", condition), *to_nodes("where", x1, x2)]
    return graph.tensor(REGISTRY["where"](*broadcast_nodes("where", nodes)))
