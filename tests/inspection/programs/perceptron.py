"""A two-layer perceptron and other programs that the tests look at."""

import numpy as np
from widths import HIDDEN

import graphc as gc

print("perceptron.py is being imported")


def _weights():
    rng = np.random.default_rng(0)
    w1 = gc.variable(rng.normal(0, 0.5, (6, HIDDEN)).astype(np.float32), name="w1")
    b1 = gc.variable(np.zeros(HIDDEN, np.float32), name="b1")
    w2 = gc.variable(rng.normal(0, 0.5, (HIDDEN, 3)).astype(np.float32), name="w2")
    return w1, b1, w2


def _loss():
    x = gc.placeholder(gc.float32, ("batch", 6), name="x")
    y = gc.placeholder(gc.int32, ("batch",), name="y")
    w1, b1, w2 = weights = _weights()
    logits = gc.identity(gc.nn.relu(x @ w1 + b1) @ w2, name="logits")
    return gc.nn.softmax_cross_entropy(logits, y), list(weights)


def loss():
    with gc.Graph():
        return _loss()[0]


def step():
    with gc.Graph():
        value, weights = _loss()
        gradients = gc.gradients(value, weights)  # the gradients' line
        updates = [gc.assign(w, w - 0.1 * g) for w, g in zip(weights, gradients, strict=True)]
        train = gc.group(*updates)
    return {"loss": value, "train": train}


def whole():
    with gc.Graph() as graph:
        gc.optim.SGD(0.1).minimize(_loss()[0])
    return graph


def guarded():
    with gc.Graph():
        x = gc.placeholder(gc.float32, ("batch", 3), name="x")
        y = gc.placeholder(gc.float32, ("rows", 3), name="y")
        return gc.sum(x * y)


def alike():
    """Two products of one shape: one kernel, launched twice."""
    with gc.Graph():
        x = gc.placeholder(gc.float32, (8, 8), name="x")
        w = gc.placeholder(gc.float32, (8, 8), name="w")
        return (x @ w) @ w


def picked():
    with gc.Graph():
        x = gc.placeholder(gc.float32, ("n",), name="x")
        return gc.take(x, gc.constant(np.array([0, 5])), axis=0)  # takes the sixth


def counting():
    with gc.Graph():
        count = gc.variable(np.float32(1), name="count")
        return [count, gc.assign(count, count + 1)]


def twice():
    """Two ways to change one variable, of which only one can be fetched."""
    with gc.Graph():
        count = gc.variable(np.float32(1), name="count")
        return {"add": gc.assign(count, count + 1), "double": gc.assign(count, count * 2)}
