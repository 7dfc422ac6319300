"""Convolution, pooling and batch norm in NumPy with their derivatives, NCHW and OIHW."""

from __future__ import annotations

import numpy as np

from benchmarks.workload import Array

EPSILON = 1e-5


def conv2d(x: Array, w: Array, padding: int = 0) -> Array:
    """Sums of products of the weights and the window at every position."""
    sums = np.tensordot(_windows(x, w, padding), w, axes=((1, 4, 5), (1, 2, 3)))
    return np.ascontiguousarray(sums.transpose(0, 3, 1, 2))


def conv2d_slope_by_w(x: Array, w: Array, slope: Array, padding: int = 0) -> Array:
    """The derivative of sum(conv2d(x, w)*slope) by w."""
    return np.tensordot(slope, _windows(x, w, padding), axes=((0, 2, 3), (0, 2, 3)))


def conv2d_slope_by_x(w: Array, slope: Array, padding: int = 0) -> Array:
    """The derivative of sum(conv2d(x, w)*slope) by x: a convolution with the turned weights."""
    turned = np.ascontiguousarray(w[:, :, ::-1, ::-1].transpose(1, 0, 2, 3))
    return conv2d(slope, turned, w.shape[2] - 1 - padding)


def _windows(x: Array, w: Array, padding: int) -> Array:
    """[N, C, H', W', h, w]: the window at every position."""
    around = ((0, 0), (0, 0), (padding, padding), (padding, padding))
    wide = np.pad(x, around) if padding else x
    return np.lib.stride_tricks.sliding_window_view(wide, w.shape[2:], axis=(2, 3))


def max_pool2d(x: Array) -> Array:
    """The maximum of every square of two by two."""
    return np.maximum(
        np.maximum(x[:, :, ::2, ::2], x[:, :, 1::2, ::2]),
        np.maximum(x[:, :, ::2, 1::2], x[:, :, 1::2, 1::2]),
    )


def max_pool2d_slope(x: Array, pooled: Array, slope: Array) -> Array:
    """The derivative of sum(pooled*slope) by x; elements that tie all get it."""
    highest, spread = (a.repeat(2, axis=2).repeat(2, axis=3) for a in (pooled, slope))
    return np.where(x == highest, spread, 0).astype(x.dtype, copy=False)


class BatchNorm:
    """x brought to mean 0 and variance 1 (plus 1e-5) in each channel, scaled and shifted."""

    def __init__(self, x: Array, scale: Array, shift: Array) -> None:
        self._gain = scale[:, None, None]
        centred = x - x.mean(axis=(0, 2, 3), keepdims=True)
        spread = np.mean(centred * centred, axis=(0, 2, 3), keepdims=True)
        self._rate = 1 / np.sqrt(spread + x.dtype.type(EPSILON))
        self._normal = centred * self._rate
        self.value = self._normal * self._gain + shift[:, None, None]

    def slopes(self, slope: Array) -> tuple[Array, Array, Array]:
        """The derivatives of sum(value*slope) by x, scale and shift."""
        by_scale = np.sum(slope * self._normal, axis=(0, 2, 3))
        by_shift = np.sum(slope, axis=(0, 2, 3))
        count = slope.size // len(by_scale)
        mean, tilt = (by[:, None, None] / count for by in (by_shift, by_scale))
        by_x = self._gain * self._rate * (slope - mean - self._normal * tilt)
        return by_x, by_scale, by_shift
