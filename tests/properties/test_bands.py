"""Random regions of wide products: with bands, and with every product in a kernel of its own."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.ir.dtypes import DType
from graphc.schedule import lowering
from graphc.schedule.bands.cutting import in_bands

Array = np.ndarray[Any, Any]

DTYPES = (gc.float32, gc.float32, gc.float64)
LENGTHS: tuple[Any, ...] = (40, 64, 130, 200, "t")


class Region:
    """A program drawn from a seed: wide products, values near them, uses, perhaps gradients."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.given: list[gc.Tensor] = []
        self.dtype: DType = self.random.choice(DTYPES)
        self.outputs = self._outputs()

    def _input(self, *shape: Any) -> gc.Tensor:
        self.given.append(gc.placeholder(self.dtype, shape, name=f"x{len(self.given)}"))
        return self.given[-1]

    def _outputs(self) -> list[gc.Tensor]:
        draw = self.random
        rows, depth = draw.choice(LENGTHS), draw.choice([1, 8, 16, 20])
        columns = draw.choice([rows, rows, 96])
        stack = draw.choice([(), (1, 2), (2, 4), ("b", 4), ("b", 1)])
        of_rows, of_columns = (*stack, rows, depth), (*stack, columns, depth)
        q, k, v = self._input(*of_rows), self._input(*of_columns), self._input(*of_columns)
        self.wide = [_scores(q, k)]
        if draw.random() < 0.3:
            self.wide.append(_scores(self._input(*of_rows), self._input(*of_columns)))
        self.rows = [gc.max(self.wide[0], axis=-1, keepdims=True)]
        for _ in range(draw.randint(1, 6)):
            draw.choice(STEPS)(self)
        outputs = [gc.matmul(self.wide[-1], v)]
        if draw.random() < 0.4:
            turned = gc.matrix_transpose(draw.choice(self.wide))
            outputs.append(gc.matmul(turned, self._input(*of_rows)))
        for chance, made in (
            (0.2, lambda: self.wide[-1]), (0.2, lambda: self.rows[-1]),
            (0.15, lambda: gc.sum(draw.choice(self.wide), axis=-2)),
        ):  # fmt: skip
            outputs += [made()] if draw.random() < chance else []
        if draw.random() < 0.6:
            total = sum(gc.sum(gc.tanh(output)) for output in outputs)
            outputs += gc.gradients(total, [q, k, v])
        return outputs


def _scores(q: gc.Tensor, k: gc.Tensor) -> gc.Tensor:
    return gc.matmul(q, gc.matrix_transpose(k)) * 0.3


def _elementwise(region: Region) -> None:
    wide, other = (region.random.choice(region.wide) for _ in range(2))
    region.wide.append(
        region.random.choice([gc.tanh(wide), wide * other * 0.1, gc.exp(-gc.square(wide))])
    )


def _softmax(region: Region) -> None:
    region.wide.append(gc.nn.softmax(region.random.choice(region.wide)))


def _along_rows(region: Region) -> None:
    reduce = region.random.choice([gc.sum, gc.max])
    region.rows.append(reduce(region.random.choice(region.wide), axis=-1, keepdims=True))


def _with_rows(region: Region) -> None:
    wide, row = region.random.choice(region.wide), region.random.choice(region.rows)
    region.wide.append(region.random.choice([wide - 0.1 * row, wide / (1 + gc.square(row))]))


def _masked(region: Region) -> None:
    wide = region.random.choice(region.wide)
    at = (gc.arange(wide.shape[axis]) for axis in (-2, -1))
    earlier = gc.expand_dims(next(at), 1) >= gc.expand_dims(next(at), 0)
    region.wide.append(gc.where(earlier, wide, 0.0))


def _noisy(region: Region) -> None:
    """With numbers that follow from the position."""
    wide = region.random.choice(region.wide)
    across, down = (gc.astype(gc.arange(wide.shape[axis]), wide.dtype) for axis in (-1, -2))
    noise = gc.sin(gc.expand_dims(down, 1) * region.random.choice([3.0, 5.0]) + across)
    region.wide.append(region.random.choice([wide * noise, gc.where(noise > 0.5, wide, noise)]))


STEPS: tuple[Callable[[Region], None], ...] = (
    _elementwise, _softmax, _along_rows, _with_rows, _masked, _noisy,
)  # fmt: skip


def results(seed: int, threads: int) -> list[Array]:
    """The outputs of a region for one feed."""
    with gc.Graph():
        region = Region(seed)
    rng = np.random.default_rng(seed)
    sizes = {"t": int(rng.choice([1, 7, 66, 140])), "b": int(rng.choice([1, 3]))}
    feeds = [
        rng.normal(size=[sizes.get(str(n), n) for n in given.shape]).astype(given.dtype.numpy)
        for given in region.given
    ]
    with gc.Session(region.given[0].graph, threads=threads) as session:
        return [
            np.array(one) for one in session.make_callable(region.outputs, region.given)(*feeds)
        ]


@pytest.mark.parametrize(
    "seed", [*range(12), *(pytest.param(k, marks=pytest.mark.long) for k in range(12, 400))]
)
def test_bands_change_no_bit(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever wide values come from on the way back: memory, if they fit, or once more."""
    if seed % 2:
        monkeypatch.setattr(lowering, "in_bands", in_bands)
    with_bands = results(seed, 2)
    monkeypatch.setattr(lowering, "in_bands", lambda graph: (graph, ()))
    for one, other in zip(with_bands, results(seed, 1), strict=True):
        np.testing.assert_array_equal(one, other)
