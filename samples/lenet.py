"""Train a small convolutional network, after LeNet-5, to read handwritten digits.

Source: LeCun, Bottou, Bengio and Haffner, "Gradient-Based Learning Applied to Document
Recognition", 1998; the scans of `digits.py` have 8x8 pixels, so there are fewer and smaller
layers. Every run prints the same figures.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from digits import DIGITS, PIXELS, train

import graphc as gc

Array = np.ndarray[Any, Any]

SIDE, FIRST, SECOND = 8, 16, 32
EPOCHS, RATE, WANTED = 15, 0.005, 0.97


def build() -> dict[str, Any]:
    """The network, its loss and one step of training: what a session can fetch."""
    rng = np.random.default_rng(seed=1)

    def weights(*shape: int, inputs: int) -> Array:
        return rng.normal(0, np.sqrt(2 / inputs), shape).astype(np.float32)

    def zeros(size: int) -> Array:
        return np.zeros(size, np.float32)

    with gc.Graph():
        images = gc.placeholder(gc.float32, ("batch", PIXELS), name="images")
        labels = gc.placeholder(gc.int32, ("batch",), name="labels")
        batch = images.shape[0]

        x = gc.reshape(images, (batch, 1, SIDE, SIDE))
        for name, channels, outputs in (("1", 1, FIRST), ("2", FIRST, SECOND)):
            w = gc.variable(weights(outputs, channels, 3, 3, inputs=9 * channels), name=f"w{name}")
            b = gc.variable(zeros(outputs), name=f"b{name}")
            x = gc.nn.relu(gc.nn.conv2d(x, w, padding="same", bias=b))
            x = gc.nn.max_pool2d(x, 2)
        features = SECOND * (SIDE // 4) ** 2
        w = gc.variable(weights(features, DIGITS, inputs=features), name="w3")
        b = gc.variable(zeros(DIGITS), name="b3")

        scores = gc.reshape(x, (batch, features)) @ w + b
        loss = gc.nn.softmax_cross_entropy(scores, labels)
        accuracy = gc.mean((gc.argmax(scores, axis=1) == labels).astype(gc.float32))
        step = gc.optim.Adam(RATE).minimize(loss)
    return {"loss": loss, "accuracy": accuracy, "train": step}


if __name__ == "__main__":
    sys.exit(train(build(), EPOCHS, WANTED))
