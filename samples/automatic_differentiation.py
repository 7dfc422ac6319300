"""The first lesson on automatic differentiation: what to ask for, and what comes back.

Every section builds a small graph, asks for derivatives, and holds them against the formula that
a pencil finds. The last one puts the three ways of finding a derivative side by side: as a
formula, by differences, and by accumulation.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from fractions import Fraction
from math import prod
from typing import Any

import numpy as np
from outcome import Outcome

import graphc as gc
from graphc.compiler import compile_graph
from graphc.ir.node import Node

Array = np.ndarray[Any, Any]

ONE_TO_FOUR = np.arange(1.0, 5.0, dtype=np.float32)
FAR = 1000.0
#: Steps of the logistic map, whose derivative is the example of the last section.
STEPS, POINT = 4, 0.2
STEP_SIZES = (1e-2, 1e-4, 1e-6, 1e-8, 1e-10, 1e-12)


def of_a_scalar(outcome: Outcome) -> None:
    """The gradient of 2x'x is 4x, that of sum(x) is ones."""
    with gc.Graph() as graph:
        x = gc.placeholder(gc.float32, (4,), name="x")
        (of_squares,) = gc.gradients(2 * gc.vecdot(x, x), x)
        (of_sum,) = gc.gradients(gc.sum(x), x)
    with gc.Session(graph) as session:
        squares, ones = session.run([of_squares, of_sum], {x: ONE_TO_FOUR})
    outcome.equal("gradient of 2x'x at 1..4 is 4x", squares, 4 * ONE_TO_FOUR)
    outcome.equal("gradient of sum(x) is ones", ones, np.ones(4))


def of_a_vector(outcome: Outcome) -> None:
    """x*x has four elements: their derivatives need a weight each, or it is an error."""
    with gc.Graph() as graph:
        x = gc.placeholder(gc.float32, (4,), name="x")
        y = x * x
        (weighted,) = gc.gradients(y, x, grad_ys=gc.ones_like(y))
        try:
            gc.gradients(y, x)
        except gc.errors.GradientError as error:
            message = str(error)
        else:
            message = ""
    with gc.Session(graph) as session:
        found = session.run(weighted, {x: ONE_TO_FOUR})
    outcome.equal("gradient of x*x with a seed of ones is 2x", found, 2 * ONE_TO_FOUR)
    asks = "not a scalar" in message and "grad_ys=" in message
    outcome.holds("without a seed that is an error:", asks, f"{message!r}")
    for line in message.splitlines():
        print(f"           {line}")


def with_a_constant_part(outcome: Outcome) -> None:
    """What `stop_gradient` gives counts as a constant."""
    with gc.Graph() as graph:
        x = gc.placeholder(gc.float32, (4,), name="x")
        y = x * x
        u = gc.stop_gradient(y)
        (of_product,) = gc.gradients(gc.sum(u * x), x)
        (of_square,) = gc.gradients(gc.sum(y), x)
    with gc.Session(graph) as session:
        product, square, held = session.run([of_product, of_square, u], {x: ONE_TO_FOUR})
    outcome.equal("gradient of u*x with u = stop_gradient(x*x) is u", product, held)
    outcome.equal("the gradient of x*x itself is still 2x", square, 2 * ONE_TO_FOUR)


def doubled_until_far(a: gc.Tensor) -> Any:
    """2a doubled until its norm is 1000; then that or a hundred times that, by its sum's sign."""
    b = gc.while_loop(lambda b: gc.linalg.vector_norm(b) < FAR, lambda b: 2 * b, 2 * a)
    return gc.cond(gc.sum(b) > 0, lambda: b, lambda: 100 * b)


def through_branches_and_loops(outcome: Outcome) -> None:
    """How often f doubles depends on a; wherever that is settled, f is linear: f' is f(a)/a."""
    with gc.Graph() as graph:
        a = gc.placeholder(gc.float64, ("n",), name="a")
        f = doubled_until_far(a)
        (slope,) = gc.gradients(gc.sum(f), a)
    rng = np.random.default_rng(seed=0)
    with gc.Session(graph) as session:
        both = session.make_callable([f, slope], feeds=[a])
        codes = set()
        for size, scale in ((1, 1.0), (1, -1e-6), (3, 1.0), (4, -1e4), (100, 1e-30)):
            fed = scale * rng.uniform(0.5, 1.0, size)
            value, found = both(fed)
            codes.add(id(both.executable))
            what = f"f'(a) = f(a)/a, {size} elements near {scale:g}"
            outcome.near(what, found, value / fed, 1e-15)
        is_one = len(codes) == 1
        outcome.holds("the same machine code for all of these", is_one, f"{len(codes)} of them")


