"""Session: a graph with values for its variables, ready to run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from types import TracebackType
from typing import Any, Self

import numpy as np

from graphc.api.graph import Graph
from graphc.api.tensor import Tensor
from graphc.errors import AttributeValueError, FeedError, FetchError, GraphError, SessionError
from graphc.ir.node import Node
from graphc.runtime import array_layout
from graphc.runtime.calling import BoundStep
from graphc.runtime.feeds import as_input
from graphc.runtime.fetches import Fetches, flatten, is_flat, key_of
from graphc.runtime.minibatches import cut
from graphc.runtime.native_step import NativeStep, code
from graphc.runtime.native_variables import NativeVariables
from graphc.runtime.profile import Profile
from graphc.runtime.profiling import TimedProgram
from graphc.runtime.program import NativeProgram, ReferenceProgram
from graphc.runtime.session_pool import SessionPool
from graphc.runtime.step import PlainStep, Step, empty_rows
from graphc.runtime.variables import Variables

Array = np.ndarray[Any, Any]


@dataclass(slots=True)
class _Known:
    """How fetches that have been run before are run again: by a callable of all they need."""

    call: BoundStep
    take: Callable[[Mapping[Any, Any]], Any]
    count: int


class Session:
    """Runs a graph and keeps its variables.

    A run is a transaction: it reads variables as they were before it, its assignments take
    effect together at its end, and a run that fails changes nothing. With `reference=True`
    everything is interpreted with NumPy instead of compiled, for comparison.

    A run uses up to `threads` threads, where its work is worth sharing: by default as many as
    there are processors, or as `GRAPHC_THREADS` says. The results are the same for any number.
    Several Python threads may use one session at once. Runs that only read variables run
    together, one that assigns has them for itself; they take turns in the order in which they
    come. Ctrl-C takes effect when a run is over, and leaves the session as it is then.

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
        self._pool = SessionPool(threads)
        self.graph = graph
        self._reference = reference
        self._variables: Variables | NativeVariables
        if reference or not array_layout.is_as_expected():
            self._variables = Variables(graph.initial_values)
        else:
            self._variables = NativeVariables(graph.initial_values, code())
        self._steps: dict[Any, Step] = {}
        self._known: dict[Any, _Known] = {}
        self._closed = False

    @property
    def threads(self) -> int:
        """How many threads a run uses at most."""
        return self._pool.threads

    def run(
        self, fetches: Any, feed_dict: Mapping[Any, Any] | None = None, *, out: Any = None
    ) -> Any:
        """Compute fetches, given feeds by placeholder or name; results come in the same form.

        Tensors give fresh arrays, operations None. Those of 1 MiB or more lie in memory that is
        used again when nothing refers to them or to views of them: their `flags.owndata` is False,
        and `ndarray.resize` refuses them. Feeds that the fetches do not need are allowed, and not
        looked at. `out` gives arrays for the results as for `make_callable`'s functions.
        FetchError, FeedError, GuardError and AssignmentError are raised before anything runs,
        OutOfRangeError and LinAlgError by it; either way nothing has changed.
        """
        try:
            known = self._known.get(key_of(fetches))
        except TypeError:  # a list inside of it
            known = None
        if known is not None and type(feed_dict) is dict and len(feed_dict) == known.count:
            try:
                feeds = known.take(feed_dict)
            except KeyError:
                return self._run(fetches, feed_dict, out)
            if known.count == 1:
                return known.call(feeds) if out is None else known.call(feeds, out=out)
            return known.call(*feeds) if out is None else known.call(*feeds, out=out)
        return self._run(fetches, feed_dict, out)

    def make_callable(self, fetches: Any, feeds: Sequence[Any] = ()) -> BoundStep:
        """A function of the feeds, in their order, that computes the fetches: the fast path.

        Results come in the form of the fetches. With `out=`, arrays in that form, they are
        written to these and nothing is allocated. FetchError, FeedError and AssignmentError as
        for `run`, but at once.
        """
        if isinstance(feeds, str | Tensor):
            raise FeedError(f"feeds is a list of what is fed, as in feeds=[{_named(feeds)}]")
        found, step = self._prepare(fetches)
        order = [self._placeholder(feed) for feed in feeds]
        if len(set(order)) != len(order):
            raise FeedError("a placeholder stands twice in feeds")
        for node in step.nodes:
            if node not in order:
                raise FeedError(
                    f"the placeholder {node.name} is needed; add it to feeds=[...]",
                    location=node.location,
                )
        return step.callable_for(found, order)

    def run_steps(
        self,
        fetches: Any,
        data: Mapping[Any, Any],
        steps: int,
        *,
        batch: int | None = None,
        permutation: Any = None,
    ) -> Any:
        """Run the fetches so many times, each on its part of the data; results are stacked.

        Equal to the bit to as many calls of `run`, without Python in between. What `data` has
        for a placeholder is one of:

        - an array with as many dims: each step takes the next rows of it. How many is the
          placeholder's first dim, if that is a number, else `batch`, else an equal share.
          `permutation`, an array of row numbers, tells which row comes when;
        - an array with one dim more: step k takes element k. `np.broadcast_to` makes one that
          gives the same to each without taking memory;
        - an array of the placeholder's very shape, if that has no symbolic dims, or a number for
          a placeholder without dims: the same for each step.

        Tensors give arrays with a first dim of `steps`, operations None. FeedError for too few
        rows, AttributeValueError for other arguments that make no sense, and what `run` raises,
        before anything runs. After an error of a step, or Ctrl-C, variables are as the steps
        before have left them.
        """
        found, step = self._prepare(fetches)
        batches = cut(step.placeholders, self._feeds(step.nodes, data), steps, batch, permutation)
        stacked = empty_rows(step, batches)
        step.repeat(batches, stacked)
        return found.results(stacked)

    def predicted_peak(self, fetches: Any, feed_dict: Mapping[Any, Any] | None = None) -> int:
        """The bytes of data that a run allocates at most at once, known before it.

        These are its results, temporary values, converted feeds, and new values of variables
        that cannot be written over the old ones. It is exact for a first run. Temporaries and new
        values stay allocated for the next run; so does the memory of results of 1 MiB or more
        when they are gone, twice if two have lived at once, for each of the feeds' last 8 shapes,
        until the session is closed. Later runs allocate what is missing. Not in it are tapes of
        `gc.while_loop`, of which nobody knows the length: bytes for every turn that
        `graphc show --stage memory` tells, and up to as many again.
        Nothing is run. SessionError with `reference=True`; else the errors of `run`.
        """
        _, step = self._prepare(fetches)
        if not isinstance(step, NativeStep):
            raise SessionError("only compiled programs know how much memory they need")
        feeds = self._feeds(step.nodes, {} if feed_dict is None else feed_dict)
        arrays = [as_input(*pair) for pair in zip(step.placeholders, feeds, strict=True)]
        converted = [
            array.nbytes
            for array, feed in zip(arrays, feeds, strict=True)
            if not (isinstance(feed, np.ndarray) and np.shares_memory(array, feed))
        ]
        return step.peak([array.shape for array in arrays]) + sum(converted)

    def profile(
        self,
        fetches: Any,
        feed_dict: Mapping[Any, Any] | None = None,
        *,
        repeats: int = 5,
        apart: bool = False,
    ) -> Profile:
        """What each kernel of a run takes: the median of so many runs, after one not counted.

        The program is the one that `run` has, on the session's threads, but looks at the clock
        after each launch (some 20 ns) and works on copies of variables, which every run starts
        from: nothing changes. Launches that run together have one time; with `apart` they run
        one by one. AttributeValueError for no repeats, SessionError with `reference=True`; else
        the errors of `run`.
        """
        if not isinstance(repeats, int) or repeats < 1:
            raise AttributeValueError(f"cannot take the median of {repeats!r} runs")
        self._check_open()
        if self._reference:
            raise SessionError("only compiled programs have kernels to measure")
        found = flatten(self.graph, fetches)
        graph = self.graph.extract(found.tensors, found.assignments)
        feeds = self._feeds(graph.placeholders, {} if feed_dict is None else feed_dict)
        self._variables.add(self.graph.initial_values)
        program = TimedProgram(graph, apart)
        arrays = [as_input(*pair) for pair in zip(program.placeholders, feeds, strict=True)]
        variables = self._variables.read(graph.variables)
        return program.profile(arrays, variables, self._pool, repeats)

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
        """Forget compiled programs and values. Using the session afterwards is a SessionError.

        Runs of other Python threads are waited for.
        """
        self._closed = True
        self._known.clear()
        self._variables.close()
        for step in list(self._steps.values()):
            if isinstance(step, NativeStep):
                step.drop_blocks()  # callables may keep the step
        self._steps.clear()
        self._pool.close()

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

    def _run(self, fetches: Any, feed_dict: Mapping[Any, Any] | None, out: Any) -> Any:
        """Run fetches, and let native code know how if it may meet them again."""
        found, step = self._prepare(fetches)
        feeds = self._feeds(step.nodes, {} if feed_dict is None else feed_dict)
        if not is_flat(fetches):
            return BoundStep(step, found, step.nodes)(*feeds, out=out)
        known = self._known.get(key_of(fetches))
        if known is None:
            tensors = [self.graph.tensor(node) for node in step.nodes]
            take = itemgetter(*tensors) if tensors else _nothing
            known = _Known(step.callable_for(found, step.nodes), take, len(tensors))
            self._known[key_of(fetches)] = known
        return known.call(*feeds, out=out)

    def _prepare(self, fetches: Any) -> tuple[Fetches, Step]:
        """What is fetched, and the program for it, compiled now if it has not been before."""
        self._check_open()
        found = flatten(self.graph, fetches)
        key = (tuple(found.tensors), tuple(found.assignments))
        step = self._steps.get(key)
        if step is None:
            self._variables.add(self.graph.initial_values)
            step = self._steps.setdefault(key, self._new_step(found))
        return found, step

    def _new_step(self, found: Fetches) -> Step:
        graph = self.graph.extract(found.tensors, found.assignments)
        if isinstance(self._variables, NativeVariables):
            return NativeStep(graph, NativeProgram(graph).native, self._variables, self._pool)
        program = ReferenceProgram(graph) if self._reference else NativeProgram(graph)
        return PlainStep(graph, program, self._variables)

    def _feeds(self, nodes: Sequence[Node], feed_dict: Mapping[Any, Any]) -> list[Any]:
        """What is fed to placeholders, in their order."""
        feeds = self._named_feeds(feed_dict)
        missing = [node for node in nodes if node not in feeds]
        if missing:
            raise FeedError(
                f"the placeholder {missing[0].name} is needed and not fed; "
                f"pass feed_dict={{{missing[0].name}: ...}}",
                location=missing[0].location,
            )
        return [feeds[node] for node in nodes]

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


def _nothing(feed_dict: Mapping[Any, Any]) -> tuple[()]:
    return ()


def _named(feed: str | Tensor) -> str:
    return repr(feed) if isinstance(feed, str) else str(feed.name or "x")
