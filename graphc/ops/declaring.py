"""Short forms for declaring the ops of a family, and the namespace in which rules name ops."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from graphc.ir import scalar
from graphc.ir.dims import Size
from graphc.ir.dtypes import DType, bool_
from graphc.ir.inference import Inference
from graphc.ir.lowering import Lowering, Pointwise, Read
from graphc.ir.node import Node
from graphc.ir.opdef import (
    REGISTRY,
    Arg,
    Array,
    AttrKind,
    Batch,
    Jvp,
    Kind,
    NoBatching,
    NoDerivative,
    OpDef,
    Sample,
    Vjp,
    declare,
)
from graphc.ir.scalar import Expr, Index
from graphc.ir.types import TensorType

#: factor(g, result, *inputs) = g * d result / d input: serves vjp and jvp alike.
Factor = Callable[..., Node | None]

STEP = NoDerivative("is constant between its jumps")
DISCRETE = NoDerivative("has a result that is not a floating-point number")
INTEGER_INPUTS = NoDerivative("reads integers only")

_SHAPES: tuple[tuple[int, ...], ...] = ((), (0,), (1,), (7,), (3, 35), (2, 3, 5))


class Namespace:
    """The declared ops as attributes, looked up when a rule runs.

    A vjp may use any op, whichever family it belongs to, without the families importing each
    other.
    """

    def __getattr__(self, name: str) -> OpDef:
        if name not in REGISTRY:
            raise AttributeError(f"there is no op {name}")
        return REGISTRY[name]


ops = Namespace()


def scalar_like(node: Node, value: bool | int | float) -> Node:
    """A tensor of the node's type filled with one value."""
    single = ops.constant(value=np.asarray(value, node.dtype.numpy))
    return single if node.shape == () else ops.broadcast_to(single, shape=node.shape)


def zeros_like(node: Node) -> Node:
    """Zeros of the node's type."""
    return scalar_like(node, 0)


def elementwise_type(inference: Inference) -> TensorType:
    """All inputs of one dtype and shape, and so is the result."""
    first = inference.tensor(0)
    dtype = inference.same_dtype()
    shape = first.shape
    for other in inference.tensors[1:]:
        shape = inference.same_shape(shape, other.shape)
    return TensorType(dtype, shape)


def predicate_type(inference: Inference) -> TensorType:
    """All inputs of one dtype and shape; the result is bool."""
    return elementwise_type(inference).with_dtype(bool_)


def restricted(
    rule: Callable[[Inference], TensorType], kinds: str, what: str
) -> Callable[[Inference], TensorType]:
    """The type rule, which also demands that inputs are of certain kinds of dtype."""

    def infer(inference: Inference) -> TensorType:
        for k in range(len(inference.types)):
            inference.require_kind(k, kinds, what)
        return rule(inference)

    return infer


def scalar_element(name: str, result: DType | None = None) -> Pointwise:
    """The lowering of an op that is one scalar operation on its inputs' elements."""

    def element(node: Node, index: Index, read: Read) -> Expr:
        args = tuple(read(k, index) for k in range(len(node.inputs)))
        return scalar.op(name, result or args[0].dtype, *args)

    return Pointwise(element)


def formula_element(formula: Callable[..., Expr]) -> Pointwise:
    """The lowering of an op that is a formula of scalar operations on its inputs' elements."""

    def element(node: Node, index: Index, read: Read) -> Expr:
        return formula(*(read(k, index) for k in range(len(node.inputs))))

    return Pointwise(element)


def sum_of(terms: Sequence[Node]) -> Node:
    """The terms, at least one, added from first to last."""
    total = terms[0]
    for term in terms[1:]:
        total = ops.add(total, term)
    return total


def vjp_of_factors(factors: tuple[Factor, ...]) -> Vjp:
    """The vjp of an elementwise op: every factor applied to the cotangent."""

    def vjp(result: Node, g: Node) -> tuple[Node | None, ...]:
        return tuple(factor(g, result, *result.inputs) for factor in factors)

    return vjp


def jvp_of_factors(factors: tuple[Factor, ...]) -> Jvp:
    """The jvp of an elementwise op: the sum of the factors applied to the tangents."""

    def jvp(result: Node, tangents: tuple[Node | None, ...]) -> Node:
        terms = [
            factor(tangent, result, *result.inputs)
            for factor, tangent in zip(factors, tangents, strict=True)
            if tangent is not None
        ]
        return sum_of([term for term in terms if term is not None])

    return jvp


