"""Solve differential equations by steps of their own choosing, and differentiate the solution.

The pair of Runge-Kutta formulas of orders 5 and 4 goes along while the end is not reached; what
the two differ by tells how far the next step may go. The number of steps depends on the equation,
its parameters and the tolerance, all of which are fed. Derivatives of the end state go back
through every step that was taken, and are held against those of the exact solution.

Source: Dormand and Prince, "A family of embedded Runge-Kutta formulae", 1980.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from outcome import Outcome

import graphc as gc

Array = np.ndarray[Any, Any]
#: (state, *parameters) -> the state's derivative by time.
Slope = Callable[..., gc.Tensor]

#: For each slope but the first, what it is worth of the slopes before it; the last row is the
#: step of order 5, whose end is where the next step's first slope is taken.
ROWS = (
    (1 / 5,),
    (3 / 40, 9 / 40),
    (44 / 45, -56 / 15, 32 / 9),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
    (35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
)
#: The step of order 4, of all seven slopes.
FOURTH = (5179 / 57600, 0, 7571 / 16695, 393 / 640, -92097 / 339200, 187 / 2100, 1 / 40)
SAFETY, LEAST, MOST = 0.9, 0.2, 5.0
MOST_STEPS = 100_000


class Solution(NamedTuple):
    """The state at the end, how many steps led there, and how many had to be taken again."""

    state: gc.Tensor
    taken: gc.Tensor
    refused: gc.Tensor


def weighted(slopes: list[gc.Tensor], weights: tuple[float, ...]) -> gc.Tensor:
    terms = [w * k for w, k in zip(weights, slopes, strict=True) if w]
    return sum(terms[1:], terms[0])


def solved(
    slope: Slope,
    start: gc.Tensor,
    end: gc.Tensor,
    tolerance: gc.Tensor,
    parameters: Any,
    **how: Any,
) -> Solution:
    """Where `start` is after the time `end`; `how` goes to `gc.while_loop`.

    A step is taken if it is wrong by no more than the tolerance, absolute plus relative.
    """

    def attempt(y: gc.Tensor, first: gc.Tensor, step: gc.Tensor) -> tuple[Any, Any, Any]:
        """The state after the step, the slope there, and the error in times of the tolerance."""
        slopes, there = [first], y
        for row in ROWS:
            there = y + step * weighted(slopes, row)
            slopes.append(slope(there, *parameters))
        off = there - (y + step * weighted(slopes, FOURTH))
        allowed = tolerance * (1 + gc.maximum(gc.abs(y), gc.abs(there)))
        return there, slopes[-1], gc.stop_gradient(gc.max(gc.abs(off) / allowed))

    def turn(time: Any, step: Any, y: Any, first: Any, taken: Any, refused: Any) -> Any:
        step = gc.minimum(step, end - time)
        there, last, error = attempt(y, first, step)
        fits = error <= 1
        factor = gc.clip(SAFETY * gc.maximum(error, 1e-10) ** -0.2, LEAST, MOST)
        return (
            gc.where(fits, time + step, time),
            gc.stop_gradient(step * factor),
            gc.where(fits, there, y),
            gc.where(fits, last, first),
            taken + fits.astype(gc.int64),
            refused + (~fits).astype(gc.int64),
        )

    zero, count = gc.zeros((), dtype=gc.float64), gc.zeros((), dtype=gc.int64)
    _, _, state, _, taken, refused = gc.while_loop(
        lambda time, *_: time < end,
        turn,
        (zero, end, start, slope(start, *parameters), count, count),
        max_iterations=MOST_STEPS,
        **how,
    )
    return Solution(state, taken, refused)


def spiral(y: gc.Tensor, decay: gc.Tensor, turn: gc.Tensor) -> gc.Tensor:
    """y' = -decay y + turn iy, with y's real and imaginary parts as a vector."""
    return gc.stack([-decay * y[0] - turn * y[1], turn * y[0] - decay * y[1]])


def growth(y: gc.Tensor, rate: gc.Tensor, limit: gc.Tensor) -> gc.Tensor:
    """y' = rate y (1 - y/limit)."""
    return rate * y * (1 - y / limit)


def exact_spiral(start: Array, end: float, decay: float, turn: float) -> tuple[Array, list[Array]]:
    """The state, and its derivatives by the start, the end and both parameters."""
    shrunk, c, s = np.exp(-decay * end), np.cos(turn * end), np.sin(turn * end)
    by_start = shrunk * np.array([[c, -s], [s, c]])
    y = by_start @ start
    across = np.array([-y[1], y[0]])
    return y, [by_start, turn * across - decay * y, -end * y, end * across]


