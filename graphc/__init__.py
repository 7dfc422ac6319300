"""graphc: a static dataflow framework for Python.

Placeholders, variables and operations build a graph; graphc differentiates it, compiles it to
machine code and runs it in a session. Operations take their names from the Python array API
standard, graph and session verbs from TensorFlow 1.

>>> import graphc as gc
>>> with gc.Graph() as graph:
...     x = gc.placeholder(gc.float32, ("batch", 3), name="x")
...     total = gc.sum(x * x, axis=1)
>>> total.shape
(batch,)
"""

from __future__ import annotations

from math import e, inf, nan, pi
from typing import TYPE_CHECKING, Any

from graphc import errors
from graphc.api import linalg, nn, optim, special
from graphc.api.branches import cond, switch
from graphc.api.broadcasting import broadcast_arrays, broadcast_to, meshgrid
from graphc.api.checkpointing import checkpoint
from graphc.api.creation import (
    arange,
    asarray,
    constant,
    eye,
    full,
    full_like,
    linspace,
    ones,
    ones_like,
    zeros,
    zeros_like,
)
from graphc.api.custom_gradient import custom_gradient
from graphc.api.differences import cumulative_trapezoid, diff, trapezoid
from graphc.api.directions import Linearized, hvp, linearize, vjp
from graphc.api.einsum import einsum, einsum_path
from graphc.api.elementwise import (
    abs,
    acos,
    acosh,
    add,
    asin,
    asinh,
    atan,
    atan2,
    atanh,
    bitwise_and,
    bitwise_invert,
    bitwise_left_shift,
    bitwise_or,
    bitwise_right_shift,
    bitwise_xor,
    cbrt,
    ceil,
    copysign,
    cos,
    cosh,
    digamma,
    divide,
    equal,
    erf,
    erfc,
    exp,
    exp2,
    expm1,
    floor,
    floor_divide,
    fma,
    greater,
    greater_equal,
    less,
    less_equal,
    lgamma,
    log,
    log1p,
    log2,
    log10,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    maximum,
    minimum,
    multiply,
    negative,
    not_equal,
    remainder,
    round,
    rsqrt,
    sigmoid,
    sign,
    sin,
    sinh,
    sqrt,
    subtract,
    tan,
    tanh,
    trunc,
    where,
)
from graphc.api.formulas import (
    astype,
    clip,
    fmax,
    fmin,
    hypot,
    isfinite,
    isinf,
    isnan,
    logaddexp,
    logaddexp2,
    nan_to_num,
    positive,
    pow,
    reciprocal,
    signbit,
    square,
)
from graphc.api.gathering import one_hot, scatter_add, take, take_along_axis
from graphc.api.gradients import depends_on, gradients, jvp
from graphc.api.graph import Graph
from graphc.api.jacobians import hessian, jacobian
from graphc.api.joining import concat, pad, split, stack, unstack
from graphc.api.linalg import diagonal, matmul, matvec, outer, tensordot, tril, triu, vecdot
from graphc.api.loops import fori_loop, map, scan, while_loop
from graphc.api.manipulation import (
    expand_dims,
    flatten,
    flip,
    identity,
    matrix_transpose,
    moveaxis,
    permute_dims,
    repeat,
    reshape,
    roll,
    rot90,
    squeeze,
    stop_gradient,
    tile,
)
from graphc.api.order_statistics import median, quantile, top_k
from graphc.api.ordering import argsort, sort
from graphc.api.other_names import no_attribute as _no_attribute
from graphc.api.putting import put, put_along_axis
from graphc.api.py_call import py_call
from graphc.api.reductions import (
    all,
    any,
    argmax,
    argmin,
    count_nonzero,
    cumulative_prod,
    cumulative_sum,
    max,
    mean,
    min,
    prod,
    std,
    sum,
    var,
)
from graphc.api.running import (
    cumulative_argmax,
    cumulative_argmin,
    cumulative_logsumexp,
    cumulative_max,
    cumulative_min,
)
from graphc.api.sources import placeholder, variable
from graphc.api.sparse_jacobians import SparseJacobian, sparse_jacobian
from graphc.api.statistics import corrcoef, cov
from graphc.api.tensor import Tensor, Variable
from graphc.api.updates import Assignment, Group, assign, group
from graphc.api.vectorizing import vmap
from graphc.ir.dims import Dim
from graphc.ir.dtypes import DType, bool_, float32, float64, int8, int16, int32, int64, uint8

