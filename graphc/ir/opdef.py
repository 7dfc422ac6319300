"""OpDef: everything graphc knows about a primitive, in one declaration."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from types import MappingProxyType
from typing import Any

import numpy as np

from graphc.errors import AttributeValueError, DeclarationError
from graphc.ir.dims import Dim, Size
from graphc.ir.dtypes import DType
from graphc.ir.graph import Graph
from graphc.ir.inference import Inference
from graphc.ir.location import capture
from graphc.ir.lowering import Lowering
from graphc.ir.node import Node
from graphc.ir.types import Type

Array = np.ndarray[Any, Any]
_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


class Kind(Enum):
    """What a pass needs to know of an op without knowing the op."""

    SOURCE = "source"
    ELEMENTWISE = "elementwise"
    VIEW = "view"
    REDUCTION = "reduction"
    SCAN = "scan"
    CONTRACTION = "contraction"
    GATHER = "gather"
    SCATTER = "scatter"
    SORT = "sort"
    FACTORIZATION = "factorization"
    STRUCTURE = "structure"
    CONTROL = "control"


class AttrKind(Enum):
    """The kinds of parameters an op can have besides its tensors."""

    BOOL = "bool"
    INT = "int"
    INTS = "ints"
    FLOAT = "float"
    TEXT = "text"
    DTYPE = "dtype"
    SHAPE = "shape"
    ARRAY = "array"
    GRAPH = "graph"


@dataclass(frozen=True, slots=True)
class NoDerivative:
    """Stands where a derivative would: why the op has none.

    `zero` tells a result that is locally constant (its derivative is 0) from one that cannot be
    differentiated at all.
    """

    reason: str
    zero: bool = True


#: vjp(result, cotangent) -> a cotangent for each input, None where there is none. An op with
#: several results is given a tuple of cotangents, None for those that have none.
Vjp = Callable[[Node, Any], "tuple[Node | None, ...]"]
#: jvp(result, tangents of the inputs, None for zero) -> tangent of the result; a tuple of them,
#: None for those that do not move, if there are several results.
Jvp = Callable[[Node, "tuple[Node | None, ...]"], Any]


#: batch(node, inputs that take the place of its own, which of them have the batch axis, its size)
#: -> the node that is right for the whole batch, with the axis; a tuple of `Batched` if there are
#: several results. The axis is always the first. At least one input has it.
Batch = Callable[[Node, tuple[Node, ...], tuple[bool, ...], Size], Any]


@dataclass(frozen=True, slots=True)
class Batched:
    """What takes a node's place in a batch, and whether it has the batch axis."""

    node: Node
    has_axis: bool


@dataclass(frozen=True, slots=True)
class NoBatching:
    """Stands where a batching rule would: why the op has none."""

    reason: str


@dataclass(frozen=True, slots=True)
class Arg:
    """How to draw one input of a sample: shape, dtype (None: the one under test) and range.

    `spread` keeps values apart (no ties), `avoid` keeps floats away from points where the
    derivative jumps. Matrices have `diagonal`, 2*diagonal, 3*diagonal, ... added along theirs.
    """

    shape: tuple[int, ...]
    low: float = -2.0
    high: float = 2.0
    dtype: DType | None = None
    spread: bool = False
    avoid: tuple[float, ...] = ()
    diagonal: float = 0.0


@dataclass(frozen=True, slots=True)
class Sample:
    """One set of inputs and parameters on which the registry test tries an op."""

    args: tuple[Arg, ...]
    attrs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False, repr=False)
