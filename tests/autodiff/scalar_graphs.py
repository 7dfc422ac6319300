"""Small graphs of scalars, and their values by the reference interpreter."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.ir.dtypes import DType, float64
from graphc.ir.graph import extract
from graphc.ir.node import Node
from graphc.ops import ops
from graphc.runtime.reference import evaluate


def placeholder(shape: tuple[Any, ...] = (), dtype: DType = float64) -> Node:
    return ops.placeholder(shape=shape, dtype=dtype)


def constant(value: float) -> Node:
    return ops.constant(value=np.array(value))


def value(node: Node | None, feeds: dict[Node, float]) -> float:
    assert node is not None
    arrays = {key: np.array(fed) for key, fed in feeds.items()}
    return float(evaluate(extract("value", [node], inputs=list(arrays)), arrays)[0][0])
