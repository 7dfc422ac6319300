"""One sample of an operator, with what PyTorch computes for it, in NumPy's arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Slot:
    """Where an array stands among the arguments: its number in `Case.arrays`."""

    number: int


@dataclass(frozen=True, slots=True)
class DTypeName:
    """A dtype among the arguments, by the name that NumPy has for it."""

    name: str


@dataclass(frozen=True)
class Case:
    """The arguments of a call, and what it gives.

    `args` and `kwargs` are nested as the operator's are, with a `Slot` for each array. `varied`
    are the arrays by which the outputs are differentiated; `vjps` belong to them, for the
    `cotangents` of the outputs (None for an output that is no float).
    """

    op: str
    number: int
    args: Sequence[Any]
    kwargs: Mapping[str, Any]
    arrays: Sequence[Array]
    varied: Sequence[int]
    outputs: Sequence[Array]
    cotangents: Sequence[Array | None]
    vjps: Sequence[Array]


class WrongTypeError(Exception):
    """An output of another shape or dtype than PyTorch's."""


class Refusal(Exception):
    """A call that graphc has no equivalent of; the message says why."""


@dataclass(frozen=True, slots=True)
class Translation:
    """How an operator of PyTorch is written in graphc.

    `apply` takes PyTorch's arguments, with graphc's tensors in them, and returns a tensor or a
    sequence of tensors. An operator that is defined for some inputs only, as symmetric matrices, is
    given what `prepared` makes of the samples' positional arguments. What an operator leaves open,
    as the signs of eigenvectors, is removed from the outputs by `invariants`, or from the
    derivatives by `comparable`. All three are applied to both sides, so the first two must work on
    tensors of either kind. `slack` is by how much tolerances are wider. `remark` says why there is
    any of these.
    """

    apply: Callable[..., Any]
    prepared: Callable[..., Sequence[Any]] | None = None
    invariants: Callable[[Sequence[Any]], Sequence[Any]] | None = None
    comparable: Callable[[Case, Sequence[Array]], Sequence[Array]] | None = None
    slack: float = 1.0
    remark: str = ""


class Status(Enum):
    """What became of a sample."""

    AGREES = "agreeing"
    REFUSED = "refused"
    DISAGREES = "disagreeing"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The judgement of one sample; `reason` says why it does not agree."""

    op: str
    number: int
    status: Status
    reason: str = ""
    call: str = field(default="", compare=False)
