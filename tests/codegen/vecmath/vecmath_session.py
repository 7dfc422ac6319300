"""The vector functions as users reach them: through `gc` and a session of their own."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np

import graphc as gc
from tests.codegen.vecmath.vecmath_row import INF, NAN, Row
from tests.codegen.vecmath.vecmath_table import ROWS

Array = np.ndarray[Any, np.dtype[Any]]

# An instruction of its own, and no formula; but a function of the API.
SQRT = Row(
    "sqrt",
    mpmath.sqrt,
    ((0.0, 4.0), (1e-30, 1e30)),
    ((0.0, 0.0), (-0.0, -0.0), (INF, INF), (-INF, NAN), (4.0, 2.0)),
    lambda x: x >= 0,
)
BY_NAME = {row.name: row for row in (*ROWS, SQRT)}
DTYPES = {32: gc.float32, 64: gc.float64}


@functools.cache
def native(name: str, bits: int) -> Callable[..., Array]:
    """The function of arrays of float32 or float64, on one thread."""
    with gc.Graph() as graph:
        feeds = [
            gc.placeholder(DTYPES[bits], ("n",), name=f"x{i}") for i in range(BY_NAME[name].arity)
        ]
        value = getattr(gc, name)(*feeds)
    call: Callable[..., Array] = gc.Session(graph, threads=1).make_callable(value, feeds)
    return call
