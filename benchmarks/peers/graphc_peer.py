"""graphc itself, compiled or interpreted by its reference. The only peer that imports graphc."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.peers.program import Peer, Program, Setup
from benchmarks.toolkit import Toolkit
from benchmarks.workload import Array, Workload

if TYPE_CHECKING:
    import graphc as gc


#: Runs of which a profile has the median.
_REPEATS = 9


class GraphcToolkit(Toolkit):
    """graphc's words: the array API's, `nn` and `gradients`."""

    def __init__(self) -> None:
        import graphc

        super().__init__(graphc)
        self.nn = graphc.nn

    def differentiated(
        self, function: Callable[..., Any], primals: Sequence[Any], cotangent: Any = None
    ) -> tuple[Any, list[Any]]:
        value = function(*primals)
        return value, self.namespace.gradients(value, list(primals), grad_ys=cotangent)

    def jacobian(self, function: Callable[[Any], Any], x: Any) -> Any:
        return self.namespace.jacobian(function(x), x, mode="forward")

    def directional(self, function: Callable[[Any], Any], x: Any, direction: Any) -> Any:
        return self.namespace.jvp(function(x), x, direction)[0]

    def blocks(self, function: Callable[..., Any], rows: Sequence[Any], constant: Any) -> list[Any]:
        def of_one(*row: Any) -> Any:
            return self.namespace.jacobian(function(*row), [*row[:-1]], mode="reverse")

        return [*self.namespace.vmap(of_one)(*rows, constant)]

    def scan(self, step: Callable[..., Any], first: Any, rows: Any) -> Any:
        return self.namespace.scan(step, first, rows)[1]

    def repeated(self, holds: Callable[[Any], Any], turn: Callable[[Any], Any], state: Any) -> Any:
        return self.namespace.while_loop(holds, turn, state)

    def sigmoid(self, x: Any) -> Any:
        return self.namespace.sigmoid(x)

    def relu(self, x: Any) -> Any:
        return self.nn.relu(x)

    def along(self, step: Callable[[Any, Any], Any], state: Any, rows: Any) -> Any:
        return self.namespace.scan(lambda now, row: (step(now, row), None), state, rows)[0]

    def rows(self, x: Any, indices: Any) -> Any:
        return self.namespace.take(x, indices, axis=0)

    def softmax(self, x: Any) -> Any:
        return self.nn.softmax(x)

    def logsumexp(self, x: Any, axis: int) -> Any:
        return self.nn.logsumexp(x, axis)

    def gelu(self, x: Any, approximate: str) -> Any:
        return self.nn.gelu(x, approximate="tanh" if approximate == "tanh" else "none")

    def conv2d(self, x: Any, w: Any, bias: Any = None, padding: int = 0) -> Any:
        sums = self.nn.conv2d(x, w, padding=padding)
        return sums if bias is None else sums + self.per_channel(bias)

    def max_pool2d(self, x: Any) -> Any:
        return self.nn.max_pool2d(x, 2)

    def layer_norm(self, x: Any, scale: Any, shift: Any) -> Any:
        return self.nn.layer_norm(x, scale, shift)

    def softmax_cross_entropy(self, logits: Any, labels: Any) -> Any:
        return self.nn.softmax_cross_entropy(logits, labels)


class GraphcPeer(Peer):
    """Variants: "" compiles, "reference" interprets with NumPy."""

    def prepare(self, setup: Setup) -> str:
        import graphc

        _ = graphc.Session  # the runtime, whose import is not to count as compiling
        try:
            return version("graphc")
        except PackageNotFoundError:  # run from a source tree that is not installed
            return "not installed"

    def build(self, setup: Setup, inputs: Mapping[str, Array]) -> Program:
        import graphc as gc

        workload = setup.workload
        graph = gc.Graph()
        with graph:
            tensors = {name: _declared(name, array, workload) for name, array in inputs.items()}
            made = workload.builders["graphc"](GraphcToolkit(), *tensors.values())
            outputs, updates = made if workload.state else (made, [])
            state = [tensors[name] for name in workload.state]
            pairs = zip(state, updates, strict=True)
            train = gc.group(*(gc.assign(variable, new) for variable, new in pairs))
        session = gc.Session(graph, threads=setup.threads, reference=self.variant == "reference")
        fetches = [*outputs, train] if workload.state else list(outputs)
        if len(fetches) == 1:
            (fetches,) = fetches
        feeds = {tensors[name]: inputs[name] for name in inputs if name not in workload.state}
        return Program(
            call=_call(session, fetches, feeds, workload),
            arrays=_arrays,
            state=lambda: [session.get_value(variable) for variable in state],
            profile=lambda: session.profile(fetches, feeds, repeats=_REPEATS, apart=True).data(),
        )


def _declared(name: str, array: Array, workload: Workload) -> gc.Tensor:
    import graphc as gc

    if name in workload.state:
        return gc.variable(array, name=name)
    return gc.placeholder(array.dtype, array.shape, name=name)


def _call(
    session: gc.Session, fetches: Any, feeds: Mapping[Any, Array], workload: Workload
) -> Callable[[], Any]:
    if workload.entry == "run":
        return partial(session.run, fetches, feeds)
    call = partial(session.make_callable(fetches, list(feeds)), *feeds.values())
    return partial(call, out=call()) if workload.fill else call


def _arrays(results: Any) -> list[Array]:
    several = results if isinstance(results, list) else [results]
    return [np.asarray(array) for array in several if array is not None]
