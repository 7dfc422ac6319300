"""PyTorch: eager, or a whole step in one `torch.compile`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from benchmarks.peers.program import Peer, Program, Setup
from benchmarks.toolkit import BETA1, BETA2, EPSILON, Toolkit
from benchmarks.workload import Array


class TorchToolkit(Toolkit):
    """torch's words, and those of `torch.nn.functional`."""

    def __init__(self) -> None:
        import torch

        super().__init__(torch)
        self.functional = torch.nn.functional

    def differentiated(
        self, function: Callable[..., Any], primals: Sequence[Any], cotangent: Any = None
    ) -> tuple[Any, list[Any]]:
        torch = self.namespace
        with torch.enable_grad():
            leaves = [primal.detach().requires_grad_() for primal in primals]
            value = function(*leaves)
            gradients = torch.autograd.grad(value, leaves, cotangent)
        return value.detach(), [*gradients]

    def jacobian(self, function: Callable[[Any], Any], x: Any) -> Any:
        return self.namespace.func.jacfwd(function)(x)

    def directional(self, function: Callable[[Any], Any], x: Any, direction: Any) -> Any:
        return self.namespace.func.jvp(function, (x,), (direction,))[1]

    def blocks(self, function: Callable[..., Any], rows: Sequence[Any], constant: Any) -> list[Any]:
        func = self.namespace.func
        of_one = func.jacrev(function, argnums=tuple(range(len(rows))))
        return [*func.vmap(of_one)(*rows, constant)]

    def scan(self, step: Callable[..., Any], first: Any, rows: Any) -> Any:
        """A loop of Python's, as PyTorch has no other with derivatives."""
        state, found = first, []
        for row in self.namespace.unbind(rows):
            state, y = step(state, row)
            found.append(y)
        return self.namespace.stack(found)

    def repeated(self, holds: Callable[[Any], Any], turn: Callable[[Any], Any], state: Any) -> Any:
        """A loop of Python's: no other is differentiated in the compiled step."""
        while holds(state):
            state = turn(state)
        return state

    def literal(self, array: Any) -> Any:
        return self.namespace.from_numpy(array)

    def picked(self, x: Any, indices: Any, axis: int) -> Any:
        given = self.namespace.as_tensor(indices)
        return self.namespace.index_select(x, axis, given)

    def stack(self, parts: Sequence[Any], axis: int) -> Any:
        return self.namespace.stack([*parts], dim=axis)

    def concat(self, parts: Sequence[Any], axis: int) -> Any:
        return self.namespace.cat([*parts], dim=axis)

    def descended(self, weights: Sequence[Any], gradients: Sequence[Any], rate: float) -> list[Any]:
        """In place and all at once, as `torch.optim.SGD(foreach=True)` does it."""
        self.namespace._foreach_add_(list(weights), list(gradients), alpha=-rate)
        return [*weights]

    def adam(
        self,
        weights: Sequence[Any],
        gradients: Sequence[Any],
        means: Sequence[Any],
        squares: Sequence[Any],
        count: Any,
        rate: float,
    ) -> list[Any]:
        """In place and all at once, as `torch.optim.Adam(fused=True)` does it."""
        count += 1
        counts = [count] * len(weights)
        self.namespace._fused_adam_(
            [*weights],
            [*gradients],
            [*means],
            [*squares],
            [],
            counts,
            lr=rate,
            beta1=BETA1,
            beta2=BETA2,
            weight_decay=0.0,
            eps=EPSILON,
            amsgrad=False,
            maximize=False,
        )
        return [*weights, *means, *squares, count]

    def permute_dims(self, x: Any, axes: Sequence[int]) -> Any:
        return x.permute(axes)

    def sigmoid(self, x: Any) -> Any:
        return self.namespace.sigmoid(x)

    def relu(self, x: Any) -> Any:
        return self.functional.relu(x)

    def max(self, x: Any, axis: int) -> Any:
        return self.namespace.amax(x, dim=axis)

    def norm(self, x: Any) -> Any:
        return self.namespace.linalg.vector_norm(x)

    def mean_and_var(self, x: Any, axis: int) -> tuple[Any, Any]:
        var, mean = self.namespace.var_mean(x, dim=axis, correction=0)
        return mean, var

    def rows(self, x: Any, indices: Any) -> Any:
        return self.functional.embedding(indices, x)

    def unstack(self, x: Any) -> Any:
        return self.namespace.unbind(x)

    def softmax(self, x: Any) -> Any:
        return self.namespace.softmax(x, dim=-1)

    def attention(self, queries: Any, keys: Any, values: Any, mask: Any) -> Any:
        """Its own fused one, which is told of the mask that the workloads have."""
        fused = self.functional.scaled_dot_product_attention
        return fused(queries, keys, values, is_causal=True)

    def gelu(self, x: Any, approximate: str) -> Any:
        return self.functional.gelu(x, approximate=approximate)

    def images(self, x: Any) -> Any:
        """Channels first, of what lies in memory with the channels last."""
        return x.permute(0, 3, 1, 2)

    def conv2d(self, x: Any, w: Any, bias: Any = None, padding: int = 0) -> Any:
        return self.functional.conv2d(x, w.permute(0, 3, 1, 2), bias, padding=padding)

    def max_pool2d(self, x: Any) -> Any:
        return self.functional.max_pool2d(x, 2)

    def batch_norm(self, x: Any, scale: Any, shift: Any) -> Any:
        return self.functional.batch_norm(x, None, None, scale, shift, training=True)

    def layer_norm(self, x: Any, scale: Any, shift: Any) -> Any:
        return self.functional.layer_norm(x, x.shape[-1:], scale, shift)

    def softmax_cross_entropy(self, logits: Any, labels: Any) -> Any:
        return self.functional.cross_entropy(logits, labels.long())  # it takes no int32


