"""A node in the graph under construction, without the operators of `Tensor`.

The functions of this room work on values; `Tensor` adds operators that call those functions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphc.ir.dims import Size
from graphc.ir.dtypes import DType
from graphc.ir.location import Location
from graphc.ir.node import Node
from graphc.ir.types import Shape

if TYPE_CHECKING:
    from graphc.api.graph import Graph


class Value:
    """One result of a program: the node that computes it and the graph it belongs to."""

    __slots__ = ("_graph", "_node")

    def __init__(self, node: Node, graph: Graph) -> None:
        self._node = node
        self._graph = graph

    @property
    def node(self) -> Node:
        """The node of the intermediate form."""
        return self._node

    @property
    def graph(self) -> Graph:
        """The graph in which the value was built."""
        return self._graph

    @property
    def shape(self) -> Shape:
        """Its dims: an int where known, else a `Dim`, which equals its text (`"batch"`)."""
        return self._node.shape

    @property
    def dtype(self) -> DType:
        """The type of its elements."""
        return self._node.dtype

    @property
    def ndim(self) -> int:
        """Number of dims."""
        return len(self._node.shape)

    @property
    def size(self) -> Size:
        """Number of elements."""
        return self._node.tensor.size

    @property
    def name(self) -> str | None:
        """The name it can be fed and fetched by, if it has one."""
        return self._node.name

    @property
    def location(self) -> Location | None:
        """The line of the program that created it."""
        return self._node.location

    def __repr__(self) -> str:
        label = f" %{self.name}" if self.name else ""
        return f"<gc.{type(self).__name__}{label} {self._node.type} {self._node.op.name}>"