class OpDef:
    """A primitive: its type rule, reference, derivatives, lowering and samples.

    A missing field is an error where the op is declared. Calling an OpDef with nodes and
    attributes makes a node.

    - `infer` is the type rule; it raises ShapeError or DTypeError through `Inference`.
    - `reference(attrs, *arrays)` computes the result with NumPy; dims in attrs are ints by then,
      and graphs are functions from arrays to a list of arrays.
    - `vjp` and `jvp` build derivative nodes, or are a `NoDerivative` with the reason.
    - `batch` builds the node that does for a batch at once what this one does for each of its
      members, or is a `NoBatching` with the reason.
    - `lowering` says how an element is computed; None only for ops the compiler removes.
    - `dtypes` are those under test in `samples` (Arg.dtype None).
    - `exact`: the native result has the same bits as the reference, so constants may be folded.
    - `cost`: rough number of machine operations an element takes; guides what is recomputed.
    """

    name: str
    kind: Kind
    arity: int | None
    attrs: Mapping[str, AttrKind]
    infer: Callable[[Inference], Type]
    reference: Callable[..., Any]
    vjp: Vjp | NoDerivative
    jvp: Jvp | NoDerivative
    batch: Batch | NoBatching
    lowering: Lowering | None
    dtypes: tuple[DType, ...]
    samples: tuple[Sample, ...]
    doc: str
    exact: bool = False
    cost: int = 1
    commutative: bool = False

    def __post_init__(self) -> None:
        for holds, message in _requirements(self):
            if not holds:
                raise DeclarationError(message, op=self.name)

    def __repr__(self) -> str:
        return f"<OpDef {self.name}>"

    def __call__(self, *inputs: Node, name: str | None = None, **attrs: Any) -> Node:
        """Apply the op; the node's type, guards and location are found here."""
        if self.arity is not None and len(inputs) != self.arity:
            raise AttributeValueError(f"takes {self.arity} inputs, not {len(inputs)}", op=self.name)
        if attrs.keys() != self.attrs.keys():
            wanted = ", ".join(self.attrs) or "none"
            raise AttributeValueError(
                f"has the attributes {wanted}; given: {', '.join(attrs) or 'none'}", op=self.name
            )
        location = capture()
        inference = Inference(self.name, tuple(n.type for n in inputs), attrs, location)
        type_ = self.infer(inference)
        return Node(
            self, inputs, MappingProxyType(attrs), type_, name, location, tuple(inference.guards)
        )


def _requirements(op: OpDef) -> Iterator[tuple[bool, str]]:
    """What a declaration must hold, each with what to say if it does not."""
    yield bool(_NAME.fullmatch(op.name)), "an op's name is snake_case"
    yield bool(op.doc and op.doc.strip()), "an op needs a line of documentation"
    yield isinstance(op.kind, Kind), "an op needs a kind"
    yield all(isinstance(k, AttrKind) for k in op.attrs.values()), "every attribute has a kind"
    yield callable(op.infer), "an op needs a type rule"
    yield callable(op.reference), "an op needs a NumPy reference"
    yield _is_derivative(op.vjp), "vjp must be a rule or a NoDerivative"
    yield _is_derivative(op.jvp), "jvp must be a rule or a NoDerivative"
    yield _is_batching(op.batch), "batch must be a rule or a NoBatching"
    yield bool(op.dtypes), "an op needs the dtypes that it is tested with"
    unsampled = op.kind in (Kind.SOURCE, Kind.STRUCTURE, Kind.CONTROL)
    yield bool(op.samples) or unsampled, "an op needs samples for the registry test"
    for sample in op.samples:
        yield sample.attrs.keys() == op.attrs.keys(), "a sample needs all the attributes"
        yield op.arity in (None, len(sample.args)), "a sample needs as many inputs as the op"


def _is_derivative(rule: object) -> bool:
    return callable(rule) or isinstance(rule, NoDerivative)


def _is_batching(rule: object) -> bool:
    return callable(rule) or isinstance(rule, NoBatching)


REGISTRY: dict[str, OpDef] = {}


def declare(op: OpDef) -> OpDef:
    """Enter an op in the registry; DeclarationError if its name is taken."""
    if op.name in REGISTRY:
        raise DeclarationError("declared twice", op=op.name)
    REGISTRY[op.name] = op
    return op


def attr_key(value: Any) -> Any:
    """A hashable stand-in for an attribute, equal exactly when the attribute means the same."""
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    if isinstance(value, float):
        return "float", value.hex()
    if isinstance(value, bool | int | str | Dim | DType | Graph) or value is None:
        return type(value).__name__, value
    return tuple(attr_key(part) for part in value)


def node_key(node: Node, inputs: Sequence[Node]) -> tuple[Any, ...]:
    """Equal for two nodes that compute the same from the same inputs."""
    attrs = tuple((key, attr_key(node.attrs[key])) for key in sorted(node.attrs))
    return node.op.name, tuple(map(id, inputs)), attrs, node.type


@cache
def holds_graphs(op: OpDef) -> bool:
    """Whether nodes of the op hold subgraphs: few do, and asking each node takes time."""
    return AttrKind.GRAPH in op.attrs.values()


def all_ops() -> Iterator[OpDef]:
    """Every declared op, by name."""
    return iter(REGISTRY[name] for name in sorted(REGISTRY))
