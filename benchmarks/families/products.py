"""Products of two matrices: large squares, small squares, and shapes that fit no block size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from benchmarks.workload import Array, Reach, Sizes, Work, Workload, normal

LARGE = (512, 1024, 2048, 4096)
TINY = (8, 16, 24, 32, 48, 64, 96, 128)
#: Rows, inner dim and columns: primes, a wide and a tall product with few inner steps, one row.
ODD = {
    "511": (511, 511, 511),
    "1021": (1021, 1021, 1021),
    "257_1000_33": (257, 1000, 33),
    "4096_16_4096": (4096, 16, 4096),
    "1_4096_4096": (1, 4096, 4096),
}


def _operands(rng: np.random.Generator, dtype: str, sizes: Sizes) -> dict[str, Array]:
    rows, inner, columns = sizes.values()
    return {"x": normal(rng, dtype, rows, inner), "y": normal(rng, dtype, inner, columns)}


def _product(t: Any, x: Any, y: Any) -> Any:
    return [x @ y]


def _filled(inputs: Sequence[Array], outputs: Sequence[Array]) -> Callable[[], Any]:
    """OpenBLAS as directly as NumPy gives it."""
    return partial(np.dot, *inputs, outputs[0])


def _multiplying(sizes: Sizes, itemsize: int) -> Work:
    rows, inner, columns = sizes.values()
    moved = rows * inner + inner * columns + rows * columns
    return Work(moved * itemsize, 2 * rows * inner * columns)


def _workload(name: str, shape: tuple[int, int, int], small: int, **options: Any) -> Workload:
    names = ("rows", "inner", "columns")
    return Workload(
        name=name,
        summary="product of {}x{} and {}x{}".format(shape[0], shape[1], *shape[1:]),
        sizes=dict(zip(names, shape, strict=True)),
        small={
            name: min(size, small + k)
            for k, (name, size) in enumerate(zip(names, shape, strict=True))
        },
        inputs=_operands,
        builders=dict.fromkeys(("graphc", "numpy", "jax"), _product),
        work=_multiplying,
        fill=_filled,
        **options,
    )


SQUARES = tuple(
    _workload(
        f"matmul_{n}",
        (n, n, n),
        20,
        standard=("float32", "float64"),
        reach=Reach(ratio=None, share_alone=0.92, scaling=1.9),
    )
    for n in LARGE
)
SMALL_SQUARES = tuple(_workload(f"matmul_{n}", (n, n, n), 5, reach=Reach(ratio=1.2)) for n in TINY)
ODD_SHAPES = tuple(
    _workload("matmul_" + name, shape, 20, reach=Reach(ratio=1)) for name, shape in ODD.items()
)
