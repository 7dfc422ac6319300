"""What a program is given: placeholders, which are fed, and variables, which a session keeps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from graphc.api import scope
from graphc.api.blame import fail_dtype
from graphc.api.operands import TensorLike, to_array
from graphc.api.shapes import DimLike, as_dim, as_list, to_dtype
from graphc.api.tensor import Tensor, Variable
from graphc.api.value import Value
from graphc.ir.dims import Size, symbol
from graphc.ops import ops
from graphc.ops.structure import saturating_cast

if TYPE_CHECKING:
    from graphc.api.graph import Graph


def placeholder(
    dtype: object, shape: Sequence[DimLike | None] | DimLike = (), name: str | None = None
) -> Tensor:
    """A tensor whose value is fed in every run.

    A dim is a size, or a name ("batch") or expression ("2*batch") for one that is known when fed;
    dims of one name are equal. None is a dim that has nothing in common with others: it is named
    after the placeholder and its axis.
    """
    graph = scope.current("placeholder")
    wanted = to_dtype("placeholder", dtype)
    name = graph.numbered_name("placeholder") if name is None else name
    sizes = as_list(shape)
    dims = tuple(_dim(graph, name, axis, size) for axis, size in enumerate(sizes))
    tensor = graph.named(
        "placeholder", name, lambda: ops.placeholder(shape=dims, dtype=wanted, name=name)
    )
    graph.declared(tensor)
    return tensor


def variable(
    value: TensorLike, name: str | None = None, trainable: bool = True, dtype: object = None
) -> Variable:
    """A tensor that a session keeps between runs and that `gc.assign` changes.

    It starts as a copy of the value: numbers, nested lists or an array, of the array's dtype
    unless another is given (Python floats are float32). Optimisers change those that are
    trainable, unless told otherwise.
    """
    graph = scope.current("variable")
    if isinstance(value, Value):
        fail_dtype("variable", f"starts as an array, not as {value!r}; run it in a session first")
    wanted = None if dtype is None else to_dtype("variable", dtype)
    array = to_array("variable", value, wanted)
    if wanted is not None and array.dtype != wanted.numpy:
        array = saturating_cast(array, wanted)
        array.setflags(write=False)
    name = graph.numbered_name("variable") if name is None else name
    shape, own = array.shape, to_dtype("variable", array.dtype)
    tensor = graph.named(
        "variable",
        name,
        lambda: ops.variable(shape=shape, dtype=own, trainable=trainable, name=name),
    )
    graph.declared(tensor, array)
    assert isinstance(tensor, Variable)  # the graph makes one for such a node
    return tensor


def _dim(graph: Graph, name: str, axis: int, size: DimLike | None) -> Size:
    if size is not None:
        return as_dim("placeholder", size)
    return symbol(graph.unused_symbol(f"{name}_{axis}"))
