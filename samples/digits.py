"""Train a small network to read handwritten digits.

Each of the 1,797 scans has 8x8 pixels. A perceptron with one hidden layer learns from four fifths
of them in minibatches; the rest, which it never sees, tells how well it reads. Every run prints
the same losses and accuracies, to the last bit.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

import graphc as gc

Array = np.ndarray[Any, Any]

DATA = Path(__file__).parent / "data" / "optdigits.csv.gz"  # where it is from: data/README.md
PIXELS, HIDDEN, DIGITS = 64, 64, 10
EPOCHS, BATCH, RATE = 30, 64, 0.003
HELD_OUT, WANTED = 360, 0.97


def load() -> tuple[Array, Array]:
    """Images as float32 in 0..1, one a row, and their digits, in a fixed random order."""
    table = np.loadtxt(DATA, delimiter=",", dtype=np.int32)
    table = np.random.default_rng(seed=0).permutation(table)
    return table[:, :PIXELS].astype(np.float32) / 16, table[:, PIXELS]


def build() -> dict[str, Any]:
    """The network, its loss and one step of training: what a session can fetch."""
    rng = np.random.default_rng(seed=1)

    def weights(rows: int, columns: int) -> Array:
        return rng.normal(0, np.sqrt(2 / rows), (rows, columns)).astype(np.float32)

    with gc.Graph():
        images = gc.placeholder(gc.float32, ("batch", PIXELS), name="images")
        labels = gc.placeholder(gc.int32, ("batch",), name="labels")

        w1 = gc.variable(weights(PIXELS, HIDDEN), name="w1")
        b1 = gc.variable(np.zeros(HIDDEN, np.float32), name="b1")
        w2 = gc.variable(weights(HIDDEN, DIGITS), name="w2")
        b2 = gc.variable(np.zeros(DIGITS, np.float32), name="b2")

        scores = gc.nn.relu(images @ w1 + b1) @ w2 + b2
        loss = gc.nn.softmax_cross_entropy(scores, labels)
        is_right = gc.argmax(scores, axis=1) == labels
        accuracy = gc.mean(is_right.astype(gc.float32))
        train = gc.optim.Adam(RATE).minimize(loss)
    return {"loss": loss, "accuracy": accuracy, "train": train}


def train(made: dict[str, Any], epochs: int, wanted: float) -> int:
    """Train and report; the exit status is 1 if fewer scans than wanted are read rightly."""
    images, labels = load()
    rng = np.random.default_rng(seed=2)
    metrics = [made["loss"], made["accuracy"]]

    with gc.Session(made["loss"].graph) as session:
        step = session.make_callable([*metrics, made["train"]], feeds=["images", "labels"])
        test = session.make_callable(metrics, feeds=["images", "labels"])
        if made_code := step.executable:
            kernels, seconds = made_code.kernel_count, made_code.compile_seconds
            print(f"compiled {kernels} kernels in {seconds:.2f} s, for batches of every size")

        for epoch in range(1, epochs + 1):
            order = HELD_OUT + rng.permutation(len(images) - HELD_OUT)
            for start in range(0, len(order), BATCH):  # the last batch is smaller
                batch = order[start : start + BATCH]
                step(images[batch], labels[batch])
            if epoch % 5 == 0:
                loss, accuracy = test(images[HELD_OUT:], labels[HELD_OUT:])
                print(f"epoch {epoch:2}: loss {loss:.4f}, accuracy {accuracy:.2%}")

        loss, accuracy = test(images[:HELD_OUT], labels[:HELD_OUT])
    print(f"held out: loss {loss:.4f} ({float(loss).hex()}), accuracy {accuracy:.2%}")
    return 0 if accuracy >= wanted else 1


if __name__ == "__main__":
    sys.exit(train(build(), EPOCHS, WANTED))
