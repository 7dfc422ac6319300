"""Python functions as operations of a program."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphc.api.blame import blamed, fail_attribute, fail_dtype
from graphc.api.custom_gradient import CustomGradient, Rule
from graphc.api.graph import Graph
from graphc.api.nesting import Form, form_of, leaves_of
from graphc.api.shapes import as_shape, to_dtype
from graphc.api.tensor import Tensor
from graphc.api.tracing import graph_for, operand_nodes
from graphc.ir.dims import Dim, product
from graphc.ir.dtypes import DType
from graphc.ir.node import Node
from graphc.ir.types import TensorType
from graphc.ops import ops
from graphc.ops.callbacks import Callback

_OP = "py_call"


def py_call(
    function: Callable[..., Any], result_types: Any, *operands: Any, vjp: Rule | None = None
) -> Any:
    """What a Python function gives for arrays, computed while the program runs.

    `result_types` says what it returns: a tensor of the same dtype and shape, or a pair of a dtype
    and a shape, whose dims may be names; nested, if there are several, which have one dtype. The
    function is called with NumPy arrays of its own in place of the tensors in `operands`, which may
    be nested. It is called once in a run that needs its results, or not at all if nothing does; two
    equal calls may be one. So it should depend on nothing but its arguments.

    `vjp(operands, results, cotangents)` gives the derivative as for `gc.custom_gradient`, from
    tensors, by further calls if need be; without it there is an error where one is asked for.

    What the function raises ends the run as a CallbackError that tells the line of the call, and
    nothing has changed; so do results of other types than declared. A program with such a call
    runs in this process only: it is not kept in the cache on disk.

    >>> import graphc as gc, numpy as np
    >>> with gc.Graph() as graph:
    ...     x = gc.placeholder(gc.float64, ("n",), name="x")
    ...     y = gc.py_call(np.sort, x, -x) * 2
    >>> with gc.Session(graph) as session:
    ...     session.run(y, {x: [1.0, 3.0, 2.0]})
    array([-6., -4., -2.])
    """
    if not callable(function):
        fail_attribute(_OP, f"takes a function, not {function!r}")
    form, types = _read_types(result_types)

    def call(*given: Any) -> Any:
        return form.of(_called(function, form, types, given))

    if vjp is None:
        return call(*operands)
    return CustomGradient(call, vjp, None)(*operands)


def _called(
    function: Callable[..., Any], form: Form, types: Sequence[TensorType], given: Sequence[Any]
) -> list[Tensor]:
    graph, nodes = graph_for(_OP, *given), operand_nodes(_OP, list(given))
    arguments = form_of(list(given))

    def flat(*arrays: Any) -> list[Any]:
        found = function(*arguments.of(arrays))
        return leaves_of(found) if form.kind is not None else [found]

    with blamed(_OP):
        node = ops.py_call(
            *nodes,
            callback=Callback(flat),
            dtype=types[0].dtype,
            ranks=tuple(type_.rank for type_ in types),
            sizes=tuple(size for type_ in types for size in type_.shape),
        )
    return _parts(graph, node, types)


def _parts(graph: Graph, node: Node, types: Sequence[TensorType]) -> list[Tensor]:
    """The results, taken out of the vector that holds several."""
    if len(types) == 1:
        return [graph.tensor(node)]
    found: list[Tensor] = []
    start: Any = 0
    for type_ in types:
        count = product(type_.shape)
        part = ops.slice(node, start=(start,), step=(1,), shape=(count,))
        found.append(graph.tensor(ops.reshape(part, shape=type_.shape)))
        start = start + count
    return found


def _read_types(types: Any) -> tuple[Form, list[TensorType]]:
    """How results are nested, and their types."""
    found: list[TensorType] = []
    form = _form(types, found)
    if not found:
        fail_attribute(_OP, "needs the type of a result")
    if any(type_.dtype is not found[0].dtype for type_ in found):
        names = ", ".join(type_.dtype.name for type_ in found)
        fail_dtype(_OP, f"results must be of one dtype, not {names}; make a call for each dtype")
    return form, found


def _form(types: Any, found: list[TensorType]) -> Form:
    type_ = _type_of(types)
    if type_ is not None:
        found.append(type_)
        return Form(None)
    if isinstance(types, dict):
        return Form(dict, tuple(types), tuple(_form(part, found) for part in types.values()))
    if isinstance(types, list | tuple):
        return Form(type(types), None, tuple(_form(part, found) for part in types))
    fail_attribute(_OP, f"{types!r} is no type; give a tensor, or a pair of a dtype and a shape")


def _type_of(value: Any) -> TensorType | None:
    if isinstance(value, Tensor):
        return TensorType(value.dtype, value.node.shape)
    if not isinstance(value, tuple) or len(value) != 2 or not _is_shape(value[1]):
        return None
    if not isinstance(value[0], DType | np.dtype | type | str):
        return None
    return TensorType(to_dtype(_OP, value[0]), as_shape(_OP, value[1]))


def _is_shape(value: Any) -> bool:
    if isinstance(value, tuple | list):
        return all(isinstance(size, int | np.integer | str | Dim) for size in value)
    return isinstance(value, int | np.integer | str | Dim)
