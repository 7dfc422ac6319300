"""TensorFlow as version 1 had it: a graph, a session, `make_callable`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import log
from typing import Any

import numpy as np

from benchmarks.peers.program import Peer, Program, Setup
from benchmarks.toolkit import BETA1, BETA2, EPSILON, Toolkit
from benchmarks.workload import Array


class TensorflowToolkit(Toolkit):
    """tensorflow's words. Images have their channels last.

    `variables` are those that tensors were read from, by `Tensor.ref()`.
    """

    CHANNELS = 3

    def __init__(self, variables: Mapping[Any, Any] | None = None) -> None:
        import tensorflow

        super().__init__(tensorflow)
        self.variables = variables or {}

    def differentiated(
        self, function: Callable[..., Any], primals: Sequence[Any], cotangent: Any = None
    ) -> tuple[Any, list[Any]]:
        value = function(*primals)
        seeds = None if cotangent is None else [cotangent]
        gradients = self.namespace.gradients(value, list(primals), seeds)
        return value, [self.namespace.convert_to_tensor(gradient) for gradient in gradients]

    def repeated(self, holds: Callable[[Any], Any], turn: Callable[[Any], Any], state: Any) -> Any:
        (last,) = self.namespace.while_loop(holds, lambda y: [turn(y)], [state])
        return last

    def descended(self, weights: Sequence[Any], gradients: Sequence[Any], rate: float) -> list[Any]:
        """In place, as `GradientDescentOptimizer` does it, once all gradients are there."""
        tensorflow = self.namespace
        alpha = tensorflow.constant(rate, weights[0].dtype)
        with tensorflow.control_dependencies(gradients):
            return [
                tensorflow.raw_ops.ResourceApplyGradientDescent(
                    var=self._handle(w), alpha=alpha, delta=g
                )
                for w, g in zip(weights, gradients, strict=True)
            ]

    def adam(
        self,
        weights: Sequence[Any],
        gradients: Sequence[Any],
        means: Sequence[Any],
        squares: Sequence[Any],
        count: Any,
        rate: float,
    ) -> list[Any]:
        """In place, as `AdamOptimizer` does it, once all gradients are there."""
        tensorflow = self.namespace
        count, dtype = count + 1, weights[0].dtype
        powers = [tensorflow.exp(count * log(beta)) for beta in (BETA1, BETA2)]
        constants = {
            "beta1_power": powers[0],
            "beta2_power": powers[1],
            "lr": tensorflow.constant(rate, dtype),
            "beta1": tensorflow.constant(BETA1, dtype),
            "beta2": tensorflow.constant(BETA2, dtype),
            # The op adds epsilon to the root before it is corrected.
            "epsilon": EPSILON * tensorflow.sqrt(1 - powers[1]),
        }
        with tensorflow.control_dependencies(gradients):
            done = [
                tensorflow.raw_ops.ResourceApplyAdam(
                    **dict(zip(("var", "m", "v"), map(self._handle, slots), strict=True)),
                    grad=gradient,
                    **constants,
                )
                for *slots, gradient in zip(weights, means, squares, gradients, strict=True)
            ]
        return [*done, *done, *done, count]

    def _handle(self, tensor: Any) -> Any:
        return self.variables[tensor.ref()].handle

    def permute_dims(self, x: Any, axes: Sequence[int]) -> Any:
        return self.namespace.transpose(x, axes)

    def sum(self, x: Any, axis: int | None = None) -> Any:
        return self.namespace.reduce_sum(x, axis)

    def mean(self, x: Any, axis: int | None = None) -> Any:
        return self.namespace.reduce_mean(x, axis)

    def max(self, x: Any, axis: int) -> Any:
        return self.namespace.reduce_max(x, axis)

    def mean_and_var(self, x: Any, axis: int) -> tuple[Any, Any]:
        mean, var = self.namespace.nn.moments(x, [axis])
        return mean, var

    def sigmoid(self, x: Any) -> Any:
        return self.namespace.sigmoid(x)

    def relu(self, x: Any) -> Any:
        return self.namespace.nn.relu(x)

    def rows(self, x: Any, indices: Any) -> Any:
        return self.namespace.gather(x, indices)

    def softmax(self, x: Any) -> Any:
        return self.namespace.nn.softmax(x)

    def logsumexp(self, x: Any, axis: int) -> Any:
        return self.namespace.reduce_logsumexp(x, axis)

    def attention(self, queries: Any, keys: Any, values: Any, mask: Any) -> Any:
        scores = self.namespace.matmul(queries, keys, transpose_b=True)
        return self.softmax(scores * queries.shape[-1] ** -0.5 + mask) @ values

    def erf(self, x: Any) -> Any:
        """For `gelu`: tensorflow.nn's own is no better, and rounds its constants to float32."""
        return self.namespace.math.erf(x)

    def conv2d(self, x: Any, w: Any, bias: Any = None, padding: int = 0) -> Any:
        """By a padding that has a name, if one will do: oneDNN takes no other."""
        around = [[0, 0], [padding, padding], [padding, padding], [0, 0]]
        named = {0: "VALID", (w.shape[0] - 1) / 2: "SAME"}
        sums = self.namespace.nn.conv2d(x, w, 1, named.get(padding, around))
        return sums if bias is None else self.namespace.nn.bias_add(sums, bias)

    def max_pool2d(self, x: Any) -> Any:
        return self.namespace.nn.max_pool2d(x, 2, 2, "VALID")

    def batch_norm(self, x: Any, scale: Any, shift: Any) -> Any:
        nn = self.namespace.nn
        if x.dtype != self.namespace.float32:  # the fused op has no other
            mean, var = nn.moments(x, [0, 1, 2])
            return nn.batch_normalization(x, mean, var, shift, scale, 1e-5)
        fused = self.namespace.compat.v1.nn.fused_batch_norm
        return fused(x, scale, shift, epsilon=1e-5, is_training=True)[0]

    def layer_norm(self, x: Any, scale: Any, shift: Any) -> Any:
        nn = self.namespace.nn
        mean, var = nn.moments(x, [-1], keepdims=True)
        return nn.batch_normalization(x, mean, var, shift, scale, 1e-5)

    def softmax_cross_entropy(self, logits: Any, labels: Any) -> Any:
        losses = self.namespace.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        return self.mean(losses)


