"""Workload: something worth measuring, in one declaration. Needs nothing but NumPy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from zlib import crc32

import numpy as np

Array = np.ndarray[Any, Any]
Sizes = Mapping[str, int]
#: (a source of random numbers, a dtype's name, sizes) -> arrays, in the order a formula takes them.
MakeInputs = Callable[[np.random.Generator, str, Sizes], dict[str, Array]]
#: (toolkit, *inputs) -> a sequence of outputs; with state, (outputs, new values of the state).
Formula = Callable[..., Any]
#: (inputs, arrays for the outputs) -> a function without arguments that fills those arrays.
Fill = Callable[[Sequence[Array], Sequence[Array]], Callable[[], Any]]

#: Toolkits that formulas are written for; the variants of a peer share one.
TOOLKITS = ("graphc", "numpy", "jax", "torch", "pytensor", "tensorflow")


@dataclass(frozen=True)
class Work:
    """What any program has to do at least: bytes read and written, multiplications and additions.

    Transcendental functions count as nothing, so that the limit is one that no program can beat.
    """

    bytes: int
    flops: int = 0


@dataclass(frozen=True)
class Reach:
    """What graphc is meant to reach: times the best peer's speed, share of the limit, seconds.

    Peers `aside` are shown and not counted among the best. `share_alone` is the share that one
    thread reaches of what one thread can do at most, `scaling` the speed on all threads in times
    of that on one: where either is wanted, graphc is measured on one thread as well.
    `compile_seconds` are those from the declaration to the first result, with empty caches.
    """

    ratio: float | None = 0.9
    share: float | None = None
    seconds: float | None = None
    aside: tuple[str, ...] = ()
    share_alone: float | None = None
    scaling: float | None = None
    compile_seconds: float | None = None

    @property
    def concerns_one_thread(self) -> bool:
        return self.share_alone is not None or self.scaling is not None


@dataclass(frozen=True)
class Workload:
    """A name, its inputs, and a builder for each toolkit.

    - `entry`: how a call looks. "resident": the inputs lie where the program wants them, the
      outputs may stay there. "callable", "run": NumPy arrays go in and come out, through the
      program's fastest call or, where it has such a thing, a session's `run` with a feed dict.
    - `derivatives`: calls from NumPy arrays compute derivatives, which a program may have to know.
    - `without`: peers that cannot say it, though their toolkit can for another.
    - `fill`: given, results go into arrays that are there, where a program works on NumPy's:
      graphc is called with `out`, and NumPy through what `fill` returns.
    - `state`: inputs that live in the program and that each call replaces.
    - `layouts`: for a toolkit, the order of axes in which it is given an input, where it wants
      another than the declared one.
    - `dtypes`: those it makes sense in; `standard`: those measured unless others are asked for.
    - `tolerance`: largest difference from the reference by dtype, relative to the largest
      magnitude in the output concerned; 0 for dtypes that are not listed.
    """

    name: str
    summary: str
    sizes: Sizes
    small: Sizes
    inputs: MakeInputs
    builders: Mapping[str, Formula]
    work: Callable[[Sizes, int], Work] | None = None
    entry: Literal["resident", "callable", "run"] = "resident"
    derivatives: bool = False
    without: tuple[str, ...] = ()
    fill: Fill | None = None
    state: tuple[str, ...] = ()
    layouts: Mapping[str, Mapping[str, Sequence[int]]] = field(default_factory=dict)
    dtypes: tuple[str, ...] = ("float32", "float64")
    standard: tuple[str, ...] = ("float32",)
    tolerance: Mapping[str, float] = field(
        default_factory=lambda: {"float32": 1e-5, "float64": 1e-13}
    )
    reach: Reach = Reach()

    def arrays(self, dtype: str, small: bool = False) -> dict[str, Array]:
        """The inputs: the same in every process, and aligned to 64 bytes."""
        rng = np.random.default_rng([0, crc32(self.name.encode())])
        made = self.inputs(rng, dtype, self.small if small else self.sizes)
        return {name: aligned(array) for name, array in made.items()}

    def laid_out(self, toolkit: str, arrays: Mapping[str, Array]) -> dict[str, Array]:
        """Inputs with their axes in the order that the toolkit wants."""
        orders = self.layouts.get(toolkit, {})
        return {
            name: aligned(array.transpose(orders[name])) if name in orders else array
            for name, array in arrays.items()
        }

    def as_declared(self, toolkit: str, state: Sequence[Array]) -> list[Array]:
        """The toolkit's values of the state, with their axes in the declared order again."""
        orders = self.layouts.get(toolkit, {})
        return [
            np.ascontiguousarray(array.transpose(np.argsort(orders[name])))
            if name in orders
            else array
            for name, array in zip(self.state, state, strict=True)
        ]

    def least_work(self, dtype: str, small: bool = False) -> Work | None:
        """What a call has to do at least; None where that says nothing about its time."""
        if self.work is None:
            return None
        return self.work(self.small if small else self.sizes, np.dtype(dtype).itemsize)


def aligned(array: Array, boundary: int = 64) -> Array:
    """A copy at a multiple of `boundary` bytes: programs that want this need no copy then."""
    memory = np.empty(array.nbytes + boundary, np.uint8)
    start = -memory.ctypes.data % boundary
    copy = memory[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


def everywhere(formula: Formula, **own: Formula | None) -> dict[str, Formula]:
    """One formula for all toolkits but those that have their own, or None for no way at all."""
    builders = {name: own.get(name, formula) for name in TOOLKITS}
    return {name: builder for name, builder in builders.items() if builder is not None}


def normal(rng: np.random.Generator, dtype: str, *shape: int) -> Array:
    """Standard normal numbers; for an integer dtype whole numbers from -100 to 99."""
    if np.dtype(dtype).kind == "f":
        return rng.standard_normal(shape, np.dtype(dtype).type)
    return rng.integers(-100, 100, shape, np.dtype(dtype))
