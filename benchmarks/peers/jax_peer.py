"""JAX: everything in one `jit`, state in donated buffers."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from benchmarks.peers.program import Peer, Program, Setup
from benchmarks.toolkit import Toolkit
from benchmarks.workload import Array


class JaxToolkit(Toolkit):
    """jax.numpy's words, and those of `jax.nn`. Images have their channels last."""

    CHANNELS = 3

    def __init__(self) -> None:
        import jax

        super().__init__(jax.numpy)
        self.jax = jax

    def differentiated(
        self, function: Callable[..., Any], primals: Sequence[Any], cotangent: Any = None
    ) -> tuple[Any, list[Any]]:
        value, pullback = self.jax.vjp(function, *primals)
        seed = self.namespace.ones_like(value) if cotangent is None else cotangent
        return value, [*pullback(seed)]

    def jacobian(self, function: Callable[[Any], Any], x: Any) -> Any:
        return self.jax.jacfwd(function)(x)

    def directional(self, function: Callable[[Any], Any], x: Any, direction: Any) -> Any:
        return self.jax.jvp(function, (x,), (direction,))[1]

    def forward(self, function: Callable[[Any], Any], x: Any) -> tuple[Any, Any]:
        value, derivative = self.jax.jvp(function, (x,), (self.namespace.ones_like(x),))
        return value, derivative

    def blocks(self, function: Callable[..., Any], rows: Sequence[Any], constant: Any) -> list[Any]:
        of_one = self.jax.jacrev(function, argnums=tuple(range(len(rows))))
        return [*self.jax.vmap(of_one)(*rows, constant)]

    def scan(self, step: Callable[..., Any], first: Any, rows: Any) -> Any:
        return self.jax.lax.scan(step, first, rows)[1]

    def repeated(self, holds: Callable[[Any], Any], turn: Callable[[Any], Any], state: Any) -> Any:
        return self.jax.lax.while_loop(holds, turn, state)

    def sigmoid(self, x: Any) -> Any:
        return self.jax.nn.sigmoid(x)

    def relu(self, x: Any) -> Any:
        return self.jax.nn.relu(x)

    def along(self, step: Callable[[Any, Any], Any], state: Any, rows: Any) -> Any:
        return self.jax.lax.scan(lambda now, row: (step(now, row), None), state, rows)[0]

    def rows(self, x: Any, indices: Any) -> Any:
        return x[indices]

    def softmax(self, x: Any) -> Any:
        return self.jax.nn.softmax(x)

    def logsumexp(self, x: Any, axis: int) -> Any:
        return self.jax.nn.logsumexp(x, axis)

    def gelu(self, x: Any, approximate: str) -> Any:
        return self.jax.nn.gelu(x, approximate=approximate == "tanh")

    def conv2d(self, x: Any, w: Any, bias: Any = None, padding: int = 0) -> Any:
        around, orders = [(padding, padding)] * 2, ("NHWC", "HWIO", "NHWC")
        sums = self.jax.lax.conv_general_dilated(x, w, (1, 1), around, dimension_numbers=orders)
        return sums if bias is None else sums + bias

    def max_pool2d(self, x: Any) -> Any:
        """By a reshape, whose derivative is faster than that of `reduce_window`."""
        images, height, width, channels = x.shape
        squares = x.reshape(images, height // 2, 2, width // 2, 2, channels)
        return squares.max((2, 4))

    def softmax_cross_entropy(self, logits: Any, labels: Any) -> Any:
        """The logarithm of the sum less the label's score: faster here than by log_softmax."""
        totals = self.jax.nn.logsumexp(logits, axis=1)
        scores = self.namespace.take_along_axis(logits, labels[:, None], axis=1)[:, 0]
        return self.namespace.mean(totals - scores)


class JaxPeer(Peer):
    """One device; its thread pool has as many threads as NPROC says."""

    def prepare(self, setup: Setup) -> str:
        os.environ["NPROC"] = str(setup.threads)
        os.environ["JAX_PLATFORMS"] = "cpu"
        many = str(setup.threads > 1).lower()
        os.environ["XLA_FLAGS"] = f"--xla_cpu_multi_thread_eigen={many}"
        import jax

        jax.config.update("jax_enable_x64", setup.dtype in ("float64", "int64"))
        return str(jax.__version__)

    def build(self, setup: Setup, inputs: Mapping[str, Array]) -> Program:
        import jax

        workload = setup.workload
        formula = partial(workload.builders["jax"], JaxToolkit())
        if workload.entry != "resident":
            compiled = jax.jit(formula)
            given = tuple(inputs.values())
            return Program(lambda: [np.asarray(part) for part in compiled(*given)], list)
        resident = {name: jax.device_put(array) for name, array in inputs.items()}
        if workload.state:
            return _stateful(setup, formula, resident)
        compiled, wait = jax.jit(formula), jax.block_until_ready
        arguments = tuple(resident.values())
        return Program(lambda: wait(compiled(*arguments)), _arrays)


def _stateful(setup: Setup, formula: Callable[..., Any], resident: dict[str, Any]) -> Program:
    """Each call takes the state's buffers over; only the end of a batch waits for results."""
    import jax

    names = setup.workload.state
    order = [*resident]
    given = {name: array for name, array in resident.items() if name not in names}

    def step(state: Sequence[Any], rest: Mapping[str, Any]) -> Any:
        named = {**rest, **dict(zip(names, state, strict=True))}
        return formula(*(named[name] for name in order))

    compiled = jax.jit(step, donate_argnums=0)
    state = [resident[name] for name in names]

    def call() -> Any:
        nonlocal state
        outputs, state = compiled(state, given)
        return outputs

    def settle() -> None:
        jax.block_until_ready(state)

    return Program(call, _arrays, lambda: _arrays(state), settle)


def _arrays(outputs: Any) -> list[Array]:
    return [np.array(part) for part in outputs]