def exact_growth(start: Array, end: float, rate: float, limit: float) -> tuple[Array, list[Array]]:
    """The same for growth, of any number of states that do not know of each other."""
    left, missing = np.exp(-rate * end), limit / start - 1
    parts = 1 + missing * left
    y = limit / parts
    by_time_and_rate = limit * missing * left / parts**2
    by_limit = 1 / parts - limit * left / (start * parts**2)
    by_start = np.diag(limit**2 * left / (start**2 * parts**2))
    return y, [by_start, rate * by_time_and_rate, end * by_time_and_rate, by_limit]


class Case(NamedTuple):
    """An equation, its exact solution, and where to solve it."""

    name: str
    slope: Slope
    exact: Callable[..., tuple[Array, list[Array]]]
    start: Array
    end: float
    parameters: tuple[float, float]


NAMES = ("start", "end", "parameter 1", "parameter 2")
CASES: tuple[Case, ...] = (
    Case("a spiral", spiral, exact_spiral, np.array([1.0, -0.5]), 6.0, (0.3, 2.0)),
    Case("growth up to a limit", growth, exact_growth, np.array([0.1, 0.4, 3.0]), 4.0, (1.5, 2.0)),
)
WAYS = ("back", "forward", "back, sparing")
#: An error of one step is at most the tolerance; those of all steps add up.
ADDED_UP = 1000


def placeholders(*values: Any) -> list[gc.Tensor]:
    """For the start, the end and both parameters, and for the tolerance."""
    names = [name.replace(" ", "_") for name in NAMES]
    made = [
        gc.placeholder(gc.float64, np.shape(value), name=name)
        for name, value in zip(names, values, strict=True)
    ]
    return [*made, gc.placeholder(gc.float64, (), name="tolerance")]


def first_derivatives(outcome: Outcome, case: Case) -> None:
    """By all that is fed; back, forward, and back from the state of every 16th step alone."""
    _, slope, exact, start, end, parameters = case
    with gc.Graph():
        *fed, tolerance = placeholders(start, end, *parameters)
        y, time, *given = fed
        found = solved(slope, y, time, tolerance, given)
        sparing = solved(slope, y, time, tolerance, given, checkpoint_every=16)
        ways = [
            gc.jacobian(found.state, fed, mode="reverse"),
            gc.jacobian(found.state, fed, mode="forward"),
            gc.jacobian(sparing.state, fed, mode="reverse"),
        ]
    wanted, slopes = exact(start, end, *parameters)
    with gc.Session(tolerance.graph) as session:
        run = session.make_callable([*found, *ways], feeds=[*fed, tolerance])
        for allowed in (1e-5, 1e-10):
            state, taken, refused, *jacobians = run(start, end, *parameters, allowed)
            print(f"  tolerance {allowed:g}: {taken} steps, and {refused} that went too far")
            outcome.holds("some, but few, are taken again", 0 < refused < taken / 4, f"{refused}")
            outcome.near("the state", state, wanted, ADDED_UP * allowed)
            for name, right, *values in zip(NAMES, slopes, *jacobians, strict=True):
                for way, value in zip(WAYS, values, strict=True):
                    outcome.near(f"by the {name}, {way}", value, right, ADDED_UP * allowed)


def second_derivatives(outcome: Outcome) -> None:
    """Of the spiral, by both parameters: -end^2 for y by turn twice, and so on."""
    _, slope, exact, start, end, parameters = CASES[0]
    with gc.Graph() as graph:
        y, time, *given, tolerance = fed = placeholders(start, end, *parameters)
        state = solved(slope, y, time, tolerance, given).state
        hessian = gc.hessian(state[0], given)
        vectors = gc.hvp(state[0], given, [1.0, 0.0])
    feeds = dict(zip(fed, (start, end, *parameters, 1e-10), strict=True))
    (one, two), _ = exact(start, end, *parameters)
    wanted = end**2 * np.array([[one, two], [two, -one]])
    with gc.Session(graph) as session:
        all_of_it, column = session.run([hessian, vectors], feeds)
    outcome.near("by both parameters", all_of_it, wanted, 1e-7)
    outcome.near("the same along the first", column, wanted[:, 0], 1e-7)


def main() -> int:
    """Both equations; the exit status is 1 if anything is not as it should be."""
    outcome = Outcome()
    for case in CASES:
        print(f"{case.name}: derivatives of the state at the end")
        first_derivatives(outcome, case)
    print("the spiral: second derivatives of its first part")
    second_derivatives(outcome)
    return outcome.status


if __name__ == "__main__":
    sys.exit(main())
