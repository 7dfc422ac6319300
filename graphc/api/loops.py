"""Loops: along sequences, for a number of turns, and as long as a condition holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphc.api import elementwise
from graphc.api.blame import blamed, fail_attribute, fail_dtype, fail_shape
from graphc.api.joining import concat
from graphc.api.manipulation import reshape
from graphc.api.nesting import Form, form_of, leaves_of, mapped
from graphc.api.operands import TensorLike, graph_of, to_nodes
from graphc.api.shapes import as_dim, as_int, size_node
from graphc.api.tensor import Tensor
from graphc.api.tracing import called, graph_for, inside, operand_nodes, parameters_like
from graphc.control.bodies import bodies, cut, parameter, results
from graphc.control.scans import rows_of
from graphc.control.scans import scan as scan_op
from graphc.control.whiles import while_loop as while_op
from graphc.ir import dims
from graphc.ir.dims import Dim, Size
from graphc.ir.node import Node

#: A function of a state, its parts as separate arguments if it is a tuple.
StateFunction = Callable[..., Any]


@dataclass(frozen=True)
class _State:
    """What goes from turn to turn: nodes, how they are nested, and how functions take them."""

    op: str
    nodes: list[Node]
    form: Form

    @classmethod
    def of(cls, op: str, value: Any) -> _State:
        return cls(op, operand_nodes(op, value), form_of(value))

    def arguments(self, tensors: Sequence[Tensor]) -> list[Any]:
        """What a function is called with: a tuple's parts, or the whole."""
        value = self.form.of(tensors)
        return list(value) if isinstance(value, tuple) else [value]

    def returned(self, value: Any, what: str) -> list[Node]:
        """The nodes of the next state; an error shows both if it is not like this one."""
        form = form_of(list(value) if _is_list_for(value, self.form) else value)
        if form != self.form:
            text = f"{what} is given {self.form} and returns {form}; both must be nested alike"
            fail_attribute(self.op, text)
        nodes = operand_nodes(self.op, value, [node.dtype for node in self.nodes])
        for k, (old, new) in enumerate(zip(self.nodes, nodes, strict=True)):
            text = f"{what} is given {old.type} for part {k} of the state, but returns {new.type}"
            if old.dtype is not new.dtype:
                fail_dtype(self.op, f"{text}; convert with gc.astype")
            if old.shape != new.shape:
                fail_shape(self.op, text)
        return nodes


def _is_list_for(value: Any, form: Form) -> bool:
    return form.kind is list and isinstance(value, tuple)


def while_loop(
    cond_fn: StateFunction,
    body_fn: StateFunction,
    init: Any,
    *,
    max_iterations: int | None = None,
    checkpoint_every: int | None = None,
) -> Any:
    """The state after `state = body_fn(state)` for as long as `cond_fn(state)` holds.

    The state is a tensor, or tensors in tuples, lists and dicts. The parts of a tuple are separate
    arguments of both functions, and `body_fn` then returns a tuple. `cond_fn` gives a bool without
    dims. Each part keeps its shape and dtype, or an error shows both. Functions may use tensors
    from around the loop; they are called once, to build a turn.

    Derivatives go through the loop, reverse ones by a tape that grows with the number of turns: a
    record of what a turn back needs and cannot cheaply compute again. With `checkpoint_every=k`
    the tape holds the state of every k-th turn, and k turns at a time are taken again.
    `max_iterations`: IterationLimitError in a run in which the condition still holds after as
    many turns. A Ctrl-C ends a loop that does not end.

    >>> import graphc as gc
    >>> with gc.Graph() as graph:
    ...     n = gc.placeholder(gc.float32, (), name="n")
    ...     x, turns = gc.while_loop(lambda x, k: x < 1000.0, lambda x, k: (x * 2, k + 1), (n, 0))
    >>> with gc.Session(graph) as session:
    ...     session.run([x, turns], {n: 3.0})
    [array(1536., dtype=float32), array(9)]
    """
    op = "while_loop"
    most = 0 if max_iterations is None else _positive(op, max_iterations, "max_iterations")
    if checkpoint_every is None:
        return _while(init, cond_fn, body_fn, most)
    every = _positive(op, checkpoint_every, "checkpoint_every")
    return _in_stretches(init, cond_fn, body_fn, every, most)


