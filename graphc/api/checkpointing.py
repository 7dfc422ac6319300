"""Functions of which derivatives keep nothing but the arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphc.api.blame import blamed
from graphc.api.nesting import form_of
from graphc.api.tracing import called, graph_for, inside, operand_nodes, parameters_like
from graphc.control.bodies import cut, results
from graphc.control.checkpoints import again

_OP = "checkpoint"


def checkpoint(function: Callable[..., Any], *arguments: Any) -> Any:
    """`function(*arguments)`, whose inner values are computed again for its gradient, not kept.

    Arguments and results are tensors, nested at will; the function may use tensors from around,
    which get their gradients too. Results and gradients have the same bits as without it. Memory
    that is needed between the function and its gradient becomes less, and time more, by the
    function once; `Session.predicted_peak` tells how much. Assignments inside are a GraphError.

    >>> import graphc as gc
    >>> def layer(x, w):
    ...     return gc.tanh(gc.exp(x @ w) * 0.1)
    >>> with gc.Graph() as graph:
    ...     x = gc.placeholder(gc.float32, (2, 2), name="x")
    ...     y = gc.checkpoint(layer, x, gc.eye(2))
    ...     (slope,) = gc.gradients(gc.sum(y), x)
    >>> with gc.Session(graph) as session:
    ...     session.run(slope, {x: [[0.0, 1.0], [2.0, 3.0]]}).shape
    (2, 2)
    """
    graph = graph_for(_OP, *arguments)
    given = operand_nodes(_OP, list(arguments))
    with inside(graph, _OP):
        places = parameters_like(graph, given)
        found = called(function, form_of(list(arguments)).of(places), _OP, "the function")
        form, outputs = form_of(found), operand_nodes(_OP, found)
        body = cut("function", [place.node for place in places], outputs)
    with blamed(_OP):
        node = again(given, body)
    return form.of(graph.tensor(part) for part in results(node))
