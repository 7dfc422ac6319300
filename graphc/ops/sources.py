"""Where values come from: feeds, variables, constants and generated ranges."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from graphc.ir import scalar
from graphc.ir.dims import Dim
from graphc.ir.dtypes import ALL, FLOATS, INTEGERS, as_dtype, int64
from graphc.ir.inference import Inference
from graphc.ir.lowering import Buffer, Pointwise, Read
from graphc.ir.node import Node
from graphc.ir.opdef import Array, AttrKind, Kind, NoDerivative, Sample
from graphc.ir.scalar import Expr, Index
from graphc.ir.types import TensorType
from graphc.ops.batching import no_inputs
from graphc.ops.declaring import attr, structured

_SOURCE = NoDerivative("has no inputs")


def _no_reference(attrs: object) -> Array:
    raise AssertionError("feeds and variables are given to the interpreter, not computed")


def _declared_type(inference: Inference) -> TensorType:
    shape = attr(inference, "shape")
    for size in shape:
        if not isinstance(size, Dim) and size < 0:
            inference.fail(f"a dim cannot be negative, but the shape is {shape}")
    return TensorType(attr(inference, "dtype"), shape)


placeholder = structured(
    "placeholder", "A value that is fed.", Kind.SOURCE, arity=0,
    attrs={"shape": AttrKind.SHAPE, "dtype": AttrKind.DTYPE},
    infer=_declared_type, reference=_no_reference, vjp=_SOURCE, jvp=_SOURCE, batch=no_inputs,
    lowering=Buffer(), dtypes=ALL, samples=(),
)  # fmt: skip

variable = structured(
    "variable", "A value that the session keeps between runs.", Kind.SOURCE, arity=0,
    attrs={"shape": AttrKind.SHAPE, "dtype": AttrKind.DTYPE, "trainable": AttrKind.BOOL},
    infer=_declared_type, reference=_no_reference, vjp=_SOURCE, jvp=_SOURCE, batch=no_inputs,
    lowering=Buffer(), dtypes=ALL, samples=(),
)  # fmt: skip


def _constant_type(inference: Inference) -> TensorType:
    value = attr(inference, "value")
    return TensorType(as_dtype(value.dtype), value.shape)


constant = structured(
    "constant", "A value that is part of the program.", Kind.SOURCE, arity=0,
    attrs={"value": AttrKind.ARRAY}, infer=_constant_type,
    reference=lambda attrs: attrs["value"], vjp=_SOURCE, jvp=_SOURCE, batch=no_inputs,
    lowering=Buffer(), dtypes=ALL, samples=(), exact=True,
)  # fmt: skip


def _iota_type(inference: Inference) -> TensorType:
    shape, dtype = attr(inference, "shape"), attr(inference, "dtype")
    inference.axis(attr(inference, "axis"), len(shape))
    if dtype.is_bool:
        inference.fail_dtype("counts in numbers, not in bool")
    return TensorType(dtype, shape)


def _iota_element(node: Node, index: Index, read: Read) -> Expr:
    return scalar.cast(scalar.index(index[attr(node, "axis")]), node.dtype)


def _iota_reference(attrs: Mapping[str, Any]) -> Array:
    shape, axis = attrs["shape"], attrs["axis"]
    line = np.arange(shape[axis]).astype(attrs["dtype"].numpy)
    along = [1] * len(shape)
    along[axis] = shape[axis]
    return np.ascontiguousarray(np.broadcast_to(line.reshape(along), shape))


iota = structured(
    "iota", "Each element's position along an axis.", Kind.SOURCE, arity=0,
    attrs={"shape": AttrKind.SHAPE, "axis": AttrKind.INT, "dtype": AttrKind.DTYPE},
    infer=_iota_type, reference=_iota_reference, vjp=_SOURCE, jvp=_SOURCE, batch=no_inputs,
    lowering=Pointwise(_iota_element), dtypes=FLOATS + INTEGERS,
    samples=tuple(
        Sample((), {"shape": shape, "axis": axis, "dtype": dtype})
        for shape, axis in (((5,), 0), ((3, 20), 0), ((3, 20), 1), ((2, 0), 1))
        for dtype in FLOATS + INTEGERS
    ),
    exact=True,
)  # fmt: skip


def _size_element(node: Node, index: Index, read: Read) -> Expr:
    (dim,) = attr(node, "dim")
    return scalar.index(dim)


size = structured(
    "size", "A dim as a number; one that is symbolic becomes known when it is fed.",
    Kind.SOURCE, arity=0, attrs={"dim": AttrKind.SHAPE},
    infer=lambda inference: TensorType(int64, ()),
    reference=lambda attrs: np.asarray(attrs["dim"][0], np.int64), vjp=_SOURCE, jvp=_SOURCE,
    batch=no_inputs, lowering=Pointwise(_size_element), dtypes=(int64,),
    samples=(Sample((), {"dim": (7,)}), Sample((), {"dim": (-2,)})), exact=True,
)  # fmt: skip
