"""Nodes: the immutable steps of which graphs are made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from graphc.errors import GraphError
from graphc.ir.dims import Guard
from graphc.ir.dtypes import DType
from graphc.ir.location import Location
from graphc.ir.types import Shape, TensorType, Type

if TYPE_CHECKING:
    from graphc.ir.opdef import OpDef


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Node:
    """One application of an op. Equal only to itself.

    `attrs` are the op's parameters that are not tensors; `guards` the equalities of dims on
    which the type rule relied; `location` the line of the user's program.
    """

    op: OpDef
    inputs: tuple[Node, ...]
    attrs: Mapping[str, Any]
    type: Type
    name: str | None = None
    location: Location | None = None
    guards: tuple[Guard, ...] = ()

    @property
    def tensor(self) -> TensorType:
        """The type of a node with one result; GraphError for a tuple."""
        if not isinstance(self.type, TensorType):
            raise GraphError(f"{self.op.name} has several results; take one with item")
        return self.type

    @property
    def shape(self) -> Shape:
        return self.tensor.shape

    @property
    def dtype(self) -> DType:
        return self.tensor.dtype

    def __repr__(self) -> str:
        label = f" %{self.name}" if self.name else ""
        return f"<Node{label} {self.op.name}: {self.type}>"
