"""Python functions that a program calls while it runs.

Such a function is known by a name in this process only. Its results, of one dtype, are one tensor:
the result itself, or several one behind another in a vector.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from graphc.errors import CallbackError
from graphc.ir.dims import Size, product
from graphc.ir.dtypes import ALL, DType
from graphc.ir.graph import Graph, subgraphs
from graphc.ir.inference import Inference
from graphc.ir.lowering import Library
from graphc.ir.node import Node
from graphc.ir.opdef import Array, AttrKind, Kind, NoBatching, NoDerivative
from graphc.ir.routines import Steps
from graphc.ir.types import TensorType
from graphc.ops.declaring import attr, structured
from graphc.ops.triangular import failed

#: An estimate: a program that waits for Python runs so long that others may run meanwhile.
_OPERATIONS = 1_000_000

_numbers = itertools.count()


class Callback(str):
    """A Python function from arrays to arrays, as the name by which programs call it."""

    # A string, since attributes of nodes are values; whoever holds the name holds the function.

    function: Callable[..., Sequence[Any]]
    entries: WeakValueDictionary[Any, Entry]

    def __new__(cls, function: Callable[..., Sequence[Any]]) -> Callback:
        """Of a function that takes arrays, and returns a list of what are to be arrays."""
        made = super().__new__(cls, f"py_call_{next(_numbers)}")
        made.function, made.entries = function, WeakValueDictionary()
        _KNOWN[str(made)] = made
        return made

    def results(
        self, arrays: Sequence[Array], shapes: Sequence[tuple[int, ...]], dtype: DType
    ) -> list[Array]:
        """What the function gives for arrays; CallbackError if it is not of these types."""
        given = self.function(*arrays)
        if len(given) != len(shapes):
            raise CallbackError(f"returned {len(given)} results, where {len(shapes)} are declared")
        found = [np.asarray(value) for value in given]
        for k, (array, shape) in enumerate(zip(found, shapes, strict=True)):
            if array.dtype != dtype.numpy or array.shape != shape:
                raise CallbackError(
                    f"returned {array.dtype}{list(array.shape)} as result {k}, which is declared "
                    f"as {dtype.name}{list(shape)}"
                )
        return found


_KNOWN: WeakValueDictionary[str, Callback] = WeakValueDictionary()


@dataclass(frozen=True)
class Operand:
    """What machine code hands to a callback: dtype and number of dims."""

    dtype: DType
    rank: int


class Entry(str):
    """A callback for operands and results of some types, as the symbol that machine code calls.

    It is called with the address of each operand and of the results, then with all dims of
    operands and of each result.
    """

    callback: Callback
    operands: tuple[Operand, ...]
    dtype: DType
    ranks: tuple[int, ...]

    def __new__(
        cls,
        callback: Callback,
        operands: tuple[Operand, ...],
        dtype: DType,
        ranks: tuple[int, ...],
    ) -> Entry:
        """The entry of these types, the same one every time."""
        key = operands, dtype, ranks
        found = callback.entries.get(key)
        if found is None:
            given = [f"{operand.dtype}_{operand.rank}" for operand in operands]
            name = "_".join(["graphc", callback, *given, str(dtype)])
            found = callback.entries[key] = super().__new__(cls, name)
            found.callback, found.operands, found.dtype, found.ranks = callback, *key
        return found


def calls_python(graph: Graph) -> bool:
    """Whether a program needs functions of this process: no other can run it."""
    return any(
        node.op is py_call or any(calls_python(inner) for _, inner in subgraphs(node))
        for node in graph.nodes
    )


def _callback_of(attrs: Mapping[str, Any]) -> Callback:
    name = attrs["callback"]
    found = name if isinstance(name, Callback) else _KNOWN.get(name)
    if found is None:
        raise CallbackError(f"the Python function {name} is not known in this process")
    return found


def shapes_of(attrs: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """The shape of each result."""
    sizes = iter(attrs["sizes"])
    return [tuple(next(sizes) for _ in range(rank)) for rank in attrs["ranks"]]


def _type(inference: Inference) -> TensorType:
    shapes, dtype = shapes_of(inference.attrs), attr(inference, "dtype")
    if len(shapes) == 1:
        return TensorType(dtype, shapes[0])
    return TensorType(dtype, (sum(map(product, shapes)),))


def _reference(attrs: Mapping[str, Any], *arrays: Array) -> Array:
    """Errors of the function are the run's."""
    try:
        given = [np.array(array) for array in arrays]
        found = _callback_of(attrs).results(given, shapes_of(attrs), attrs["dtype"])
    except CallbackError:
        raise
    except Exception as error:
        raise CallbackError(f"{type(error).__name__}: {error}") from error
    return found[0] if len(found) == 1 else np.concatenate([part.ravel() for part in found])


def _steps(node: Node, steps: Steps) -> None:
    operands = tuple(Operand(x.dtype, len(x.shape)) for x in node.inputs)
    ranks = tuple(node.attrs["ranks"])
    entry = Entry(_callback_of(node.attrs), operands, node.dtype, ranks)
    areas = [steps.given(k) for k in range(len(operands))]
    sizes: list[Size] = [size for x in node.inputs for size in x.shape]
    sizes += node.attrs["sizes"]
    returned = steps.call(entry, *areas, steps.result, *sizes, flops=_OPERATIONS)
    steps.fail_if(failed(returned))


_NONE = NoDerivative("calls a Python function; give its derivative as vjp=", zero=False)


def _rank(node: Node) -> int:
    return len(node.shape)


py_call = structured(
    "py_call", "What a Python function computes; several results one behind another in a vector.",
    Kind.STRUCTURE, arity=None,
    attrs={
        "callback": AttrKind.TEXT, "dtype": AttrKind.DTYPE, "ranks": AttrKind.INTS,
        "sizes": AttrKind.SHAPE,
    },
    infer=_type, reference=_reference, vjp=_NONE, jvp=_NONE,
    batch=NoBatching("calls a Python function"),
    lowering=Library(None, _steps), dtypes=ALL, samples=(),
)  # fmt: skip
