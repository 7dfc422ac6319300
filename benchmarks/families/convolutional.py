"""Training steps of convolutional networks. Images are declared as NCHW, kernels as OIHW.

JAX, TensorFlow and PyTorch are faster with the channels last, and are given both that way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.peers import numpy_images as images
from benchmarks.workload import Array, Reach, Sizes, Work, Workload, normal

RATE = 0.01
#: Orders of axes: of images, of kernels in TensorFlow and in PyTorch, and of the dense weights
#: after the images, whose rows PyTorch takes in the order of channels first.
_NHWC, _HWIO, _OHWI, _HWCO = (0, 2, 3, 1), (2, 3, 1, 0), (0, 2, 3, 1), (1, 2, 0, 3)
_LENET = ("k1", "b1", "k2", "b2", "w3", "b3", "w4", "b4", "w5", "b5")
_RESIDUAL = ("k1", "scale1", "shift1", "k2", "scale2", "shift2")
#: Where an activation is within rounding of 0, programs differ in whether it is cut off.
_TOLERANCE = {"float32": 5e-3, "float64": 1e-12}


def _lenet_shapes(sizes: Sizes) -> dict[str, tuple[int, ...]]:
    side = (sizes["side"] // 2 - 4) // 2  # of the second pooling's result
    return {
        "k1": (6, 1, 5, 5),
        "b1": (6,),
        "k2": (16, 6, 5, 5),
        "b2": (16,),
        "w3": (16, side, side, 120),  # rows in the order of a flattened image
        "b3": (120,),
        "w4": (120, 84),
        "b4": (84,),
        "w5": (84, 10),
        "b5": (10,),
    }


def _residual_shapes(sizes: Sizes) -> dict[str, tuple[int, ...]]:
    kernel, channel = (sizes["channels"], sizes["channels"], 3, 3), (sizes["channels"],)
    return dict(zip(_RESIDUAL, (kernel, channel, channel) * 2, strict=True))


def _weights(
    rng: np.random.Generator, dtype: str, shapes: Mapping[str, tuple[int, ...]]
) -> dict[str, Array]:
    """Normal numbers: of variance 2 over the number of products in a sum, small ones for others."""

    def deviation(name: str, shape: tuple[int, ...]) -> Any:
        summed = {"k": shape[1:], "w": shape[:-1]}.get(name[0])
        return np.sqrt(2 / np.prod(summed)).astype(dtype) if summed else 0.1

    return {
        name: normal(rng, dtype, *shape) * deviation(name, shape) for name, shape in shapes.items()
    }


def _lenet_inputs(rng: np.random.Generator, dtype: str, sizes: Sizes) -> dict[str, Array]:
    batch, side = sizes["batch"], sizes["side"]
    return {
        "x": normal(rng, dtype, batch, 1, side, side),
        "labels": rng.integers(0, 10, batch, np.int32),
        **_weights(rng, dtype, _lenet_shapes(sizes)),
    }


def _residual_inputs(rng: np.random.Generator, dtype: str, sizes: Sizes) -> dict[str, Array]:
    shape = (sizes["batch"], sizes["channels"], sizes["side"], sizes["side"])
    weights = _weights(rng, dtype, _residual_shapes(sizes))
    for name in ("scale1", "scale2"):
        weights[name] += 1
    return {"x": normal(rng, dtype, *shape), "y": normal(rng, dtype, *shape), **weights}


def _lenet(t: Any, x: Any, labels: Any, *weights: Any) -> Any:
    x = t.images(x)

    def loss(*weights: Any) -> Any:
        k1, b1, k2, b2, w3, b3, w4, b4, w5, b5 = weights
        first = t.max_pool2d(t.relu(t.conv2d(x, k1, b1, padding=2)))
        second = t.max_pool2d(t.relu(t.conv2d(first, k2, b2)))
        flat = t.reshape(second, (second.shape[0], -1))
        third = t.relu(flat @ t.reshape(w3, (-1, w3.shape[-1])) + b3)
        return t.softmax_cross_entropy(t.relu(third @ w4 + b4) @ w5 + b5, labels)

    value, gradients = t.differentiated(loss, weights)
    return [value], t.descended(weights, gradients, RATE)


def _residual(t: Any, x: Any, y: Any, *weights: Any) -> Any:
    x, y = t.images(x), t.images(y)

    def loss(k1: Any, scale1: Any, shift1: Any, k2: Any, scale2: Any, shift2: Any) -> Any:
        inner = t.relu(t.batch_norm(t.conv2d(x, k1, padding=1), scale1, shift1))
        outer = t.batch_norm(t.conv2d(inner, k2, padding=1), scale2, shift2)
        error = t.relu(outer + x) - y
        return t.mean(error * error)

    value, gradients = t.differentiated(loss, weights)
    return [value], t.descended(weights, gradients, RATE)


def _lenet_by_hand(t: Any, x: Array, labels: Array, *weights: Array) -> Any:
    k1, b1, k2, b2, w3, b3, w4, b4, w5, b5 = weights
    first = np.maximum(images.conv2d(x, k1, 2) + b1[:, None, None], 0)
    pooled1 = images.max_pool2d(first)
    second = np.maximum(images.conv2d(pooled1, k2) + b2[:, None, None], 0)
    pooled2 = images.max_pool2d(second)
    flat, matrix = pooled2.reshape(len(x), -1), w3.reshape(-1, w3.shape[-1])
    third = np.maximum(flat @ matrix + b3, 0)
    fourth = np.maximum(third @ w4 + b4, 0)
    value, slope5 = t.cross_entropy_and_slope(fourth @ w5 + b5, labels)
    slope4 = (slope5 @ w5.T) * (fourth > 0)
    slope3 = (slope4 @ w4.T) * (third > 0)
    by_pooled2 = (slope3 @ matrix.T).reshape(pooled2.shape)
    slope2 = images.max_pool2d_slope(second, pooled2, by_pooled2) * (second > 0)
    by_pooled1 = images.conv2d_slope_by_x(k2, slope2)
    slope1 = images.max_pool2d_slope(first, pooled1, by_pooled1) * (first > 0)
    gradients = [
        images.conv2d_slope_by_w(x, k1, slope1, 2),
        slope1.sum(axis=(0, 2, 3)),
        images.conv2d_slope_by_w(pooled1, k2, slope2),
        slope2.sum(axis=(0, 2, 3)),
        (flat.T @ slope3).reshape(w3.shape),
    ]
    gradients += [slope3.sum(axis=0), third.T @ slope4, slope4.sum(axis=0)]
    gradients += [fourth.T @ slope5, slope5.sum(axis=0)]
    return [value], t.descended(weights, gradients, RATE)


def _residual_by_hand(t: Any, x: Array, y: Array, *weights: Array) -> Any:
    k1, scale1, shift1, k2, scale2, shift2 = weights
    norm1 = images.BatchNorm(images.conv2d(x, k1, 1), scale1, shift1)
    inner = np.maximum(norm1.value, 0)
    norm2 = images.BatchNorm(images.conv2d(inner, k2, 1), scale2, shift2)
    sums = norm2.value + x
    error = np.maximum(sums, 0) - y
    slope = error * (2 / error.size) * (sums > 0)
    by_conv2, by_scale2, by_shift2 = norm2.slopes(slope)
    by_inner = images.conv2d_slope_by_x(k2, by_conv2, 1)
    by_conv1, by_scale1, by_shift1 = norm1.slopes(by_inner * (inner > 0))
    by_k1 = images.conv2d_slope_by_w(x, k1, by_conv1, 1)
    by_k2 = images.conv2d_slope_by_w(inner, k2, by_conv2, 1)
    gradients = [by_k1, by_scale1, by_shift1, by_k2, by_scale2, by_shift2]
    return [np.mean(error * error)], t.descended(weights, gradients, RATE)


def _weights_moved(shapes: dict[str, tuple[int, ...]]) -> int:
    """Elements of the weights, read and written."""
    return 2 * int(sum(np.prod(shape) for shape in shapes.values()))


def _lenet_work(sizes: Sizes, itemsize: int) -> Work:
    """Each product three times, but for the first, since no gradient by the images is needed."""
    batch, side = sizes["batch"], sizes["side"]
    shapes = _lenet_shapes(sizes)
    first, second = side * side * 6 * 25, (side // 2 - 4) ** 2 * 16 * 150
    rest = second + int(sum(np.prod(shapes[name]) for name in ("w3", "w4", "w5")))
    moved = batch * side * side + _weights_moved(shapes) + 1
    return Work(moved * itemsize + 4 * batch, 2 * batch * (2 * first + 3 * rest))


def _residual_work(sizes: Sizes, itemsize: int) -> Work:
    """Two convolutions three times, but for the first's gradient by the images."""
    images, channels = sizes["batch"] * sizes["side"] ** 2, sizes["channels"]
    moved = 2 * images * channels + _weights_moved(_residual_shapes(sizes)) + 1
    return Work(moved * itemsize, 5 * 2 * images * channels * 9 * channels)