if TYPE_CHECKING:
    from graphc.inspection.checking import check_gradients
    from graphc.runtime.session import Session

bool = bool_
newaxis = None

__all__ = [
    "Assignment",
    "DType",
    "Dim",
    "Graph",
    "Group",
    "Linearized",
    "Session",
    "SparseJacobian",
    "Tensor",
    "Variable",
    "abs",
    "acos",
    "acosh",
    "add",
    "all",
    "any",
    "arange",
    "argmax",
    "argmin",
    "argsort",
    "asarray",
    "asin",
    "asinh",
    "assign",
    "astype",
    "atan",
    "atan2",
    "atanh",
    "bitwise_and",
    "bitwise_invert",
    "bitwise_left_shift",
    "bitwise_or",
    "bitwise_right_shift",
    "bitwise_xor",
    "bool",
    "bool_",
    "broadcast_arrays",
    "broadcast_to",
    "cbrt",
    "ceil",
    "check_gradients",
    "checkpoint",
    "clip",
    "concat",
    "cond",
    "constant",
    "copysign",
    "corrcoef",
    "cos",
    "cosh",
    "count_nonzero",
    "cov",
    "cumulative_argmax",
    "cumulative_argmin",
    "cumulative_logsumexp",
    "cumulative_max",
    "cumulative_min",
    "cumulative_prod",
    "cumulative_sum",
    "cumulative_trapezoid",
    "custom_gradient",
    "depends_on",
    "diagonal",
    "diff",
    "digamma",
    "divide",
    "e",
    "einsum",
    "einsum_path",
    "equal",
    "erf",
    "erfc",
    "errors",
    "exp",
    "exp2",
    "expand_dims",
    "expm1",
    "eye",
    "flatten",
    "flip",
    "float32",
    "float64",
    "floor",
    "floor_divide",
    "fma",
    "fmax",
    "fmin",
    "fori_loop",
    "full",
    "full_like",
    "gradients",
    "greater",
    "greater_equal",
    "group",
    "hessian",
    "hvp",
    "hypot",
    "identity",
    "inf",
    "int8",
    "int16",
    "int32",
    "int64",
    "isfinite",
    "isinf",
    "isnan",
    "jacobian",
    "jvp",
    "less",
    "less_equal",
    "lgamma",
    "linalg",
    "linearize",
    "linspace",
    "log",
    "log1p",
    "log2",
    "log10",
    "logaddexp",
    "logaddexp2",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "map",
    "matmul",
    "matrix_transpose",
    "matvec",
    "max",
    "maximum",
    "mean",
    "median",
    "meshgrid",
    "min",
    "minimum",
    "moveaxis",
    "multiply",
    "nan",
    "nan_to_num",
    "negative",
    "newaxis",
    "nn",
    "not_equal",
    "one_hot",
    "ones",
    "ones_like",
    "optim",
    "outer",
    "pad",
    "permute_dims",
    "pi",
    "placeholder",
    "positive",
    "pow",
    "prod",
    "put",
    "put_along_axis",
    "py_call",
    "quantile",
    "reciprocal",
    "remainder",
    "repeat",
    "reshape",
    "roll",
    "rot90",
    "round",
    "rsqrt",
    "scan",
    "scatter_add",
    "sigmoid",
    "sign",
    "signbit",
    "sin",
    "sinh",
    "sort",
    "sparse_jacobian",
    "special",
    "split",
    "sqrt",
    "square",
    "squeeze",
    "stack",
    "std",
    "stop_gradient",
    "subtract",
    "sum",
    "switch",
    "take",
    "take_along_axis",
    "tan",
    "tanh",
    "tensordot",
    "tile",
    "top_k",
    "trapezoid",
    "tril",
    "triu",
    "trunc",
    "uint8",
    "unstack",
    "var",
    "variable",
    "vecdot",
    "vjp",
    "vmap",
    "where",
    "while_loop",
    "zeros",
    "zeros_like",
]


def __getattr__(name: str) -> Any:
    """Import the runtime only when it is asked for; building graphs does not need it."""
    if name == "Session":
        from graphc.runtime.session import Session

        return Session
    if name == "check_gradients":
        from graphc.inspection.checking import check_gradients

        return check_gradients
    raise _no_attribute(__name__, name)
