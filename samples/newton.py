"""Find roots by Newton's method in a loop, and differentiate them in two ways.

The loop builds its own derivatives: each turn solves with the Jacobian of the equations. How many
turns that takes depends on what is fed. The root's derivatives by the parameters of the equations
then come back through all the turns, by a tape; or from the root alone, by the implicit function
theorem: where F(x, p) stays 0, dx/dp = -(dF/dx)^-1 dF/dp. Both are held against a pencil's.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from outcome import Outcome

import graphc as gc

Array = np.ndarray[Any, Any]
#: (unknowns [n], parameters [m]) -> [n], zero at the root.
Equations = Callable[[gc.Tensor, gc.Tensor], gc.Tensor]

NEAR, MOST_TURNS = 1e-13, 50


def newton(equations: Equations, start: gc.Tensor, parameters: gc.Tensor) -> Any:
    """(root, turns taken): until a step is smaller than NEAR."""

    def turn(x: gc.Tensor, step: gc.Tensor, turns: gc.Tensor) -> Any:
        value = equations(x, parameters)
        step = gc.linalg.solve(gc.jacobian(value, x), value)
        return x - step, step, turns + 1

    x, _, turns = gc.while_loop(
        lambda x, step, turns: gc.max(gc.abs(step)) > NEAR,
        turn,
        (start, gc.ones_like(start), 0),
        max_iterations=MOST_TURNS,
    )
    return x, turns


def implicit(equations: Equations) -> Callable[[gc.Tensor, gc.Tensor], Any]:
    """A function of a start and parameters: the root, whose derivatives know of no turns."""

    @gc.custom_gradient
    def root(start: gc.Tensor, parameters: gc.Tensor) -> Any:
        return newton(equations, start, parameters)[0]

    @root.vjp
    def from_the_root(arguments: Any, x: gc.Tensor, cotangent: gc.Tensor) -> Any:
        _, parameters = arguments
        value = equations(x, parameters)
        weight = gc.linalg.solve(gc.matrix_transpose(gc.jacobian(value, x)), cotangent)
        return None, gc.vjp(value, parameters, -weight)[0]

    return root


class Problem(NamedTuple):
    """Equations, where to begin and with what, and the root with its derivatives, by pencil.

    `pencil` gives [n, m] first derivatives, and [m, m] second ones of the first unknown.
    """

    name: str
    equations: Equations
    start: tuple[float, ...]
    parameters: tuple[float, ...]
    pencil: Callable[[Array, Array], tuple[Array, Array]]


def kepler(x: gc.Tensor, p: gc.Tensor) -> gc.Tensor:
    """Where a planet is: E - e sin E = M, for the mean anomaly M and the eccentricity e."""
    return x - p[1] * gc.sin(x) - p[0]


def kepler_by_pencil(x: Array, p: Array) -> tuple[Array, Array]:
    c, s, e = np.cos(x[0]), np.sin(x[0]), p[1]
    d = 1 - e * c
    mixed = (c - e * s * s / d) / d**2
    by_e = (c * s - s * (-c + e * s * s / d)) / d**2
    return np.array([[1, s]]) / d, np.array([[-e * s / d**3, mixed], [mixed, by_e]])


def crossing(x: gc.Tensor, p: gc.Tensor) -> gc.Tensor:
    """Where the circle of radius p[0] meets the hyperbola of points with the product p[1]."""
    return gc.stack([gc.sum(x * x) - p[0] ** 2, x[0] * x[1] - p[1]])


def crossing_by_pencil(x: Array, p: Array) -> tuple[Array, Array]:
    """From sum and difference of the unknowns: the roots of p[0]^2 + 2p[1] and - 2p[1]."""
    (a, b), u, v = p, x[0] + x[1], x[0] - x[1]
    of_u, of_v = np.array([a, 1]) / u, np.array([a, -1]) / v
    first = np.array([of_u + of_v, of_u - of_v]) / 2
    second_u = np.array([[2 * b, -a], [-a, -1]]) / u**3
    second_v = np.array([[-2 * b, a], [a, -1]]) / v**3
    return first, (second_u + second_v) / 2


PROBLEMS = (
    Problem("Kepler's equation", kepler, (1.0,), (1.2, 0.6), kepler_by_pencil),
    Problem("a circle and a hyperbola", crossing, (2.0, 0.1), (2.0, 1.0), crossing_by_pencil),
)


def differentiate(outcome: Outcome, problem: Problem) -> None:
    """First derivatives back and forward, and second ones: through the turns, and without."""
    with gc.Graph() as graph:
        start = gc.placeholder(gc.float64, (len(problem.start),), name="start")
        p = gc.placeholder(gc.float64, (len(problem.parameters),), name="p")
        taped, turns = newton(problem.equations, start, p)
        found = {
            "through the turns": derivatives(taped, p),
            "from the root": derivatives(implicit(problem.equations)(start, p), p),
        }
    feeds = {start: problem.start, p: problem.parameters}
    with gc.Session(graph) as session:
        x, count, values = session.run([taped, turns, found], feeds)
    print(f"  {count} turns to {x}")
    parameters = np.array(problem.parameters)
    first, second = problem.pencil(x, parameters)
    for way, (back, forward, hessian) in values.items():
        outcome.near(f"first derivatives {way}, back", back, first, 1e-11)
        outcome.near(f"first derivatives {way}, forward", forward, first, 1e-11)
        outcome.near(f"second derivatives {way}", hessian, second, 1e-11)


def derivatives(x: gc.Tensor, p: gc.Tensor) -> list[Any]:
    back, forward = (gc.jacobian(x, p, mode=mode) for mode in ("reverse", "forward"))
    return [back, forward, gc.hessian(x[0], p)]


def solve_many(outcome: Outcome) -> None:
    """Many planets at once: the loop goes on for as long as one of them needs it."""
    root = implicit(kepler)
    with gc.Graph() as graph:
        start = gc.placeholder(gc.float64, ("planets", 1), name="start")
        p = gc.placeholder(gc.float64, ("planets", 2), name="p")
        x = gc.vmap(root)(start, p)
        (slope,) = gc.gradients(gc.sum(x), p)
    anomalies, eccentricities = np.meshgrid(np.linspace(0.1, 3, 20), np.linspace(0, 0.9, 10))
    fed = np.stack([anomalies.ravel(), eccentricities.ravel()], axis=1)
    with gc.Session(graph) as session:
        roots, slopes = session.run([x, slope], {start: fed[:, :1], p: fed})
    left = roots[:, 0] - fed[:, 1] * np.sin(roots[:, 0]) - fed[:, 0]
    outcome.near(f"{len(fed)} equations hold", 1 + left, np.ones(len(fed)), 1e-14)
    wanted = [kepler_by_pencil(one, given)[0][0] for one, given in zip(roots, fed, strict=True)]
    outcome.near("their roots' derivatives", slopes, wanted, 1e-12)


def main() -> int:
    """All problems; the exit status is 1 if anything is not as it should be."""
    outcome = Outcome()
    for problem in PROBLEMS:
        print(problem.name)
        differentiate(outcome, problem)
    print("Kepler's equation for many planets")
    solve_many(outcome)
    return outcome.status


if __name__ == "__main__":
    sys.exit(main())