def _builders(formula: Any, by_hand: Any) -> dict[str, Any]:
    return {
        **dict.fromkeys(("graphc", "jax", "torch", "tensorflow"), formula),
        "numpy": by_hand,
    }


def _layouts(*names: str) -> dict[str, dict[str, Sequence[int]]]:
    """Channels last for images of these names, and for weights."""
    here: dict[str, Sequence[int]] = dict.fromkeys(names, _NHWC)
    last = {**here, "k1": _HWIO, "k2": _HWIO, "w3": _HWCO}
    return {"jax": last, "tensorflow": last, "torch": {**here, "k1": _OHWI, "k2": _OHWI}}


FAMILY = (
    Workload(
        name="lenet_step",
        summary="a step of gradient descent on LeNet-5, batch 128 of 28x28, weights inside",
        sizes={"batch": 128, "side": 28},
        small={"batch": 3, "side": 12},
        inputs=_lenet_inputs,
        builders=_builders(_lenet, _lenet_by_hand),
        work=_lenet_work,
        state=_LENET,
        layouts=_layouts("x"),
        tolerance=_TOLERANCE,
        reach=Reach(ratio=2),
    ),
    Workload(
        name="residual_step",
        summary="a step of gradient descent on two 3x3x64 convolutions with batch norm, added to "
        "their input, 32x64x28x28, weights inside",
        sizes={"batch": 32, "channels": 64, "side": 28},
        small={"batch": 3, "channels": 4, "side": 6},
        inputs=_residual_inputs,
        builders=_builders(_residual, _residual_by_hand),
        work=_residual_work,
        state=_RESIDUAL,
        layouts=_layouts("x", "y"),
        tolerance=_TOLERANCE,
        reach=Reach(ratio=1.3),
    ),
)
