"""Checking derivatives: of a Python function, of tensors of a graph, or of a target."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from graphc.api.graph import Graph
from graphc.api.nesting import leaves_of
from graphc.api.operands import described
from graphc.api.sources import placeholder
from graphc.api.tensor import Tensor
from graphc.compiler import declared_input
from graphc.errors import FeedError, GradientError
from graphc.inspection.feeds import array_of
from graphc.inspection.gradient_check import Comparison, GradientCheck, Settings, check
from graphc.inspection.running import check_names
from graphc.inspection.target import Subject
from graphc.inspection.view import Block, Code, Note, View
from graphc.ir import dims
from graphc.ir.dtypes import as_dtype, float64
from graphc.ir.node import Node
from graphc.ir.opdef import Array

#: A function of tensors, or tensors that are there already.
Checked = Callable[..., Any] | Tensor | Sequence[Tensor]

#: What a symbolic dim is where nothing else says.
_SIZE = 3
_MOVED = 0.1


def check_gradients(
    f: Checked,
    inputs: Any,
    *,
    step: float = 1e-4,
    directions: int = 3,
    seed: int = 0,
    tolerance: float = 1e-6,
    second_order: bool = True,
    reference: bool = False,
) -> GradientCheck:
    """Hold derivatives against central differences along random directions, in float64.

    `f` is a function of tensors that gives tensors, nested at will, and `inputs` a list of its
    arguments, or the only one: it is differentiated by those that are floating point. Or `f` is a
    tensor, or a list of them, and `inputs` says what to feed, as for a session: it is
    differentiated by placeholders and trainable variables, of which those that are not fed have
    their initial values.

    Reverse and forward accumulation are checked and, with `second_order`, forward over reverse and
    reverse over reverse. For each input as many `directions` are tried; `step` is the largest
    distance between two points, taken smaller before a derivative is called wrong; `tolerance` is
    relative. With `reference`, NumPy interprets. The report prints as a table, has `ok`, `rows` and
    `require()`, which raises GradientError. Errors are those of building and running `f`.

    >>> import graphc as gc
    >>> report = gc.check_gradients(lambda x: gc.sum(gc.sin(x) * x), [[0.5, 2.0]])
    >>> report.ok, sorted({row.mode for row in report.rows})[:2]
    (True, ['forward', 'forward over reverse'])
    """
    settings = Settings(step, directions, seed, tolerance, second_order, reference)
    if callable(f) and not isinstance(f, Tensor):
        return _of_function(f, inputs, settings)
    return _of_tensors([f] if isinstance(f, Tensor) else list(f), inputs, settings)


def check_target(
    subject: Subject, feeds: Mapping[str, str], sizes: Mapping[str, int], settings: Settings
) -> GradientCheck:
    """The derivatives of a program's outputs by floating-point placeholders and variables.

    What is not fed is drawn at random: normal floats, integers that are 0 or 1. Symbolic dims are
    3 unless feeds or `sizes` say otherwise. Trainable variables start near their initial values,
    moved a little, since zeros often lie on a kink.
    """
    check_names(subject, feeds)
    graph = subject.graph
    arrays = _drawn(subject, feeds, sizes, settings.seed)
    xs = [node for node in graph.placeholders if node.dtype.is_float]
    xs += [node for node in graph.variables if _is_trained(node)]
    return check(graph, arrays, _some(xs), settings)


def check_view(report: GradientCheck) -> View:
    """The report: the worst direction of each derivative as a table, all of them as data."""
    bad = sum(row.verdict != "ok" for row in report.rows)
    count = len(report.rows)
    verdict = f"{bad} of {count} derivatives disagree" if bad else f"all {count} derivatives agree"
    blocks: list[Block] = [Code(str(report), "text"), Note(verdict, strong=True)]
    rows = [_data(row) for row in report.rows]
    return View({"ok": report.ok, "rows": rows, "notes": list(report.notes)}, tuple(blocks))


def _data(row: Comparison) -> dict[str, Any]:
    fields = {name: getattr(row, name) for name in Comparison.__dataclass_fields__}
    return {
        name: str(value) if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in fields.items()
    }


# Targets ----------------------------------------------------------------------------------------


def _drawn(
    subject: Subject, feeds: Mapping[str, str], sizes: Mapping[str, int], seed: int
) -> dict[Node, Array]:
    """A value for every placeholder and variable of a program."""
    inputs = [*subject.graph.placeholders, *subject.graph.variables]
    fed = {
        node: array_of(declared_input(node), feeds[str(node.name)], seed)
        for node in inputs
        if node.name in feeds
    }
    known = dict(sizes)
    for node, array in fed.items():
        for dim, size in zip(node.shape, array.shape, strict=False):
            known.setdefault(str(dim), size)
    return {node: fed[node] if node in fed else _random(subject, node, known, seed)
            for node in inputs}  # fmt: skip


def _random(subject: Subject, node: Node, sizes: Mapping[str, int], seed: int) -> Array:
    rng = np.random.default_rng([seed, *str(node.name).encode()])
    symbols = {name for size in node.shape for name in dims.symbols(size)}
    every = {name: sizes.get(name, _SIZE) for name in symbols}
    shape = tuple(dims.evaluate(size, every) for size in node.shape)
    if not node.dtype.is_float:
        values: Any = subject.initial.get(node, rng.integers(2, size=shape))
    elif node in subject.initial:
        values = subject.initial[node] + _MOVED * _is_trained(node) * rng.normal(size=shape)
    else:
        values = rng.normal(size=shape)
    return np.asarray(values, node.dtype.numpy)


# Functions and tensors --------------------------------------------------------------------------


def _of_function(f: Callable[..., Any], inputs: Any, settings: Settings) -> GradientCheck:
    arguments = list(inputs) if isinstance(inputs, list | tuple) else [inputs]
    arrays = [np.asarray(value) for value in arguments]
    with Graph(getattr(f, "__name__", "f").strip("<>")):
        xs = [
            placeholder(_dtype(array), array.shape, name)
            for array, name in zip(arrays, _names(f, len(arrays)), strict=True)
        ]
        outputs = _tensors(leaves_of(f(*xs)))
    return _of_tensors(outputs, dict(zip(xs, arrays, strict=True)), settings)


def _dtype(array: Array) -> Any:
    return float64 if array.dtype.kind == "f" else as_dtype(array.dtype)


def _names(f: Callable[..., Any], count: int) -> list[str]:
    """The parameters' names, where they can be known."""
    try:
        named = [*inspect.signature(f).parameters.values()]
    except (TypeError, ValueError):
        named = []
    plain = [p.name for p in named if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    return [plain[k] if k < len(plain) else f"input_{k}" for k in range(count)]


def _of_tensors(ys: list[Any], feeds: Mapping[Any, Any], settings: Settings) -> GradientCheck:
    outputs = _tensors(ys)
    graph = outputs[0].graph
    program = graph.extract(outputs)
    given = {_found(graph, key).node: value for key, value in feeds.items()}
    arrays: dict[Node, Array] = {}
    for node in (*program.placeholders, *program.variables):
        value = given.get(node, graph.initial_values.get(node))
        if value is None:
            raise FeedError(f"{described(graph.tensor(node))} is needed and not fed")
        arrays[node] = np.asarray(value, node.dtype.numpy)
    xs = [node for node in program.placeholders if node.dtype.is_float]
    xs += [node for node in program.variables if _is_trained(node)]
    return check(program, arrays, _some(xs), settings)


def _found(graph: Graph, key: object) -> Tensor:
    return graph.find(key) if isinstance(key, str) else _tensors([key])[0]


def _tensors(values: Sequence[Any]) -> list[Tensor]:
    for value in values:
        if not isinstance(value, Tensor):
            raise GradientError(f"takes tensors, or a function that gives them, not {value!r}")
    if not values:
        raise GradientError("there is nothing to differentiate")
    return list(values)


def _is_trained(node: Node) -> bool:
    return node.dtype.is_float and bool(node.attrs["trainable"])


def _some(xs: list[Node]) -> list[Node]:
    if not xs:
        raise GradientError("there is no floating-point input to differentiate by")
    return xs