def forward_and_back(outcome: Outcome) -> None:
    """y = 2x^2 + 4 with x = 3w: the chain rule from either end gives dy/dw = 36w."""
    with gc.Graph() as graph:
        w = gc.placeholder(gc.float64, (), name="w")
        x = 3 * w
        y = 2 * x**2 + 4
        x_along, y_along = gc.jvp([x, y], w, 1.0)  # dx/dw, then dy/dw
        back_to_x, back_to_w = gc.gradients(y, [x, w])  # dy/dx, then dy/dw
    with gc.Session(graph) as session:
        for at in (1.0, -0.5, 7.0):
            forward = session.run([x_along, y_along], {w: at})
            back = session.run([back_to_x, back_to_w], {w: at})
            outcome.equal(f"w = {at}: forward dx/dw, dy/dw", forward, [3, 36 * at])
            outcome.equal(f"w = {at}: back dy/dx, dy/dw", back, [12 * at, 36 * at])


def logistic(x: Any, steps: int = STEPS) -> Any:
    """x -> 4x(1 - x), so many times: short as a program, long as a polynomial."""
    for _ in range(steps):
        x = 4 * x * (1 - x)
    return x


def logistic_slope(x: Any, steps: int = STEPS) -> Any:
    """Its derivative by the chain rule, as a pencil finds it: 4 - 8x for each step."""
    return prod(4 - 8 * logistic(x, step) for step in range(steps))


def formula(node: Node) -> str:
    """A node written out, whatever it shares with others written as often as it is used."""
    parts = [formula(operand) for operand in node.inputs]
    match node.op.name:
        case "constant":
            return f"{float(node.attrs['value']):g}"
        case "placeholder":
            return str(node.name)
        case "neg":
            return f"-{parts[0]}"
        case "fma":
            return f"({parts[0]}*{parts[1]} + {parts[2]})"
        case "mul" | "add" | "sub" as op:
            sign = {"mul": "*", "add": " + ", "sub": " - "}[op]
            return f"({parts[0]}{sign}{parts[1]})"
    raise NotImplementedError(f"no sign for {node.op.name}")


def central_difference(function: Callable[[Any], Any], at: float, step: float) -> float:
    return float((function(at + step) - function(at - step)) / (2 * step))


def three_ways(outcome: Outcome) -> None:
    """The same derivative as a formula, by differences, and by accumulation in both directions."""
    with gc.Graph() as graph:
        x = gc.placeholder(gc.float64, (), name="x")
        y = logistic(x)
        (back,) = gc.gradients(y, x)
        (forward,) = gc.jvp(y, x, 1.0)
    simplified = compile_graph(graph.extract([back]), stop="optimized").optimized
    assert simplified is not None
    text = formula(simplified.outputs[0])
    # Fractions leave nothing out: this is the derivative itself, which the rest is held against.
    exact = eval(text, {"x": Fraction(POINT)})
    print(f"  formula of {len(text)} characters, from a graph of {len(simplified.nodes)} nodes:")
    print(f"    {text[:88]}...")
    print(f"  {'way':24} {'derivative':>22} {'error':>9}")

    def row(way: str, value: float) -> float:
        error = abs(float((Fraction(value) - exact) / exact))
        print(f"  {way:24} {value:22.16f} {error:9.1e}")
        return error

    with gc.Session(graph) as session:
        value_at = session.make_callable(y, feeds=[x])
        by_formula = row("formula, in floats", eval(text, {"x": POINT}))
        by_step = [
            row(f"differences, step {step:g}", central_difference(value_at, POINT, step))
            for step in STEP_SIZES
        ]
        automatic = [
            row(way, float(value))
            for way, value in zip(
                ("forward accumulation", "reverse accumulation"),
                session.run([forward, back], {x: POINT}),
                strict=True,
            )
        ]
    is_same = exact == logistic_slope(Fraction(POINT))
    outcome.holds("the formula is the derivative, exactly", is_same, f"{exact}")
    outcome.holds("accumulated: right to the last digits", max(automatic) < 1e-14)
    outcome.holds("the formula in floats: no better", by_formula < 1e-14)
    outcome.holds("differences: never as good", min(by_step) > 100 * max(automatic))
    outcome.holds("and worse for too large or small a step", min(by_step) < by_step[-1] / 10)


SECTIONS = (
    of_a_scalar,
    of_a_vector,
    with_a_constant_part,
    through_branches_and_loops,
    forward_and_back,
    three_ways,
)


def main() -> int:
    """All sections; the exit status is 1 if anything is not as it should be."""
    outcome = Outcome()
    for section in SECTIONS:
        print(str(section.__doc__).splitlines()[0])
        section(outcome)
    return outcome.status


if __name__ == "__main__":
    sys.exit(main())