class TensorflowPeer(Peer):
    """Variants: "" runs op by op, "xla" lets XLA compile whatever it can."""

    def prepare(self, setup: Setup) -> str:
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
        os.environ["TF_ENABLE_ONEDNN_OPTS"] = "1"  # off by itself on some CPUs
        if self.variant == "xla":
            os.environ["TF_XLA_FLAGS"] = "--tf_xla_auto_jit=2 --tf_xla_cpu_global_jit"
        import tensorflow

        tensorflow.compat.v1.disable_eager_execution()
        return str(tensorflow.__version__)

    def build(self, setup: Setup, inputs: Mapping[str, Array]) -> Program:
        import tensorflow

        v1 = tensorflow.compat.v1
        workload = setup.workload
        graph = tensorflow.Graph()
        with graph.as_default():
            session = v1.Session(config=_config(v1, setup.threads))
            if workload.entry == "resident":
                return _resident(session, setup, inputs)
            fed = {v1.placeholder(x.dtype, x.shape, name): x for name, x in inputs.items()}
            outputs = workload.builders["tensorflow"](TensorflowToolkit(), *fed)
            if workload.entry == "run":
                return Program(partial(session.run, outputs, fed), list)
            return Program(partial(session.make_callable(outputs, [*fed]), *fed.values()), list)


def _config(v1: Any, threads: int) -> Any:
    return v1.ConfigProto(intra_op_parallelism_threads=threads, inter_op_parallelism_threads=1)


def _resident(session: Any, setup: Setup, inputs: Mapping[str, Array]) -> Program:
    """Inputs and state are variables of the session, since feeding would copy them each time."""
    import tensorflow

    v1 = tensorflow.compat.v1
    workload = setup.workload
    holders = {name: v1.placeholder(array.dtype, array.shape) for name, array in inputs.items()}
    variables = {
        name: v1.get_variable(name, initializer=holder, use_resource=True)
        for name, holder in holders.items()
    }
    session.run(
        [variable.initializer for variable in variables.values()],
        {holder: inputs[name] for name, holder in holders.items()},
    )
    tensors = {name: tensorflow.convert_to_tensor(var) for name, var in variables.items()}
    toolkit = TensorflowToolkit({tensors[name].ref(): variables[name] for name in inputs})
    made = workload.builders["tensorflow"](toolkit, *tensors.values())
    outputs, new = made if workload.state else (made, [])
    state = [variables[name] for name in workload.state]
    with tensorflow.control_dependencies([*outputs, *new]):  # every read before any assignment
        train = tensorflow.group(
            *(_updated(variable, value) for variable, value in zip(state, new, strict=True))
        )
    step = session.make_callable([list(outputs), train])

    def arrays(results: Any) -> list[Array]:
        return [np.array(array) for array in results[0]]

    return Program(step, arrays, lambda: session.run(state) if state else [])


def _updated(variable: Any, value: Any) -> Any:
    """What gives the variable its new value: an assignment, or the op that has done so itself."""
    import tensorflow

    return value if isinstance(value, tensorflow.Operation) else variable.assign(value).op
