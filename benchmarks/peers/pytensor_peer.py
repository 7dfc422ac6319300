"""PyTensor: one `function`; inputs and state are shared variables."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, cast

import numpy as np

from benchmarks.peers.numpy_peer import row_major
from benchmarks.peers.program import Peer, Program, Setup
from benchmarks.toolkit import Toolkit
from benchmarks.workload import Array


class PytensorToolkit(Toolkit):
    """pytensor.tensor's words."""

    def __init__(self) -> None:
        import pytensor
        import pytensor.tensor.special

        super().__init__(pytensor.tensor)
        self.grad = pytensor.grad

    def differentiated(
        self, function: Callable[..., Any], primals: Sequence[Any], cotangent: Any = None
    ) -> tuple[Any, list[Any]]:
        value = function(*primals)
        if cotangent is None:
            return value, self.grad(value, list(primals))
        return value, self.grad(None, list(primals), known_grads={value: cotangent})

    def permute_dims(self, x: Any, axes: Sequence[int]) -> Any:
        return x.transpose(axes)

    def sigmoid(self, x: Any) -> Any:
        return self.namespace.sigmoid(x)

    def softmax_cross_entropy(self, logits: Any, labels: Any) -> Any:
        scores = self.namespace.special.log_softmax(logits, axis=1)
        return -self.namespace.mean(scores[self.namespace.arange(labels.shape[0]), labels])


class PytensorPeer(Peer):
    """Variants are its modes: "CVM" compiles C, "NUMBA" compiles with Numba."""

    def prepare(self, setup: Setup) -> str:
        # OpenMP pays for large arrays and makes small calls slower.
        workload = setup.workload
        large = workload.entry == "resident" and not workload.state
        flags = {
            "base_compiledir": os.path.join(os.environ["BENCHMARK_SCRATCH"], "pytensor"),
            "floatX": setup.dtype if setup.dtype.startswith("float") else "float32",
            "openmp": str(large and setup.threads > 1),
        }
        os.environ["PYTENSOR_FLAGS"] = ",".join(f"{name}={value}" for name, value in flags.items())
        warnings.filterwarnings("ignore", message=".*BLAS.*")
        import pytensor

        return str(pytensor.__version__)

    def build(self, setup: Setup, inputs: Mapping[str, Array]) -> Program:
        import pytensor

        workload = setup.workload
        resident = workload.entry == "resident"
        variables = {
            name: pytensor.shared(array, name=name, borrow=True, shape=array.shape)
            if resident
            else pytensor.tensor.tensor(name, shape=array.shape, dtype=str(array.dtype))
            for name, array in inputs.items()
        }
        made = workload.builders["pytensor"](PytensorToolkit(), *variables.values())
        outputs, new = made if workload.state else (made, [])
        state = [variables[name] for name in workload.state]
        fed = [] if resident else [*variables.values()]
        compiled = pytensor.function(
            fed, outputs, updates=list(zip(state, new, strict=True)), mode=self.variant
        )
        compiled.trust_input = True  # leaves out its checks of the inputs
        return Program(
            _call(compiled, setup, inputs),
            _arrays,
            lambda: [variable.get_value() for variable in state],
        )


def _call(compiled: Any, setup: Setup, inputs: Mapping[str, Array]) -> Callable[[], Any]:
    if setup.workload.entry != "resident":
        return partial(compiled, *inputs.values())
    if setup.workload.state:
        return cast(Callable[[], Any], compiled)
    return lambda: [row_major(part) for part in compiled()]


def _arrays(outputs: Any) -> list[Array]:
    return [np.array(part) for part in outputs]
