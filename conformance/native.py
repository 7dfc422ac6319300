"""A sample computed by graphc: one graph, one session, one native run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import graphc as gc
from conformance.case import Array, Case, DTypeName, Refusal, Slot, Translation, WrongTypeError


@dataclass(frozen=True, slots=True)
class Found:
    """What graphc computes for a sample."""

    outputs: Sequence[Array]
    vjps: Sequence[Array]


def compute(case: Case, translation: Translation) -> Found:
    """Values and vector-Jacobian products.

    Whatever graphc raises is raised; Refusal for what the translation has no equivalent of.
    """
    with gc.Graph() as graph:
        inputs = [_placeholder(array) for array in case.arrays]
        args, kwargs = _filled(case.args, inputs), _filled(case.kwargs, inputs)
        if translation.prepared is not None:
            args = translation.prepared(*args)
        outputs = as_outputs(translation.apply(*args, **kwargs))
        if translation.invariants is not None:
            outputs = as_outputs(translation.invariants(outputs))
        _check_types(case, outputs)
        seeds, slopes = _gradients(case, inputs, outputs)
    feeds = dict(zip(inputs, case.arrays, strict=True))
    feeds.update(zip(seeds, (part for part in case.cotangents if part is not None), strict=False))
    with gc.Session(graph, threads=1) as session:
        values, vjps = session.run([outputs, slopes], _needed(graph, [*outputs, *slopes], feeds))
    return Found(values, vjps)


def as_outputs(result: Any) -> list[Any]:
    """The results of a call, be it one tensor or several."""
    return list(result) if isinstance(result, list | tuple) else [result]


def _check_types(case: Case, outputs: Sequence[gc.Tensor]) -> None:
    """Before derivatives are built, so that a shape that is wrong is no refusal of a weight's."""
    found = [f"{x.dtype.numpy}{list(x.shape)}" for x in outputs]
    wanted = [f"{array.dtype}{list(array.shape)}" for array in case.outputs]
    if found != wanted:
        raise WrongTypeError(f"{', '.join(found)} instead of {', '.join(wanted)}")


def _placeholder(array: Array) -> gc.Tensor:
    if array.dtype.kind == "c":
        raise Refusal("complex numbers")
    return gc.placeholder(array.dtype, array.shape)


def _filled(part: Any, inputs: Sequence[gc.Tensor]) -> Any:
    """The arguments with a placeholder in every slot."""
    match part:
        case Slot(number):
            return inputs[number]
        case DTypeName(name):
            return getattr(gc, name) if hasattr(gc, name) else _no_dtype(name)
        case list() | tuple():
            return type(part)(_filled(each, inputs) for each in part)
        case Mapping():
            return {key: _filled(each, inputs) for key, each in part.items()}
        case _:
            return part


def _no_dtype(name: str) -> gc.DType:
    raise Refusal(f"the dtype {name}")


def _gradients(
    case: Case, inputs: Sequence[gc.Tensor], outputs: Sequence[gc.Tensor]
) -> tuple[list[gc.Tensor], list[gc.Tensor]]:
    """Placeholders for the cotangents, and the derivatives for them."""
    pairs = [
        (output, gc.placeholder(seed.dtype, seed.shape))
        for output, seed in zip(outputs, case.cotangents, strict=False)
        if seed is not None
    ]
    if not pairs or not case.varied:
        return [], []
    ys, seeds = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    return seeds, gc.gradients(ys, [inputs[k] for k in case.varied], grad_ys=seeds)


def _needed(
    graph: gc.Graph, fetches: Sequence[gc.Tensor], feeds: Mapping[gc.Tensor, Array]
) -> dict[gc.Tensor, Array]:
    read = set(graph.extract(fetches).placeholders)
    return {tensor: array for tensor, array in feeds.items() if tensor.node in read}
