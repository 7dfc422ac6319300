"""The gradient of the character LSTM by backpropagation through time, written out in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
from plainly import sigmoid

Array = np.ndarray[Any, Any]
#: Of one layer after one character: input, last output, last cell, gates, tanh of the new cell.
Turn = tuple[Array, Array, Array, Array, Array]


def gradient(gates: Array, ends: Array, state: Array, text: Array) -> list[Array]:
    """The derivatives of the mean loss by `gates` and `ends`."""
    turns, given = _forward(gates, ends, state, text)
    predicted = given * ends[1] + ends[2]
    grown = np.exp(predicted)
    shares = grown / (2 + grown.sum(axis=1, keepdims=True))
    ones = text[1:].sum(axis=1, keepdims=True)
    by_predicted = (shares * ones - text[1:]) / text[1:].size
    by_gates, by_input = _backward(gates, turns, by_predicted * ends[1])
    by_ends = [
        np.sum(by_input * text[:-1], axis=0),
        np.sum(by_predicted * given, axis=0),
        np.sum(by_predicted, axis=0),
    ]
    return [by_gates, np.stack(by_ends)]


def _forward(
    gates: Array, ends: Array, state: Array, text: Array
) -> tuple[list[list[Turn]], Array]:
    """What each layer had at each character, and what the last one gave."""
    outputs, cells = state[:, 0].copy(), state[:, 1].copy()
    turns, given = [], []
    for x in text[:-1] * ends[0]:
        turn: list[Turn] = []
        for k, (weights, biases) in enumerate(gates):
            read = np.stack([x, outputs[k], x, outputs[k]])
            own = read * weights + biases
            own[:3], own[3] = sigmoid(own[:3]), np.tanh(own[3])
            forget, take, give, change = own
            cell = cells[k] * forget + take * change
            turn.append((x, outputs[k].copy(), cells[k].copy(), own, np.tanh(cell)))
            cells[k] = cell
            x = outputs[k] = give * np.tanh(cell)
        turns.append(turn)
        given.append(x)
    return turns, np.array(given)


def _backward(gates: Array, turns: list[list[Turn]], by_given: Array) -> tuple[Array, Array]:
    """The derivatives by `gates` and by what goes into the first layer."""
    by_gates, by_input = np.zeros_like(gates), np.zeros_like(by_given)
    by_outputs, by_cells = np.zeros((2, len(gates), by_given.shape[1]))
    for t in reversed(range(len(turns))):
        by_x = by_given[t]
        for k in reversed(range(len(gates))):
            weights = gates[k, 0]
            x, last, cell, (forget, take, give, change), squashed = turns[t][k]
            by_output = by_x + by_outputs[k]
            by_cell = by_cells[k] + by_output * give * (1 - squashed**2)
            by_own = np.stack([
                by_cell * cell * forget * (1 - forget),
                by_cell * change * take * (1 - take),
                by_output * squashed * give * (1 - give),
                by_cell * take * (1 - change**2),
            ])  # fmt: skip
            by_gates[k, 0] += by_own * np.stack([x, last, x, last])
            by_gates[k, 1] += by_own
            by_x = by_own[0] * weights[0] + by_own[2] * weights[2]
            by_outputs[k] = by_own[1] * weights[1] + by_own[3] * weights[3]
            by_cells[k] = by_cell * forget
        by_input[t] = by_x
    return by_gates, by_input
