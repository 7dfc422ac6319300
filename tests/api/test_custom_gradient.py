"""Functions with derivatives of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import AttributeValueError, DTypeError, GradientError, GraphError, ShapeError
from graphc.ir.parser import parse_graph
from graphc.ir.printer import print_graph

X = np.array([0.5, -1.0, 2.0])


def product(x: gc.Tensor, scale: dict[str, gc.Tensor]) -> Any:
    """Nested arguments and results, one of them an integer."""
    return {"y": x * x * scale["k"], "rest": (gc.sin(x), gc.argmax(x))}


def product_vjp(arguments: Any, results: Any, cotangents: Any) -> Any:
    (x, scale), (by_sine, nothing) = arguments, cotangents["rest"]
    assert nothing is None
    by_product = cotangents["y"]
    by_x = 2 * x * scale["k"] * by_product + gc.cos(x) * by_sine
    return by_x, {"k": gc.sum(x * x * by_product)}


def product_jvp(arguments: Any, results: Any, tangents: Any) -> Any:
    (x, scale), (way, scale_way) = arguments, tangents
    moved = 2 * x * scale["k"] * way + x * x * scale_way["k"]
    return {"y": moved, "rest": (gc.cos(x) * way, None)}


@pytest.mark.parametrize(
    "rules", [{"vjp": product_vjp}, {"jvp": product_jvp}, {"vjp": product_vjp, "jvp": product_jvp}]
)
def test_one_rule_gives_all_derivatives(rules: dict[str, Any]) -> None:
    f = gc.custom_gradient(product, **rules)
    gc.check_gradients(lambda x, k: f(x, {"k": k}), [X, 2.0]).require()


def test_a_rule_counts_and_not_the_ops() -> None:
    @gc.custom_gradient
    def f(x: gc.Tensor) -> gc.Tensor:
        return x * x

    f.vjp(lambda arguments, results, g: 10 * arguments[0] * g)
    f.jvp(lambda arguments, results, ways: -7 * arguments[0] * ways[0])
    with gc.Graph() as graph:
        x = gc.placeholder(gc.float64, (3,))
        y = f(x)
        (reverse,) = gc.gradients(y, x, np.ones(3))
        (forward,) = gc.jvp(y, x, np.ones(3))
        (second,) = gc.gradients(reverse, x, np.ones(3))
        (mixed,) = gc.gradients(forward, x, np.ones(3))
    with gc.Session(graph) as session:
        found = session.run([y, reverse, forward, second, mixed], {x: X})
    for value, expected in zip(found, (X * X, 10 * X, -7 * X, 10, -7), strict=True):
        np.testing.assert_array_equal(value, np.broadcast_to(expected, (3,)))


def test_higher_derivatives_go_through_what_a_rule_reads_from_around() -> None:
    with gc.Graph() as graph:
        x, rate = gc.placeholder(gc.float64, (3,)), gc.placeholder(gc.float64, ())
        f = gc.custom_gradient(gc.exp, vjp=lambda arguments, y, g: rate * y * g)
        (slope,) = gc.gradients(f(x), x, np.ones(3))
        by_x, by_rate = gc.gradients(slope, [x, rate], np.ones(3))
    with gc.Session(graph) as session:
        slope_value, second, mixed = session.run([slope, by_x, by_rate], {x: X, rate: 2.0})
    np.testing.assert_allclose(slope_value, 2 * np.exp(X))
    np.testing.assert_allclose(second, 4 * np.exp(X))
    np.testing.assert_allclose(mixed, np.exp(X).sum())


def test_rules_may_return_numbers_and_nothing() -> None:
    f = gc.custom_gradient(lambda x, y, k: x * y, vjp=lambda arguments, r, g: (1.0, None, None))
    with gc.Graph() as graph:
        x, y = gc.placeholder(gc.float32, (2, 2)), gc.placeholder(gc.float32, (2, 2))
        slopes = gc.gradients(gc.sum(f(x, y, 3)), [x, y])
    with gc.Session(graph) as session:
        found = session.run(slopes, {x: np.ones((2, 2), "f4"), y: np.ones((2, 2), "f4")})
    np.testing.assert_array_equal(found, [np.ones((2, 2)), np.zeros((2, 2))])


def root(a: gc.Tensor) -> gc.Tensor:
    """The cube root by Newton's method."""

    def body(x: gc.Tensor) -> gc.Tensor:
        return x - (x**3 - a) / (3 * x * x)

    return gc.while_loop(lambda x: gc.abs(x**3 - a) > 1e-12, body, a)


def test_the_implicit_function_theorem_goes_around_a_loop() -> None:
    """At the root of x**3 - a, dx/da is 1 / (3 x**2)."""
    implicit = gc.custom_gradient(root, vjp=lambda arguments, x, g: g / (3 * x * x))
    gc.check_gradients(implicit, 5.0, reference=True).require()
    with gc.Graph() as graph:
        a = gc.placeholder(gc.float64, ())
        slopes = [gc.gradients(f(a), a)[0] for f in (root, implicit)]
    with gc.Session(graph) as session:
        for slope in session.run(slopes, {a: 5.0}):
            assert slope == pytest.approx(5 ** (-2 / 3) / 3)


