"""What the tests of this room share: graphs run by the NumPy interpreter, and errors' lines."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import GraphcError
from graphc.ir import dims
from graphc.ir.verifier import verify
from graphc.runtime.reference import bind_sizes, evaluate

Array = np.ndarray[Any, Any]
Compute = Callable[..., Any]


def compute_values(fetches: Any, feeds: Mapping[gc.Tensor, Any] | None = None) -> Any:
    tensors = [fetches] if isinstance(fetches, gc.Tensor) else list(fetches)
    program = tensors[0].graph.extract(tensors)
    verify(program)
    given = {tensor.node: np.asarray(value, tensor.dtype.numpy) for tensor, value in _pairs(feeds)}
    inputs = {node: given[node] for node in program.placeholders}
    initial = tensors[0].graph.initial_values
    inputs.update({node: initial[node] for node in program.variables})
    sizes = bind_sizes(program, inputs)
    for guard in program.guards:
        assert dims.evaluate(guard.left, sizes) == dims.evaluate(guard.right, sizes), guard
    outputs, _ = evaluate(program, inputs, sizes)
    for tensor, value in zip(tensors, outputs, strict=True):
        assert value.shape == tuple(dims.evaluate(size, sizes) for size in tensor.shape)
        assert value.dtype == tensor.dtype.numpy
    return outputs[0] if isinstance(fetches, gc.Tensor) else outputs


def _pairs(feeds: Mapping[gc.Tensor, Any] | None) -> list[tuple[gc.Tensor, Any]]:
    return list((feeds or {}).items())


@pytest.fixture
def compute() -> Compute:
    """compute(tensors, {placeholder: array}): values, of the declared shapes and dtypes."""
    return compute_values


@pytest.fixture
def graph() -> Iterator[gc.Graph]:
    """A graph that is being built during the test."""
    with gc.Graph() as graph:
        yield graph


@pytest.fixture
def fails() -> Callable[..., Any]:
    """`with fails(error, part of the message):`, which also says the line of this very statement.

    The statement that fails stands on the line below the `with`.
    """

    @contextmanager
    def expect(error: type[GraphcError], text: str, *, op: str | None = None) -> Iterator[None]:
        frame = inspect.stack(0)[2]
        with pytest.raises(error) as caught:
            yield
        assert text in caught.value.message
        assert op is None or caught.value.op == op
        location = caught.value.location
        assert location is not None
        assert (location.file, location.line) == (frame.filename, frame.lineno + 1)
        assert f"{location.file}:{location.line}" in str(caught.value)

    return expect
