"""Session: a graph with values for its variables, ready to run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from types import TracebackType
from typing import Any, Self

import numpy as np

from graphc.api.graph import Graph
from graphc.api.tensor import Tensor
from graphc.codegen.executable import Executable
from graphc.errors import (
    AttributeValueError,
    FeedError,
    FetchError,
    GraphError,
    SessionError,
)
from graphc.ir.node import Node
from graphc.runtime.feeds import as_input
from graphc.runtime.fetches import Fetches, flatten
from graphc.runtime.program import NativeProgram, Program, ReferenceProgram
from graphc.runtime.variables import Variables

Array = np.ndarray[Any, Any]


class Session:
    """Runs a graph and keeps its variables.

    A run is a transaction: it reads variables as they were before it, its assignments take
    effect together at its end, and a run that fails changes nothing. With `reference=True`
    everything is interpreted with NumPy instead of compiled, for comparison. `threads` is an
    upper bound on the threads of a run; so far every run uses one.

    >>> with gc.Graph() as graph:
    ...     x = gc.placeholder(gc.float32, ("n",), name="x")
    ...     total = gc.sum(x * x)
    >>> with gc.Session(graph) as session:
    ...     session.run(total, {x: np.array([1, 2, 3], np.float32)})
    array(14., dtype=float32)
    """

    def __init__(
        self, graph: Graph, threads: int | None = None, *, reference: bool = False
    ) -> None:
        if not isinstance(graph, Graph):
            raise GraphError(f"a session needs a gc.Graph, not {type(graph).__name__}")
        if threads is not None and (not isinstance(threads, int) or threads < 1):
            raise AttributeValueError(f"a session needs at least one thread, not {threads!r}")
        self.graph = graph
        self.threads = threads
        self._reference = reference
        self._variables = Variables(graph.initial_values)
        self._steps: dict[Any, Step] = {}
        self._closed = False

    def run(self, fetches: Any, feed_dict: Mapping[Any, Any] | None = None) -> Any:
        """Compute fetches, given feeds by placeholder or name; results come in the same form.

        Tensors give fresh arrays, operations None. Feeds that the fetches do not need are allowed,
        and not looked at. FetchError, FeedError, GuardError and AssignmentError are raised before
        anything runs, OutOfRangeError by it; either way nothing has changed.
        """
        found, step = self._prepare(fetches)
        feeds = self._named_feeds({} if feed_dict is None else feed_dict)
        missing = [node for node in step.placeholders if node not in feeds]
        if missing:
            raise FeedError(
                f"the placeholder {missing[0].name} is needed and not fed; "
                f"pass feed_dict={{{missing[0].name}: ...}}",
                location=missing[0].location,
            )
        return found.results(step.call([feeds[node] for node in step.placeholders]))

    def make_callable(self, fetches: Any, feeds: Sequence[Any] = ()) -> BoundStep:
        """A function of the feeds, in their order, that computes the fetches: the fast path.

        FetchError, FeedError and AssignmentError as for `run`, but at once.
        """
        if isinstance(feeds, str | Tensor):
            raise FeedError(f"feeds is a list of what is fed, as in feeds=[{_named(feeds)}]")
        found, step = self._prepare(fetches)
        order = [self._placeholder(feed) for feed in feeds]
        if len(set(order)) != len(order):
            raise FeedError("a placeholder stands twice in feeds")
        for node in step.placeholders:
            if node not in order:
                raise FeedError(
                    f"the placeholder {node.name} is needed; add it to feeds=[...]",
                    location=node.location,
                )
        return BoundStep(step, found, order)

    def get_value(self, variable: Any) -> Array:
        """A copy of a variable's current value."""
        self._check_open()
        return self._variables.get(self._variable(variable))

    def set_value(self, variable: Any, value: Any) -> None:
        """Give a variable a copy of a value of its own dtype and shape.

        As with feeds, any layout will do, and Python numbers that fit. DTypeError or ShapeError
        otherwise; FetchError if it is no variable of the graph.
        """
        self._check_open()
        self._variables.set(self._variable(variable), value)

    def close(self) -> None:
        """Forget compiled programs and values. Using the session afterwards is a SessionError."""
        self._closed = True
        self._steps.clear()
        self._variables = Variables({})

    def __enter__(self) -> Self:
        self._check_open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _check_open(self) -> None:
        if self._closed:
            raise SessionError("the session is closed")

    def _prepare(self, fetches: Any) -> tuple[Fetches, Step]:
        """What is fetched, and the program for it, compiled now if it has not been before."""
        self._check_open()
        found = flatten(self.graph, fetches)
        key = (tuple(found.tensors), tuple(found.assignments))
        step = self._steps.get(key)
        if step is None:
            self._variables.add(self.graph.initial_values)
            step = self._steps[key] = Step(self, found)
        return found, step

    def _named_feeds(self, feed_dict: Mapping[Any, Any]) -> dict[Node, Any]:
        if not isinstance(feed_dict, Mapping):
            raise FeedError(f"feed_dict is a dict of what is fed, not {type(feed_dict).__name__}")
        feeds: dict[Node, Any] = {}
        for key, value in feed_dict.items():
            node = self._placeholder(key)
            if node in feeds:
                raise FeedError(
                    f"the placeholder {node.name} is fed twice, as a tensor and by its name",
                    location=node.location,
                )
            feeds[node] = value
        return feeds

    def _placeholder(self, key: Any) -> Node:
        tensor = self._tensor(key, FeedError)
        if tensor.node.op.name != "placeholder":
            raise FeedError(
                f"{tensor!r} cannot be fed: it is no placeholder", location=tensor.location
            )
        return tensor.node

    def _variable(self, key: Any) -> Node:
        tensor = self._tensor(key, FetchError)
        if tensor.node.op.name != "variable":
            raise FetchError(f"{tensor!r} is no variable", location=tensor.location)
        self._variables.add(self.graph.initial_values)
        return tensor.node

    def _tensor(self, key: Any, error: type[FeedError] | type[FetchError]) -> Tensor:
        if isinstance(key, str):
            try:
                return self.graph.find(key)
            except FetchError as reason:
                raise error(reason.message) from None
        if not isinstance(key, Tensor):
            raise error(f"{key!r} is neither a tensor nor a name")
        if key.graph is not self.graph:
            raise error(
                f"{key!r} belongs to another graph than the session's", location=key.location
            )
        return key


