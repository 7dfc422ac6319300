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
    LAST,
    LENGTH,
    POSITIONS,
    RUNS,
    TOOK,
    TRACE,
    TRACE_WORDS,
    TURNS,
    found_dims,
    trace_words,
)
from graphc.compiler import Compilation, compile_graph
from graphc.ir import dims
from graphc.ir.dims import Size
from graphc.ir.graph import Graph
from graphc.ir.node import Node
from graphc.runtime.call_record import is_long
from graphc.runtime.native import Native
from graphc.runtime.profile import ComputedNode, JobProfile, LaunchProfile, Profile
from graphc.runtime.session_pool import SessionPool
from graphc.schedule.contents import bytes_by_argument, computed, flops, is_contraction, written
from graphc.schedule.kernel import Launch
from graphc.schedule.naming import names_of
from graphc.schedule.tight import FIRST, LIMIT

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
        assert executable is not None and self._made.schedule is not None
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
            status = np.zeros(trace_words(self._made.schedule), np.int64)
            threads = pool.address if shared else None
            native.call(signature, placeholders, own, outputs, updates, threads, status)
            traces.append(status)
        return _profile(self._made, np.array(traces[1:]), sizes, pool.threads if shared else 1)


def _profile(made: Compilation, traces: Array, sizes: dict[str, int], threads: int) -> Profile:
    """The traces of all runs, a row for each, put to the launches."""
    assert made.schedule is not None
    found = found_dims(made.schedule)
    sizes |= dict(zip(found, traces[0, len(traces[0]) - len(found) :].tolist(), strict=True))
    launches = _launches(made, traces[0], sizes)
    ends = TRACE + TRACE_WORDS * len(launches)
    took = traces[:, TRACE + TOOK : ends : TRACE_WORDS] * 1e-9
    jobs = []
    for batch in made.schedule.batches():
        seconds = took[:, batch.start]
        together = tuple(launches[k] for k in batch)
        jobs.append(JobProfile(together, float(np.median(seconds)), float(seconds.min())))
    whole = (traces[:, LAST] - traces[:, BEGIN]) * 1e-9
    return Profile(
        tuple(jobs), sizes, threads, len(traces), float(np.median(whole)), float(whole.min())
    )


def _launches(made: Compilation, trace: Array, sizes: Mapping[str, int]) -> list[LaunchProfile]:
    assert made.prepared is not None and made.schedule is not None
    names, buffers = names_of(made.prepared, made.schedule), made.schedule.buffers
    position = {node: k for k, node in enumerate(names)}
    numbers = {kernel.key(): k for k, kernel in enumerate(made.schedule.distinct())}
    found = []
    for number, launch in enumerate(made.schedule.launches):
        nodes = sorted(computed(launch, buffers), key=position.__getitem__)
        own = trace[TRACE + TRACE_WORDS * number :][:TRACE_WORDS]
        runs, turns = int(own[RUNS]), int(own[TURNS])
        known = {**sizes, **_own_sizes(launch, sizes)}
        found.append(
            LaunchProfile(
                number=number,
                kernel=numbers[launch.kernel.key()],
                nodes=tuple(_node(node, names) for node in nodes),
                written=tuple(names[node] for node in written(launch, buffers)),
                bytes=_bytes(launch, known, runs, turns),
                flops=_flops(launch, known) * (runs if launch.loop is None else turns),
                pieces=_pieces(int(own[POSITIONS]), int(own[LENGTH])) if runs else 0,
                products=_products(launch, made, known, names),
                runs=runs,
                turns=turns,
            )
        )
    return found


def _own_sizes(launch: Launch, sizes: Mapping[str, int]) -> dict[str, int]:
    """What the kernel's own sizes are; of a loop, for a single turn."""
    if launch.loop is not None:
        return {FIRST: 0, LIMIT: 1}
    return {name: dims.evaluate(size, sizes) for name, size in launch.sizes}


def _bytes(launch: Launch, sizes: Mapping[str, int], runs: int, turns: int) -> int:
    """Bytes of all arguments each time; of those that a loop takes row by row, a row each turn."""
    rows = {row.whole for row in launch.loop.rows} if launch.loop is not None else set()
    total = 0
    for size, buffer in zip(bytes_by_argument(launch.kernel), launch.operands, strict=True):
        if buffer in rows:
            assert isinstance(buffer, Node)
            row = dims.evaluate(dims.product(buffer.shape[1:]), sizes) * buffer.dtype.itemsize
            total += turns * row
        else:
            total += runs * dims.evaluate(size, sizes)
    return total


def _products(
    launch: Launch, made: Compilation, sizes: Mapping[str, int], names: Mapping[Node, str]
) -> tuple[ProductSummary, ...]:
    """The products of a launch, by the names of the graph; so is a result if it is the only one."""
    assert made.schedule is not None
    found = summaries(launch.kernel, made.target, sizes)
    pairs = zip(launch.kernel.arguments, launch.operands, strict=True)
    known = {
        argument.name: names[buffer] if isinstance(buffer, Node) else "a workspace"
        for argument, buffer in pairs
    }
    contractions = [
        node for node in computed(launch, made.schedule.buffers) if is_contraction(node)
    ]
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