class CompiledTorchToolkit(TorchToolkit):
    """The same inside `torch.compile`, where derivatives by transformation make one graph."""

    def differentiated(
        self, function: Callable[..., Any], primals: Sequence[Any], cotangent: Any = None
    ) -> tuple[Any, list[Any]]:
        value, pullback = self.namespace.func.vjp(function, *primals)
        seed = self.namespace.ones_like(value) if cotangent is None else cotangent
        return value, [*pullback(seed)]

    def descended(self, weights: Sequence[Any], gradients: Sequence[Any], rate: float) -> list[Any]:
        return Toolkit.descended(self, weights, gradients, rate)

    def adam(self, *state: Any) -> list[Any]:
        return Toolkit.adam(self, *state)


class TorchPeer(Peer):
    """Variants: "" is eager, "compile" compiles with the default backend (needs a C++ compiler)."""

    def prepare(self, setup: Setup) -> str:
        import torch

        torch.set_num_threads(setup.threads)
        torch.set_num_interop_threads(1)
        torch.set_grad_enabled(False)
        return str(torch.__version__)

    def build(self, setup: Setup, inputs: Mapping[str, Array]) -> Program:
        import torch

        workload = setup.workload
        toolkit = CompiledTorchToolkit() if self.variant == "compile" else TorchToolkit()
        formula = partial(workload.builders["torch"], toolkit)
        if workload.entry == "resident" and not workload.state:
            formula = partial(_row_major, formula)
        if self.variant == "compile":
            formula = torch.compile(formula, fullgraph=True, dynamic=False)
        if workload.entry != "resident":
            if not workload.derivatives:
                torch.inference_mode().__enter__()  # for the life of the process
            given = tuple(inputs.values())
            convert = torch.from_numpy
            return Program(
                lambda: [part.numpy() for part in formula(*(convert(x) for x in given))], list
            )
        tensors = {name: torch.from_numpy(array) for name, array in inputs.items()}
        if not workload.state:
            return Program(partial(formula, *tensors.values()), _arrays)

        def call() -> Any:
            outputs, new = formula(*tensors.values())
            tensors.update(zip(workload.state, new, strict=True))
            return outputs

        return Program(call, _arrays, lambda: _arrays([tensors[n] for n in workload.state]))


def _row_major(formula: Callable[..., Any], *tensors: Any) -> list[Any]:
    """The outputs, copied where their elements lie in another order, as after a transpose."""
    return [part.contiguous() for part in formula(*tensors)]


def _arrays(outputs: Any) -> list[Array]:
    return [np.array(part.numpy()) for part in outputs]