class Step:
    """A program for a set of fetches, and the session whose variables it reads and assigns."""

    def __init__(self, session: Session, fetches: Fetches) -> None:
        self._session = session
        graph = session.graph.extract(fetches.tensors, fetches.assignments)
        self._program: Program = (
            ReferenceProgram(graph) if session._reference else NativeProgram(graph)
        )
        self.placeholders = graph.placeholders
        self._reads = graph.variables
        self._writes = [variable for variable, _ in graph.updates]

    @property
    def executable(self) -> Executable | None:
        """The compiled program, None with `reference=True`."""
        return self._program.executable

    def call(self, feeds: Sequence[Any]) -> list[Array]:
        """The values of the fetched tensors, given feeds in the order of `placeholders`."""
        variables = self._session._variables
        self._session._check_open()  # after reading the variables, which closing takes away
        arrays = [
            as_input(declared, value)
            for declared, value in zip(self._program.placeholders, feeds, strict=True)
        ]
        with variables.updating if self._writes else nullcontext():
            outputs, updates = self._program.run(arrays, variables.read(self._reads))
            if self._writes:
                variables.replace(self._writes, updates)
        return outputs


class BoundStep:
    """A function of feeds in a fixed order. Made by `Session.make_callable`.

    Feeds that the fetches do not need are allowed, and not looked at.
    """

    def __init__(self, step: Step, fetches: Fetches, order: Sequence[Node]) -> None:
        self._step = step
        self._fetches = fetches
        self._names = [str(node.name) for node in order]
        place = {node: k for k, node in enumerate(order)}
        self._order = [place[node] for node in step.placeholders]

    @property
    def executable(self) -> Executable | None:
        """The compiled program, None with `reference=True`."""
        return self._step.executable

    def __call__(self, *feeds: Any) -> Any:
        """Run with the feeds in the order given to `make_callable`."""
        if len(feeds) != len(self._names):
            raise FeedError(
                f"takes the feeds [{', '.join(self._names)}], but is called with {len(feeds)}"
            )
        return self._fetches.results(self._step.call([feeds[k] for k in self._order]))


def _named(feed: str | Tensor) -> str:
    return repr(feed) if isinstance(feed, str) else str(feed.name or "x")