def test_it_may_be_part_of_loops_and_branches() -> None:
    f = gc.custom_gradient(lambda x: x * x, vjp=lambda arguments, r, g: 3 * arguments[0] * g)
    with gc.Graph() as graph:
        x = gc.placeholder(gc.float64, ())
        _, ys = gc.scan(lambda c, row: (f(c) * row, f(c)), x, np.array([1.0, 2.0]))
        y = gc.cond(x > 0, lambda v: f(f(v)), lambda v: v, x)
        slopes = [gc.gradients(gc.sum(part), x)[0] for part in (ys, y)]
    with gc.Session(graph) as session:
        along, branch = session.run(slopes, {x: 2.0})
    assert along == 3 * 2.0 + 3 * 4.0 * 3 * 2.0
    assert branch == 3 * 4.0 * 3 * 2.0


def test_a_batch_keeps_the_rules() -> None:
    rate = np.array([1.0, 2.0])
    with gc.Graph() as graph:
        x, w = gc.placeholder(gc.float64, (2, 3)), gc.placeholder(gc.float64, (3,))
        rates = gc.constant(rate)
        f = gc.custom_gradient(lambda x, w: x * w, jvp=lambda a, r, ways: 5 * a[1] * ways[0])

        def slope(x: gc.Tensor, rate: gc.Tensor) -> gc.Tensor:
            return rate * gc.gradients(gc.sum(f(x, w)), x)[0]

        inside = gc.vmap(slope)(x, rates)
        outside = gc.gradients(gc.sum(gc.vmap(lambda x: f(x, w))(x)), [x, w])
    feeds = {x: np.ones((2, 3)), w: X}
    with gc.Session(graph) as session:
        inner, (by_x, by_w) = session.run([inside, outside], feeds)
    np.testing.assert_allclose(inner, 5 * np.outer(rate, X))
    np.testing.assert_allclose(by_x, [5 * X, 5 * X])
    assert not by_w.any()


def test_the_function_is_written_out_where_it_stands() -> None:
    f = gc.custom_gradient(gc.exp, jvp=lambda arguments, y, ways: y * ways[0])
    with gc.Graph() as graph:
        x = gc.placeholder(gc.float32, ("n",), name="x")
        y = f(f(x)) * 2
    program = graph.extract([y])
    text = print_graph(program, locations=False)
    assert "custom_gradient(" in text and "vjp=graph @vjp() -> ()" in text
    assert print_graph(parse_graph(text), locations=False) == text
    with gc.Session(graph) as session:
        assert session.profile(y, {x: X.astype("f4")}, repeats=1).jobs[0].launches[0].label


def test_what_the_function_reads_from_around_must_be_an_argument() -> None:
    with gc.Graph():
        x, w = gc.placeholder(gc.float64, (3,)), gc.variable(np.ones(3), name="w")
        f = gc.custom_gradient(lambda x: x * w, vjp=lambda arguments, r, g: g)
        with pytest.raises(GradientError, match="reads .*w.* from around, which would get no grad"):
            f(x)
        kept = gc.custom_gradient(
            lambda x: x * gc.stop_gradient(w) * np.arange(3.0), vjp=lambda arguments, r, g: g
        )
        assert kept(x).shape == (3,)


@pytest.mark.parametrize(
    ("rule", "error", "message"),
    [
        (lambda a, r, g: g[:2], ShapeError, r"vjp returns f64\[2\] for one of f64\[3\]"),
        (lambda a, r, g: g.astype(gc.float32), DTypeError, "convert it with gc.astype"),
        (lambda a, r, g: (g, g), AttributeValueError, r"the vjp returns \(\*, \*\), which must be"),
        (lambda a, r, g: {"x": g}, DTypeError, "dict is no tensor, number, array or list"),
        (3.0, GraphError, "the vjp must be a function, not 3.0"),
    ],
)
def test_what_a_rule_returns_must_fit(
    rule: Callable[..., Any], error: type[Exception], message: str
) -> None:
    with gc.Graph():
        x = gc.placeholder(gc.float64, (3,))
        with pytest.raises(error, match=message):
            gc.custom_gradient(gc.sin, vjp=rule)(x)


def test_without_a_rule_it_cannot_be_called() -> None:
    with gc.Graph():
        x = gc.placeholder(gc.float64, (3,))
        with pytest.raises(GradientError, match="has neither a vjp nor a jvp"):
            gc.custom_gradient(gc.sin)(x)
    with pytest.raises(AttributeValueError, match="takes a function, not 3"):
        gc.custom_gradient(3)
