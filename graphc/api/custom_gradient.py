"""Functions with derivatives that the user gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import update_wrapper
from typing import Any, overload

from graphc.api.blame import blamed, fail_attribute, fail_dtype, fail_gradient, fail_shape
from graphc.api.broadcasting import fitted
from graphc.api.graph import Graph
from graphc.api.nesting import Form, form_of, leaves_of
from graphc.api.operands import described, to_node
from graphc.api.tensor import Tensor
from graphc.api.tracing import called, graph_for, inside, operand_nodes, parameters_like
from graphc.autodiff.reverse import dependents
from graphc.control.bodies import Body, cut, results
from graphc.control.custom import missing, with_rules
from graphc.ir.graph import PLACEHOLDER, VARIABLE, topological
from graphc.ir.node import Node

#: rule(arguments, results, cotangents or tangents)
Rule = Callable[[Any, Any, Any], Any]

_OP = "custom_gradient"


class CustomGradient:
    """A function that `gc.custom_gradient` has made: it is called as before."""

    def __init__(self, function: Callable[..., Any], vjp: Rule | None, jvp: Rule | None) -> None:
        if not callable(function):
            fail_attribute(_OP, f"takes a function, not {function!r}")
        update_wrapper(self, function)
        self._function, self._vjp, self._jvp = function, vjp, jvp

    def vjp(self, rule: Rule) -> Rule:
        """Take `rule(arguments, results, cotangents)`, which returns cotangents of arguments."""
        self._vjp = rule
        return rule

    def jvp(self, rule: Rule) -> Rule:
        """Take `rule(arguments, results, tangents)`, which returns tangents of the results."""
        self._jvp = rule
        return rule

    def __call__(self, *arguments: Any) -> Any:
        """What the function gives for tensors, numbers and arrays, nested at will."""
        if self._vjp is None and self._jvp is None:
            fail_gradient(_OP, f"{self._function!r} has neither a vjp nor a jvp")
        graph = graph_for(_OP, *arguments)
        given = operand_nodes(_OP, list(arguments))
        with inside(graph, _OP):
            traced = _Traced(graph, self._function, arguments, given)
            function = traced.function()
            vjp = missing("vjp") if self._vjp is None else traced.vjp(self._vjp)
            jvp = missing("jvp") if self._jvp is None else traced.jvp(self._jvp)
        with blamed(_OP):
            node = with_rules(given, function, vjp, jvp)
        return traced.form.of(graph.tensor(part) for part in results(node))


@overload
def custom_gradient(
    function: Callable[..., Any], *, vjp: Rule | None = None, jvp: Rule | None = None
) -> CustomGradient: ...


@overload
def custom_gradient(
    function: None = None, *, vjp: Rule | None = None, jvp: Rule | None = None
) -> Callable[[Callable[..., Any]], CustomGradient]: ...


def custom_gradient(
    function: Callable[..., Any] | None = None, *, vjp: Rule | None = None, jvp: Rule | None = None
) -> CustomGradient | Callable[[Callable[..., Any]], CustomGradient]:
    """A function of tensors whose derivatives are those that are given, not those of its ops.

    `vjp(arguments, results, cotangents)` returns cotangents of the arguments; `jvp(arguments,
    results, tangents)` returns tangents of the results. `arguments` is the tuple that the function
    was called with, `results` is what it returned; cotangents are nested as the results are,
    tangents as the arguments, with None for what is not floating point. What rules return is nested
    likewise (the lone cotangent of a lone argument needs no tuple), with numbers that fill a tensor
    and None for zeros. One rule is enough: the other is its transpose. Rules are called once, when
    the function is, to build graphs, and may use the results and tensors from around. What they
    build is differentiated for higher derivatives. It is a decorator too, of the function or, as
    `f.vjp` and `f.jvp`, of the rules.

    GradientError if the function reads a tensor from around that could be differentiated by: it
    would get no gradient, so it has to be an argument. ShapeError and DTypeError for cotangents and
    tangents that do not fit.

    >>> import graphc as gc
    >>> @gc.custom_gradient
    ... def clipped(x):
    ...     return gc.clip(x, -1.0, 1.0)
    >>> @clipped.vjp
    ... def straight_through(arguments, results, cotangents):
    ...     return cotangents
    >>> with gc.Graph() as graph:
    ...     x = gc.placeholder(gc.float32, (3,), name="x")
    ...     (slope,) = gc.gradients(clipped(2 * x), x, [1.0, 1.0, 1.0])
    >>> with gc.Session(graph) as session:
    ...     session.run(slope, {x: [-2.0, 0.0, 2.0]})
    array([2., 2., 2.], dtype=float32)
    """
    if function is None:
        return lambda given: CustomGradient(given, vjp, jvp)
    return CustomGradient(function, vjp, jvp)


class _Traced:
    """The graphs of a function and of its rules, for arguments of some types."""

    def __init__(
        self,
        graph: Graph,
        function: Callable[..., Any],
        arguments: Sequence[Any],
        given: Sequence[Node],
    ) -> None:
        self._graph, self._given = graph, given
        self._arguments = form_of(tuple(arguments))
        self._places = parameters_like(graph, given)
        found = called(function, tuple(self._arguments.of(self._places)), _OP, "the function")
        self.form = form_of(found)
        self._outputs = operand_nodes(_OP, found)
        self._results = parameters_like(graph, self._outputs)

    def function(self) -> Body:
        """What the function computes."""
        body = cut("function", [place.node for place in self._places], self._outputs)
        for node in body.captures:
            if _is_active(node):
                fail_gradient(
                    _OP,
                    f"the function reads {described(self._graph.tensor(node))} from around, "
                    "which would get no gradient; make it an argument, or use gc.stop_gradient",
                )
        return body

    def vjp(self, rule: Rule) -> Body:
        """From cotangents of the results to cotangents of the arguments."""
        return self._rule("vjp", rule, self._results, self.form, self._places, self._arguments)

    def jvp(self, rule: Rule) -> Body:
        """From tangents of the arguments to tangents of the results."""
        return self._rule("jvp", rule, self._places, self._arguments, self._results, self.form)

    def _rule(
        self,
        name: str,
        rule: Rule,
        sources: Sequence[Tensor],
        source_form: Form,
        targets: Sequence[Tensor],
        target_form: Form,
    ) -> Body:
        moving = [place for place in sources if place.dtype.is_float]
        given = parameters_like(self._graph, [place.node for place in moving])
        parts = iter(given)
        leaves = [next(parts) if place.dtype.is_float else None for place in sources]
        arguments = self._arguments.of(self._places), self.form.of(self._results)
        found = called(rule, (*arguments, source_form.of(leaves)), _OP, f"the {name}")
        if name == "vjp" and len(target_form.parts) == 1 and not isinstance(found, tuple):
            found = (found,)
        pairs = zip(_matched(name, found, target_form), targets, strict=True)
        outputs = [_part(name, value, place) for value, place in pairs if place.dtype.is_float]
        parameters = [*self._places, *self._results, *given]
        return cut(name, [place.node for place in parameters], outputs)


def _matched(name: str, value: Any, form: Form) -> list[Any]:
    """The leaves of a value nested in this form, in which None may stand for a part."""
    return list(_walked(name, value, form))


def _walked(name: str, value: Any, form: Form) -> Iterator[Any]:
    if form.kind is None:
        if isinstance(value, tuple | list) and any(isinstance(x, Tensor) for x in leaves_of(value)):
            _fail_form(name, value, form)
        yield value
    elif value is None:
        yield from [None] * form.leaves
    else:
        parts = _parts(name, value, form)
        for part, inner in zip(parts, form.parts, strict=True):
            yield from _walked(name, part, inner)


def _parts(name: str, value: Any, form: Form) -> list[Any]:
    if form.keys is not None:
        if not isinstance(value, dict) or set(value) != set(form.keys):
            _fail_form(name, value, form)
        return [value[key] for key in form.keys]
    if not isinstance(value, tuple | list) or len(value) != len(form.parts):
        _fail_form(name, value, form)
    return list(value)


def _fail_form(name: str, value: Any, form: Form) -> None:
    fail_attribute(_OP, f"the {name} returns {form_of(value)}, which must be nested as {form}")


def _part(name: str, value: Any, place: Tensor) -> Node:
    """What a rule returns for one tensor, of that tensor's type."""
    node = to_node(_OP, 0.0 if value is None else value, place.dtype)
    if value is None or isinstance(value, bool | int | float):
        node = fitted(node, place.shape)
    text = f"the {name} returns {node.type} for one of {place.node.type}"
    if node.dtype is not place.dtype:
        fail_dtype(_OP, f"{text}; convert it with gc.astype")
    if node.shape != place.shape:
        fail_shape(_OP, text)
    return node


def _is_active(node: Node) -> bool:
    """Whether a derivative of the node by some source can differ from 0."""
    order = topological([node])
    sources = [part for part in order if part.op.name in (PLACEHOLDER, VARIABLE)]
    return node in dependents(order, sources)
