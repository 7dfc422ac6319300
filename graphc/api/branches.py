"""Branches: one function or another, chosen while the program runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from graphc.api.blame import blamed, fail_attribute, fail_dtype, fail_shape
from graphc.api.nesting import Form, form_of
from graphc.api.operands import TensorLike, graph_of, to_node
from graphc.api.tensor import Tensor
from graphc.api.tracing import called, graph_for, inside, operand_nodes, parameters_like
from graphc.control.bodies import bodies, results
from graphc.control.branches import branch
from graphc.ir.dtypes import int64
from graphc.ir.node import Node

Function = Callable[..., Any]


def cond(pred: TensorLike, true_fn: Function, false_fn: Function, *operands: Any) -> Any:
    """`true_fn(*operands)` where `pred` holds, else `false_fn(*operands)`; one of them runs.

    `pred` is a bool tensor without dims. Operands and results are tensors, nested at will; both
    functions must give results nested alike, of the same shapes and dtypes, or an error shows
    both. Functions may use tensors from around the branch too. Derivatives are branches as well.

    >>> import graphc as gc
    >>> with gc.Graph() as graph:
    ...     x = gc.placeholder(gc.float32, (), name="x")
    ...     y = gc.cond(x > 0, gc.sqrt, lambda x: -x, x)
    >>> with gc.Session(graph) as session:
    ...     session.run(y, {x: 9.0}), session.run(y, {x: -2.0})
    (array(3., dtype=float32), array(2., dtype=float32))
    """
    op = "cond"
    graph = graph_for(op, pred, *operands)
    chosen = to_node(op, pred)
    if chosen.shape != () or not chosen.dtype.is_bool:
        fail_dtype(op, f"pred must be bool[], not {chosen.type}")
    given = operand_nodes(op, list(operands))
    offered = []
    with inside(graph, op) as before:
        places = parameters_like(graph, given)
        arguments = form_of(list(operands)).of(places)
        for what, function in (("true_fn", true_fn), ("false_fn", false_fn)):
            found = called(function, arguments, op, what)
            offered.append((form_of(found), operand_nodes(op, found)))
    form = _same(op, offered)
    wanted = [
        (name, nodes) for name, (_, nodes) in zip(("then", "otherwise"), offered, strict=True)
    ]
    then, otherwise = bodies(wanted, [place.node for place in places], before)
    with blamed(op):
        node = branch(chosen, then, otherwise, given)
    return form.of(graph.tensor(part) for part in results(node))


def _same(op: str, offered: Sequence[tuple[Form, list[Node]]]) -> Form:
    """The form of both results; an error shows both if they are not alike."""
    (form, mine), (other, theirs) = offered
    if form != other:
        fail_attribute(op, f"true_fn gives {form} and false_fn {other}; both must be nested alike")
    for k, (one, two) in enumerate(zip(mine, theirs, strict=True)):
        text = f"true_fn gives {one.type} for result {k}, but false_fn {two.type}"
        if one.dtype is not two.dtype:
            fail_dtype(op, f"{text}; convert with gc.astype")
        if one.shape != two.shape:
            fail_shape(op, text)
    return form


def switch(index: TensorLike, branches: Sequence[Function], *operands: Any) -> Any:
    """What the branch of that number gives for the operands; the others do not run.

    `index` is an integer tensor without dims; one below 0 takes the first branch, one that is too
    large the last. The branches give results nested alike, of the same shapes and dtypes.

    >>> import graphc as gc
    >>> with gc.Graph() as graph:
    ...     k = gc.placeholder(gc.int32, (), name="k")
    ...     y = gc.switch(k, [gc.sin, gc.cos, gc.exp], gc.constant(0.0))
    >>> with gc.Session(graph) as session:
    ...     [float(session.run(y, {k: number})) for number in range(3)]
    [0.0, 1.0, 1.0]
    """
    op = "switch"
    graph = graph_of(op, index)
    number = to_node(op, index, int64)
    if number.shape != () or not number.dtype.is_integer:
        fail_dtype(op, f"the index must be an integer without dims, not {number.type}")
    if not branches:
        fail_attribute(op, "needs at least one branch")
    return _halved(graph.tensor(number), list(branches), 0, operands)


def _halved(index: Tensor, branches: list[Function], first: int, operands: Sequence[Any]) -> Any:
    """The branch among these, by halves: what it costs to choose grows with their logarithm."""
    if len(branches) == 1:
        return called(branches[0], operands, "switch", "a branch")
    half = len(branches) // 2

    def lower(*given: Any) -> Any:
        return _halved(index, branches[:half], first, given)

    def upper(*given: Any) -> Any:
        return _halved(index, branches[half:], first + half, given)

    return cond(index < first + half, lower, upper, *operands)