def linear_jvp(result: Node, tangents: tuple[Node | None, ...]) -> Node:
    """The jvp of an op that is linear in all its inputs together: the op itself."""
    filled = [
        zeros_like(operand) if tangent is None else tangent
        for tangent, operand in zip(tangents, result.inputs, strict=True)
    ]
    return result.op(*filled, **result.attrs)


def repeated(node: Node, size: Size) -> Node:
    """The node once for every member of a batch, along a new first axis."""
    return ops.broadcast_to(node, shape=(size, *node.shape))


def all_batched(inputs: Sequence[Node], batched: Sequence[bool], size: Size) -> tuple[Node, ...]:
    """The inputs, each with the batch axis."""
    pairs = zip(inputs, batched, strict=True)
    return tuple(node if has else repeated(node, size) for node, has in pairs)


def member_by_member(
    node: Node, inputs: tuple[Node, ...], batched: tuple[bool, ...], size: Size
) -> Node:
    """The batching rule of an op to which one more leading dim of all its inputs is nothing new."""
    return node.op(*all_batched(inputs, batched, size), **node.attrs)


def elementwise(
    name: str,
    doc: str,
    *,
    arity: int = 1,
    dtypes: tuple[DType, ...],
    reference: Callable[..., Array],
    derivative: tuple[Factor, ...] | NoDerivative,
    infer: Callable[[Inference], TensorType] | None = None,
    lowering: Lowering | None = None,
    result: DType | None = None,
    low: float = -2.0,
    high: float = 2.0,
    avoid: tuple[float, ...] = (),
    exact: bool = False,
    cost: int = 1,
    commutative: bool = False,
) -> OpDef:
    """Declare an elementwise op whose samples follow from its domain."""
    args = Arg((), low, high, avoid=avoid)
    samples = tuple(
        Sample(tuple(Arg(shape, args.low, args.high, avoid=avoid) for _ in range(arity)))
        for shape in _SHAPES
    )
    has = not isinstance(derivative, NoDerivative)
    return declare(
        OpDef(
            name,
            Kind.ELEMENTWISE,
            arity,
            {},
            infer or _rule_for(dtypes, result),
            lambda attrs, *arrays: reference(*arrays),
            vjp_of_factors(derivative) if has else derivative,  # type: ignore[arg-type]
            jvp_of_factors(derivative) if has else derivative,  # type: ignore[arg-type]
            member_by_member,
            lowering or scalar_element(name, result),
            dtypes,
            samples,
            doc,
            exact=exact,
            cost=cost,
            commutative=commutative,
        )
    )


def _rule_for(dtypes: tuple[DType, ...], result: DType | None) -> Callable[[Inference], TensorType]:
    kinds = "".join(sorted({dtype.kind for dtype in dtypes}))
    names = {
        "b": "bool",
        "f": "floating point",
        "iu": "integers",
        "biu": "integers or bool",
        "fi": "signed numbers",
        "fiu": "numbers",
    }
    base = predicate_type if result is bool_ else elementwise_type
    if kinds == "bfiu":
        return base
    return restricted(base, kinds, names[kinds])


def structured(
    name: str,
    doc: str,
    kind: Kind,
    *,
    arity: int | None = 1,
    attrs: Mapping[str, AttrKind],
    infer: Callable[[Inference], TensorType],
    reference: Callable[..., Array],
    vjp: Vjp | NoDerivative,
    jvp: Jvp | NoDerivative = linear_jvp,
    batch: Batch | NoBatching,
    lowering: Lowering | None,
    dtypes: tuple[DType, ...],
    samples: tuple[Sample, ...],
    exact: bool = False,
    cost: int = 1,
) -> OpDef:
    """Declare an op that is not elementwise; linear unless a jvp is given."""
    return declare(
        OpDef(
            name, kind, arity, attrs, infer, reference, vjp, jvp, batch, lowering, dtypes, samples,
            doc, exact=exact, cost=cost,
        )
    )  # fmt: skip


def attr(inference_or_node: Any, key: str) -> Any:
    """An attribute's value, untyped as attributes are."""
    return inference_or_node.attrs[key]
