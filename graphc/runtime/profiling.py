"""Measuring what each launch of a program takes, in the program itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from graphc.codegen.caching.object_cache import current_cache
from graphc.codegen.executable import Role
from graphc.codegen.products.summary import ProductSummary, summaries
from graphc.codegen.program import (
    BEGIN,
    ENDED,
    LENGTH,
    POSITIONS,
    TRACE,
    TRACE_WORDS,
    trace_words,
)
from graphc.codegen.target import Target
from graphc.compiler import Compilation, compile_graph
from graphc.ir import dims
from graphc.ir.dims import Size
from graphc.ir.graph import Graph
from graphc.ir.node import Node
from graphc.ir.printer import value_names
from graphc.runtime.call_record import is_long
from graphc.runtime.native import Native
from graphc.runtime.profile import ComputedNode, JobProfile, LaunchProfile, Profile
from graphc.runtime.session_pool import SessionPool
from graphc.schedule.contents import bytes_moved, computed, flops, is_contraction, written
from graphc.schedule.kernel import Launch

Array = np.ndarray[Any, Any]


class TimedProgram:
    """A graph made of the kernels that a session runs, and an entry that looks at the clock.

    With `apart`, launches run one by one that otherwise run together.
    """

    def __init__(self, graph: Graph, apart: bool = False) -> None:
        cache = current_cache()
        self._made = compile_graph(graph, cache=cache, timed=True, batches=not apart)
        assert self._made.executable is not None
        self.placeholders = self._made.executable.placeholders
        self._native = Native(self._made.executable)

    def profile(
        self,
        placeholders: Sequence[Array],
        variables: Sequence[Array],
        pool: SessionPool,
        repeats: int,
    ) -> Profile:
        """Run so many times after once unmeasured, each time from these values of variables."""
        executable, native = self._made.executable, self._native
        assert executable is not None
        signature = native.signature(placeholders)
        sizes = dict(zip(executable.symbols, signature.sizes.tolist(), strict=True))
        shared = is_long(executable.work, sizes)
        outputs, updates = (native.fresh(r, signature) for r in (Role.OUTPUT, Role.UPDATE))
        places = [
            k for k, here in zip(executable.updated, executable.in_place, strict=True) if here
        ]
        own = [array.copy() if k in places else array for k, array in enumerate(variables)]
        pairs = zip(executable.updated, executable.in_place, updates, strict=True)
        updates = [own[k] if here else fresh for k, here, fresh in pairs]
        traces = []
        for _ in range(1 + repeats):
            for k in places:
                np.copyto(own[k], variables[k])
            status = np.zeros(trace_words(executable.launch_count), np.int64)
            threads = pool.address if shared else None
            native.call(signature, placeholders, own, outputs, updates, threads, status)
            traces.append(status)
        return _profile(self._made, np.array(traces[1:]), sizes, pool.threads if shared else 1)


def _profile(made: Compilation, traces: Array, sizes: dict[str, int], threads: int) -> Profile:
    """The traces of all runs, a row for each, put to the launches."""
    assert made.schedule is not None
    launches = _launches(made, traces[0], sizes)
    ends = traces[:, TRACE + ENDED :: TRACE_WORDS]
    begin = last = traces[:, BEGIN]
    jobs = []
    for batch in made.schedule.batches():
        seconds = (ends[:, batch.start] - last) * 1e-9
        last = ends[:, batch.start]
        together = tuple(launches[k] for k in batch)
        jobs.append(JobProfile(together, float(np.median(seconds)), float(seconds.min())))
    whole = (last - begin) * 1e-9
    return Profile(
        tuple(jobs), sizes, threads, len(traces), float(np.median(whole)), float(whole.min())
    )


def _launches(made: Compilation, trace: Array, sizes: Mapping[str, int]) -> list[LaunchProfile]:
    assert made.prepared is not None and made.schedule is not None
    names = value_names(made.prepared)
    position = {node: k for k, node in enumerate(made.prepared.nodes)}
    numbers = {kernel.key(): k for k, kernel in enumerate(made.schedule.distinct())}
    found = []
    for number, launch in enumerate(made.schedule.launches):
        nodes = sorted(computed(launch), key=position.__getitem__)
        own = trace[TRACE + TRACE_WORDS * number :][:TRACE_WORDS]
        known = {**sizes, **{name: dims.evaluate(size, sizes) for name, size in launch.sizes}}
        found.append(
            LaunchProfile(
                number=number,
                kernel=numbers[launch.kernel.key()],
                nodes=tuple(_node(node, names) for node in nodes),
                written=tuple(names[node] for node in written(launch)),
                bytes=dims.evaluate(bytes_moved(launch.kernel), known),
                flops=_flops(launch, known),
                pieces=_pieces(int(own[POSITIONS]), int(own[LENGTH])),
                products=_products(launch, made.target, known, names),
            )
        )
    return found


def _products(
    launch: Launch, target: Target, sizes: Mapping[str, int], names: Mapping[Node, str]
) -> tuple[ProductSummary, ...]:
    """The products of a launch, by the names of the graph; so is a result if it is the only one."""
    found = summaries(launch.kernel, target, sizes)
    pairs = zip(launch.kernel.arguments, launch.operands, strict=True)
    known = {
        argument.name: names[buffer] if isinstance(buffer, Node) else "a workspace"
        for argument, buffer in pairs
    }
    contractions = [node for node in computed(launch) if is_contraction(node)]
    if len(found) == len(contractions) == 1:
        known[found[0].result] = names[contractions[0]]
    return tuple(product.renamed(known) for product in found)


def _flops(launch: Launch, sizes: Mapping[str, Size]) -> int:
    """The operations of a launch's products, which are a number where all sizes are."""
    found = flops(launch.kernel, sizes)
    assert isinstance(found, int), f"{found} is no number"
    return found


def _node(node: Node, names: Mapping[Node, str]) -> ComputedNode:
    place = node.location
    return ComputedNode(
        name=names[node],
        op=node.op.name,
        type=str(node.type),
        location=place.full() if place else None,
        derived=place is not None and place.derived,
    )


def _pieces(positions: int, length: int) -> int:
    return max(1, -(-positions // length)) if length else 1
