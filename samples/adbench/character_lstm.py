"""A character LSTM with diagonal gates: its loss and gradient, the last of ADBench's problems.

Each layer multiplies elementwise where an LSTM has matrices: the gates that forget and give out
look at the layer's input, the gate that takes in and the change at its own last output. Characters
are rows of bits, and what is predicted for each is compared with the next one.

Source: the objective "LSTM" of ADBench (Srajer, Kukelova and Fitzgibbon), added after the paper
of 2018. The 2 in the normalisation of predictions is as it is defined there.
"""

from __future__ import annotations

import sys
from typing import Any

import lstm_by_hand
import numpy as np
import plainly
from agreement import Agreement

import graphc as gc

Array = np.ndarray[Any, Any]


def draw(characters: int, bits: int, layers: int, seed: int = 0) -> dict[str, Array]:
    """Parameters, the state at first, and a text, from a seed.

    `gates` has weights and biases of the four gates of each layer, `ends` the weights of what
    goes in and comes out, and a bias; `state` has the output and cell of each layer.
    """
    rng = np.random.default_rng(seed)
    return {
        "gates": rng.normal(size=(layers, 2, 4, bits)),
        "ends": rng.normal(size=(3, bits)),
        "state": rng.normal(size=(layers, 2, bits)),
        "text": rng.integers(2, size=(characters, bits)).astype(np.float64),
    }


def layer(
    weights: gc.Tensor, biases: gc.Tensor, x: gc.Tensor, last: gc.Tensor, cell: gc.Tensor
) -> tuple[gc.Tensor, gc.Tensor]:
    """The output and cell of a layer after one more character."""
    forget = gc.sigmoid(x * weights[0] + biases[0])
    take = gc.sigmoid(last * weights[1] + biases[1])
    give = gc.sigmoid(x * weights[2] + biases[2])
    change = gc.tanh(last * weights[3] + biases[3])
    cell = cell * forget + take * change
    return give * gc.tanh(cell), cell


def objective(gates: gc.Tensor, ends: gc.Tensor, state: gc.Tensor, text: gc.Tensor) -> gc.Tensor:
    """The mean, over characters but the first and bits, of what the prediction loses."""
    layers = [(gates[k, 0], gates[k, 1]) for k in range(int(gates.shape[0]))]

    def step(states: list[Any], x: gc.Tensor) -> tuple[list[Any], gc.Tensor]:
        new = []
        for (weights, biases), (last, cell) in zip(layers, states, strict=True):
            x, cell = layer(weights, biases, x, last, cell)
            new.append((x, cell))
        return new, x

    first = [(state[k, 0], state[k, 1]) for k in range(len(layers))]
    _, given = gc.scan(step, first, text[:-1] * ends[0])
    predicted = given * ends[1] + ends[2]
    norm = gc.log(2 + gc.sum(gc.exp(predicted), axis=1, keepdims=True))
    return -gc.mean(text[1:] * (predicted - norm))


def build(bits: int = 5, layers: int = 2) -> tuple[gc.Tensor, dict[str, gc.Tensor]]:
    """The loss and its gradient by each of the parameters, for texts of any length."""
    with gc.Graph("character_lstm"):
        gates = gc.placeholder(gc.float64, (layers, 2, 4, bits), name="gates")
        ends = gc.placeholder(gc.float64, (3, bits), name="ends")
        state = gc.placeholder(gc.float64, (layers, 2, bits), name="state")
        text = gc.placeholder(gc.float64, ("characters", bits), name="text")
        value = objective(gates, ends, state, text)
        by_gates, by_ends = gc.gradients(value, [gates, ends])
    return value, {"gates": by_gates, "ends": by_ends}


def main(characters: int, bits: int, layers: int) -> int:
    given = draw(characters, bits, layers)
    wanted = build(bits, layers)
    with gc.Session(wanted[0].graph) as session:
        value, gradient = session.run(wanted, given)

    agreement = Agreement(f"{layers} layers, {characters} characters of {bits} bits: {value}")
    agreement.compare("loss by loops", value, plainly.character_lstm(**given))
    agreement.gradients(gradient, lstm_by_hand.gradient(**given), plainly.character_lstm, given)
    agreement.checked(gc.check_gradients(wanted[0], given, reference=True))
    return agreement.exit_status


if __name__ == "__main__":
    sys.exit(main(characters=20, bits=5, layers=2))
