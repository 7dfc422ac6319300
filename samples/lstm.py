"""Train an LSTM along sequences, on a language whose entropy is known.

The language is the embedded Reber grammar: a graph is walked through from B to E, a coin tossed
wherever two ways part, and a letter written at each step. One of two such graphs lies between two
letters of which the second repeats the first, so who reads on has to keep that in mind. Of every
letter it is known how many could have stood there, hence how low the loss can get on average: the
network has to come as near as EXCESS, and to remember.

Source: Hochreiter and Schmidhuber, "Long Short-Term Memory", 1997, experiment 1; the grammar is
Reber's, 1967.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from itertools import chain, islice, repeat
from typing import Any

import numpy as np
from outcome import Outcome

import graphc as gc
from graphc.codegen.executable import Executable
from graphc.compiler import compile_graph

Array = np.ndarray[Any, Any]

LETTERS = "BTPSXVE"
#: For each place of the graph, the letters that may be written there, and where each leads.
GRAMMAR = (
    {"B": 1},
    {"T": 2, "P": 3},
    {"S": 2, "X": 4},
    {"T": 3, "V": 5},
    {"X": 3, "S": 6},
    {"P": 4, "V": 6},
    {"E": -1},
)
STEPS, BATCH, WIDTH = 64, 32, 128
RATE, MOMENTUM, UPDATES = 1.0, 0.9, 200
#: Nats by which the mean loss of the last updates may lie above the entropy.
LAST, EXCESS = 50, 0.015


def word(rng: np.random.Generator) -> Iterator[tuple[str, int]]:
    """The letters of a word, each with the number of those that could have stood in its place."""
    first = "TP"[rng.integers(2)]
    yield from (("B", 1), (first, 2))
    place = 0
    while place >= 0:
        ways = GRAMMAR[place]
        letter = [*ways][rng.integers(len(ways))]
        yield letter, len(ways)
        place = ways[letter]
    yield from ((first, 1), ("E", 1))


def batches(count: int, seed: int) -> Iterator[tuple[Array, Array, Array]]:
    """[step, sequence]: letters, those that follow, and the numbers of these that could have."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        text = [
            [*islice(chain.from_iterable(map(word, repeat(rng))), STEPS + 1)] for _ in range(BATCH)
        ]
        letters = np.array([[LETTERS.index(x) for x, _ in row] for row in text], np.int32).T
        choices = np.array([[number for _, number in row] for row in text]).T
        yield letters[:-1], letters[1:], choices[1:]


def build(steps: int = STEPS) -> dict[str, Any]:
    """The network, its loss and one step of gradient descent: what a session can fetch."""
    rng = np.random.default_rng(seed=1)

    def weights(rows: int, columns: int, scale: float) -> Array:
        return (scale * rng.normal(size=(rows, columns))).astype(np.float32)

    scale = WIDTH**-0.5
    bias = np.zeros((4, WIDTH), np.float32)
    bias[1] = 1  # remember, until told to forget
    with gc.Graph():
        letters = gc.placeholder(gc.int32, (steps, BATCH), name="letters")
        following = gc.placeholder(gc.int32, (steps, BATCH), name="following")
        table = gc.variable(weights(len(LETTERS), WIDTH, 1.0), name="table")
        w_in = gc.variable(weights(WIDTH, 4 * WIDTH, scale), name="w_in")
        w_state = gc.variable(weights(WIDTH, 4 * WIDTH, scale), name="w_state")
        b = gc.variable(bias.reshape(-1), name="b")
        w_out = gc.variable(weights(WIDTH, len(LETTERS), scale), name="w_out")
        b_out = gc.variable(np.zeros(len(LETTERS), np.float32), name="b_out")

        def cell(state: tuple[gc.Tensor, gc.Tensor], x: gc.Tensor) -> tuple[Any, gc.Tensor]:
            h, c = state
            write, keep, value, read = gc.split(x @ w_in + h @ w_state + b, 4, axis=1)
            c = gc.sigmoid(keep) * c + gc.sigmoid(write) * gc.tanh(value)
            h = gc.sigmoid(read) * gc.tanh(c)
            return (h, c), h

        zero = gc.zeros((BATCH, WIDTH))
        _, states = gc.scan(cell, (zero, zero), gc.take(table, letters, axis=0))
        scores = states @ w_out + b_out
        loss = gc.nn.softmax_cross_entropy(scores, following)
        train = gc.optim.SGD(RATE, momentum=MOMENTUM).minimize(loss)
    return {"loss": loss, "guesses": gc.argmax(scores, axis=-1), "train": train}


def compiled(steps: int) -> tuple[Executable, float]:
    """Training along so many steps as machine code, and the processor time that took."""
    made = build(steps)
    started = time.process_time()
    program = made["loss"].graph.extract([made["loss"]], made["train"].assignments)
    code = compile_graph(program).executable
    assert code is not None
    return code, time.process_time() - started


def compile_all(outcome: Outcome) -> None:
    """The number of steps is a number in the code, not its length."""
    (short, took), (long, took_long) = compiled(STEPS), compiled(16 * STEPS)
    print(f"compiled for {STEPS} steps in {took:.2f} s, for {16 * STEPS} in {took_long:.2f} s")
    sizes = [sum(map(len, code.objects)) for code in (short, long)]
    what = "the code for 16 times as many steps is no longer"
    outcome.holds(what, sizes[1] < 1.1 * sizes[0], f"{sizes} bytes")


def train(outcome: Outcome) -> None:
    """Read on, a letter at a time, until little but the coins is a surprise."""
    made = build()
    losses, least = [], []
    with gc.Session(made["loss"].graph) as session:
        step = session.make_callable([made["loss"], made["train"]], ["letters", "following"])
        for letters, following, choices in batches(UPDATES, seed=2):
            losses.append(float(step(letters, following)[0]))
            least.append(float(np.log(choices).mean()))
            if len(losses) % LAST == 0:
                loss, entropy = np.mean(losses[-LAST:]), np.mean(least[-LAST:])
                print(f"update {len(losses):3}: loss {loss:.4f}, entropy {entropy:.4f}")
        excess = float(np.mean(losses[-LAST:]) - np.mean(least[-LAST:]))
        what = f"loss above entropy: {excess:.4f} nats ({losses[-1].hex()} at last)"
        outcome.holds(what, 0 < excess < EXCESS, f"wanted less than {EXCESS}")

        ((letters, following, choices),) = batches(1, seed=3)
        guesses = session.run(made["guesses"], {"letters": letters, "following": following})
    certain = choices == 1
    right = np.mean(guesses[certain] == following[certain])
    what = f"where one letter alone may follow, it is known: {right:.1%}"
    outcome.holds(what, right > 0.95, "wanted more than 95 %")


def main() -> int:
    """Compile, train, report; the exit status is 1 if anything is not as it should be."""
    outcome = Outcome()
    compile_all(outcome)
    train(outcome)
    return outcome.status


if __name__ == "__main__":
    sys.exit(main())