def _while(
    init: Any, cond_fn: StateFunction, body_fn: StateFunction, most: int, recompute: bool = False
) -> Any:
    op = "while_loop"
    graph = graph_for(op, init)
    state = _State.of(op, init)
    with inside(graph, op):
        places = parameters_like(graph, state.nodes)
        arguments = state.arguments(places)
        goes_on = _condition(op, called(cond_fn, arguments, op, "cond_fn"))
        following = state.returned(called(body_fn, arguments, op, "body_fn"), "body_fn")
    parameters = [place.node for place in places]
    test, body = bodies([("condition", [goes_on]), ("body", following)], parameters)
    with blamed(op):
        loop = while_op(
            *state.nodes, *body.captures, condition=test.graph, body=body.graph,
            states=len(state.nodes), turns=graph.turns_symbol(), most=most, recompute=recompute,
        )  # fmt: skip
    return state.form.of(graph.tensor(part) for part in results(loop))


def _in_stretches(
    init: Any, cond_fn: StateFunction, body_fn: StateFunction, every: int, most: int
) -> Any:
    """A loop of loops of so many turns, of which the outer one records its state alone."""

    def spread(state: Any) -> Sequence[Any]:
        return state if isinstance(state, tuple) else (state,)

    def goes_on(turns: Any, state: Any) -> Any:
        return cond_fn(*spread(state))

    def turn(turns: Any, state: Any) -> Any:
        return turns + 1, body_fn(*spread(state))

    def stretch(turns: Any, state: Any) -> Any:
        end = turns + every
        if most:
            end = elementwise.minimum(end, most)
        return _while(
            (turns, state), lambda now, own: (now < end) & goes_on(now, own), turn, most=0
        )

    stretches = -(-most // every)
    return _while((0, init), goes_on, stretch, stretches, recompute=True)[1]


def _condition(op: str, value: Any) -> Node:
    found = operand_nodes(op, value)
    if len(found) != 1 or found[0].shape != () or not found[0].dtype.is_bool:
        text = ", ".join(str(node.type) for node in found)
        fail_dtype(op, f"cond_fn must give bool[], not {text}")
    return found[0]


def _positive(op: str, value: object, what: str) -> int:
    number = as_int(op, value, f"{what}=")
    if number < 1:
        fail_attribute(op, f"{what}= must be at least 1, not {number}")
    return number


def scan(
    body_fn: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: Any = None,
    length: int | Dim | None = None,
    reverse: bool = False,
    *,
    checkpoint_every: int | None = None,
) -> tuple[Any, Any]:
    """Goes along sequences: `carry, y = body_fn(carry, x)` for every row x; (carry, all ys).

    `xs` are tensors with a common first dim, nested at will; x is nested alike, a row of each.
    Without them, x is None and `length` tells the number of turns. The carry, nested at will,
    keeps its shapes and dtypes, or an error shows both. Every y gets a first dim and is stacked in
    the order of the rows, also with `reverse`, which goes from the last row to the first.
    `body_fn` is called once, to build a turn, and may use tensors from around the loop.

    Derivatives of all orders go through it. With `checkpoint_every=k` a reverse derivative keeps
    the carry of every k-th turn, and takes k turns at a time again.

    >>> import graphc as gc
    >>> with gc.Graph() as graph:
    ...     x = gc.placeholder(gc.float32, ("n",), name="x")
    ...     total, sums = gc.scan(lambda s, x: (s + x, s + x), gc.zeros(()), x)
    >>> with gc.Session(graph) as session:
    ...     session.run([total, sums], {x: [1, 2, 3]})
    [array(6., dtype=float32), array([1., 3., 6.], dtype=float32)]
    """
    op = "scan"
    turns = _length(op, operand_nodes(op, xs), length)
    if checkpoint_every is None:
        return _scan(body_fn, init, xs, turns, reverse)
    every = _positive(op, checkpoint_every, "checkpoint_every")
    return _scan_in_stretches(body_fn, init, xs, turns, reverse, every)


def _length(op: str, rows: Sequence[Node], length: int | Dim | None) -> Size:
    """The number of turns."""
    for row in rows:
        if not row.shape:
            fail_shape(op, f"xs are gone along by their first dim; {row.type} has none")
    if length is not None:
        size = as_dim(op, length)
    elif rows:
        size = rows[0].shape[0]
    else:
        fail_attribute(op, "needs xs, or length= for the number of turns")
    for row in rows:
        if isinstance(size, int) and isinstance(row.shape[0], int) and row.shape[0] != size:
            fail_shape(op, f"all xs must have {size} rows, but there is {row.type}")
    return size


def _scan(
    body_fn: Callable[..., Any],
    init: Any,
    xs: Any,
    length: Size,
    reverse: bool,
    recompute: bool = False,
) -> tuple[Any, Any]:
    op = "scan"
    graph = graph_for(op, init, xs)
    state, sequences, form = _State.of(op, init), operand_nodes(op, xs), form_of(xs)
    with inside(graph, op):
        places = parameters_like(graph, state.nodes)
        rows = [graph.tensor(parameter(rows_of(x.tensor))) for x in sequences]
        arguments = [state.form.of(places), form.of(rows)]
        carry, ys = _pair(op, called(body_fn, arguments, op, "body_fn"))
        following, left = state.returned(carry, "body_fn"), operand_nodes(op, ys)
    body = cut("body", [part.node for part in (*places, *rows)], [*following, *left])
    with blamed(op):
        loop = scan_op(
            *state.nodes, *sequences, *body.captures, body=body.graph, carries=len(following),
            xs=len(sequences), length=(length,), reverse=bool(reverse), recompute=recompute,
        )  # fmt: skip
    parts = [graph.tensor(part) for part in results(loop)]
    return state.form.of(parts[: len(following)]), form_of(ys).of(parts[len(following) :])


def _scan_in_stretches(
    body_fn: Callable[..., Any], init: Any, xs: Any, length: Size, reverse: bool, every: int
) -> tuple[Any, Any]:
    """A loop over stretches of so many turns, of which it records the carry alone; then the rest.

    Going in reverse, the rest comes first.
    """
    stretches = dims.floordiv(length, every)
    end = stretches * every

    def stretch(carry: Any, part: Any) -> Any:
        return _scan(body_fn, carry, part, every, reverse)

    def over(carry: Any) -> tuple[Any, Any]:
        parts = mapped(lambda x: _in_rows(x[:end], (stretches, every)), xs)
        carry, ys = _scan(stretch, carry, parts, stretches, reverse, recompute=True)
        return carry, mapped(lambda y: _in_rows(y, (end,), inner=2), ys)

    def after(carry: Any) -> Any:
        return _scan(body_fn, carry, mapped(lambda x: x[end:], xs), length - end, reverse)

    if length == end:
        return over(init)
    if reverse:
        carry, last = after(init)
        carry, first = over(carry)
    else:
        carry, first = over(init)
        carry, last = after(carry)
    pairs = zip(leaves_of(first), leaves_of(last), strict=True)
    return carry, form_of(first).of(concat(pair) for pair in pairs)


def _in_rows(x: Tensor, lead: tuple[Size, ...], inner: int = 1) -> Tensor:
    """The tensor with other leading dims in place of so many of its own."""
    return reshape(x, (*lead, *x.shape[inner:]))


def _pair(op: str, value: Any) -> tuple[Any, Any]:
    if not isinstance(value, tuple | list) or len(value) != 2:
        fail_attribute(op, f"body_fn must return (carry, y), not {value!r}")
    return value[0], value[1]


def map(function: Callable[[Any], Any], xs: Any) -> Any:
    """What a function gives for every row of sequences, stacked; row after row.

    `xs` are tensors with a common first dim, nested at will, and so is what the function gives.
    `gc.vmap` computes all rows together instead, which takes more memory and is often faster.

    >>> import graphc as gc
    >>> with gc.Graph() as graph:
    ...     squares = gc.map(lambda x: x * x, gc.arange(4))
    >>> with gc.Session(graph) as session:
    ...     session.run(squares)
    array([0, 1, 4, 9])
    """
    if not leaves_of(xs):
        fail_attribute("map", "needs at least one tensor to go along")
    return scan(lambda carry, x: (None, function(x)), None, xs)[1]


def fori_loop(lower: TensorLike, upper: TensorLike, body_fn: Callable[..., Any], init: Any) -> Any:
    """The state after `state = body_fn(i, state)` for i from `lower` to before `upper`.

    The bounds are integers or dims, and the number of turns then is known in advance, or integer
    tensors without dims. The state is nested at will and keeps its shapes and dtypes; i has the
    dtype of the bounds, int64 where they are no tensors.

    >>> import graphc as gc
    >>> with gc.Graph() as graph:
    ...     power = gc.fori_loop(0, 5, lambda i, x: x * 2, gc.constant(1))
    >>> with gc.Session(graph) as session:
    ...     session.run(power)
    array(32)
    """
    op = "fori_loop"
    if isinstance(lower, int | np.integer | Dim) and isinstance(upper, int | np.integer | Dim):
        begin, end = as_dim(op, lower), as_dim(op, upper)
        length = dims.maximum(end - begin, 0)
        first = graph_for(op, init).tensor(size_node(begin))
        (_, state), _ = scan(
            lambda carry, _: ((carry[0] + 1, body_fn(carry[0], carry[1])), None),
            (first, init), None, length,
        )  # fmt: skip
        return state
    graph = graph_of(op, lower, upper)
    first, last = (graph.tensor(node) for node in to_nodes(op, lower, upper))
    if not first.dtype.is_integer:
        fail_dtype(op, f"the bounds must be integers, not {first.dtype.name}")
    return while_loop(
        lambda i, state: i < last, lambda i, state: (i + 1, body_fn(i, state)), (first, init)
    )[1]
