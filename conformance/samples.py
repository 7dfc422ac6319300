"""The operators and samples of PyTorch's testing package, and what PyTorch computes for them."""

from __future__ import annotations

import random
import warnings
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch.testing._internal.common_methods_invocations import op_db

from conformance.case import Array, Case, DTypeName, Slot, Translation
from conformance.native import as_outputs


class UnjudgedError(Exception):
    """A sample for which PyTorch itself gives nothing to compare with."""


def differentiable() -> dict[str, Any]:
    """The operators that have derivatives for float64, by name and variant."""
    return {
        _name(op): op
        for op in op_db
        if op.supports_autograd and op.supports_dtype(torch.float64, "cpu")
    }


def _name(op: Any) -> str:
    return f"{op.name}.{op.variant_test_name}" if op.variant_test_name else str(op.name)


def version() -> str:
    """That of PyTorch."""
    return str(torch.__version__)


def count(op: Any) -> int:
    """How many samples an operator has."""
    return sum(1 for _ in _drawn(op))


def cases(op: Any, numbers: range, translation: Translation) -> Iterator[Case | UnjudgedError]:
    """The samples of an operator by their numbers, computed by PyTorch."""
    torch.set_num_threads(1)
    for number, sample in enumerate(_drawn(op)):
        if number in numbers:
            try:
                yield _case(op, number, sample, translation)
            except UnjudgedError as error:
                yield error


def _drawn(op: Any) -> Iterator[Any]:
    """All samples; the same in every process."""
    seed = zlib.crc32(_name(op).encode())
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - PyTorch's samples use it
    torch.manual_seed(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield from list(op.sample_inputs("cpu", torch.float64, requires_grad=True))


def _case(op: Any, number: int, sample: Any, translation: Translation) -> Case:
    tensors: list[torch.Tensor] = []
    args = [_described(part, tensors) for part in (sample.input, *sample.args)]
    kwargs = {key: _described(part, tensors) for key, part in sample.kwargs.items()}
    arrays = [_array(tensor) for tensor in tensors]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        outputs, seeds, vjps = _computed(op, number, sample, tensors, translation)
    varied = [k for k, tensor in enumerate(tensors) if tensor.requires_grad]
    return Case(_name(op), number, args, kwargs, arrays, varied, outputs, seeds, vjps)


def _described(part: Any, tensors: list[torch.Tensor]) -> Any:
    """An argument without PyTorch's types; its tensors are added to the list."""
    if isinstance(part, torch.Tensor):
        tensors.append(part)
        return Slot(len(tensors) - 1)
    if isinstance(part, torch.dtype):
        return DTypeName(str(part).removeprefix("torch."))
    if isinstance(part, list | tuple):
        return (list if isinstance(part, list) else tuple)(_described(p, tensors) for p in part)
    return part


def _array(tensor: torch.Tensor) -> Array:
    if tensor.layout is not torch.strided or tensor.dtype in (torch.bfloat16, torch.complex32):
        raise UnjudgedError(f"{tensor.layout} of {tensor.dtype}")
    found: Array = tensor.numpy(force=True).copy()
    return found


def _computed(
    op: Any, number: int, sample: Any, tensors: Sequence[torch.Tensor],
    translation: Translation,
) -> tuple[list[Array], list[Array | None], list[Array]]:  # fmt: skip
    """Outputs, the cotangents for them, and the derivatives."""
    args = [_own(sample.input), *sample.args]
    if translation.prepared is not None:
        args = list(translation.prepared(*args))
    try:
        outputs = as_outputs(op(*args, **sample.kwargs))
    except Exception as error:
        raise UnjudgedError(f"PyTorch raises {type(error).__name__}: {error}") from error
    if translation.invariants is not None:
        outputs = list(translation.invariants(outputs))
    outputs = [_as_tensor(output) for output in outputs]
    torch.manual_seed(number)
    seeds = [
        torch.randn_like(output.detach()) if output.dtype.is_floating_point else None
        for output in outputs
    ]
    vjps = _vjps(outputs, seeds, [tensor for tensor in tensors if tensor.requires_grad])
    arrays = [_array(output) for output in outputs]
    return arrays, [None if seed is None else _array(seed) for seed in seeds], vjps


def _own(part: Any) -> Any:
    """A copy through which derivatives go, since some operators write over their input."""
    if isinstance(part, torch.Tensor):
        return part.clone() if part.requires_grad and part.layout is torch.strided else part
    return type(part)(map(_own, part)) if type(part) in (list, tuple) else part


def _as_tensor(output: Any) -> torch.Tensor:
    if isinstance(output, torch.Tensor):
        return output
    if isinstance(output, bool | int | float):
        return torch.tensor(output)
    raise UnjudgedError(f"an output is of {type(output).__name__}")


def _vjps(
    outputs: Sequence[torch.Tensor], seeds: Sequence[torch.Tensor | None],
    inputs: Sequence[torch.Tensor],
) -> list[Array]:  # fmt: skip
    if all(seed is None for seed in seeds):
        return []
    pairs = [
        (output, seed)
        for output, seed in zip(outputs, seeds, strict=True)
        if seed is not None and output.requires_grad
    ]
    if not pairs:
        return [_array(torch.zeros_like(tensor)) for tensor in inputs]
    ys, weights = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    try:
        found = torch.autograd.grad(ys, list(inputs), weights, allow_unused=True)
    except Exception as error:
        raise UnjudgedError(f"PyTorch raises {type(error).__name__}: {error}") from error
    return [
        _array(torch.zeros_like(tensor) if slope is None else slope)
        for slope, tensor in zip(found, inputs, strict=True)
    ]
