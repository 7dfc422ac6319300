"""All passes in their order, and the way to run them: timed, recorded and, if wished, verified."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter

from graphc.errors import CompileError, GraphcError, VerificationError
from graphc.ir.graph import Graph, subgraphs
from graphc.ir.opdef import holds_graphs
from graphc.ir.verifier import verify as verify_graph
from graphc.passes import settings
from graphc.passes.canonicalize import canonicalize
from graphc.passes.cse import share
from graphc.passes.dce import drop_dead_code
from graphc.passes.fma import contract
from graphc.passes.folding import fold_constants
from graphc.passes.hoisting import hoist
from graphc.passes.inlining import write_out_functions
from graphc.passes.loops import merge_loops, prune_loops
from graphc.passes.unify_dims import unify_dims


@dataclass(frozen=True)
class Pass:
    """A step from graph to graph; it returns the same object when it changed nothing.

    `setting` is an environment variable that turns the pass off when it is 0.
    """

    name: str
    run: Callable[[Graph], Graph]
    purpose: str
    setting: str | None = None


#: What a compilation runs. Products are contracted before dims are unified: the graph's guards
#: depend on what else is fetched, and which FMAs there are must not.
PASSES: tuple[Pass, ...] = (
    Pass("inline", write_out_functions, "functions with derivatives of their own are written out"),
    Pass("merge_loops", merge_loops, "loops that go through the same states become one"),
    Pass("prune_loops", prune_loops, "loops leave what is read, and take what that needs"),
    Pass("dce", drop_dead_code, "nodes on which nothing depends go"),
    Pass("cse", share, "nodes that compute the same become one"),
    Pass("fold", fold_constants, "what depends on no input is computed now"),
    Pass("canonicalize", canonicalize, "rules that keep every bit make it simpler"),
    Pass("fma", contract, "a product and the sum that uses it round once", settings.FMA),
    Pass("unify_dims", unify_dims, "dims that guards make equal become one dim"),
    Pass("simplify", canonicalize, "rules again, for what unified dims have shown"),
    Pass("hoist", hoist, "what need not wait for its turn is computed before the loop"),
    Pass("prune", prune_loops, "what loops need no more once that is done goes"),
    Pass("tidy", canonicalize, "rules again, for what was put together from bodies"),
)


@dataclass(frozen=True)
class PassRecord:
    """What a pass did: its time in seconds, and the number of nodes, subgraphs' included.

    `graph` is the graph after the pass, kept only if snapshots were asked for.
    """

    name: str
    seconds: float
    nodes_before: int
    nodes_after: int
    changed: bool
    graph: Graph | None = None


#: Called with each record and the graph after that pass.
Observer = Callable[[PassRecord, Graph], None]


def run_passes(
    graph: Graph,
    passes: Sequence[Pass] = PASSES,
    *,
    verify: bool = False,
    snapshots: bool = False,
    observer: Observer | None = None,
) -> tuple[Graph, list[PassRecord]]:
    """The graph after the passes, and what each of them did.

    Passes that the environment turns off are left out. With `verify` the graph is verified after
    each. A pass that fails is a CompileError, a graph that does not verify after one a
    VerificationError; either names the pass and those that ran before it.
    """
    records: list[PassRecord] = []
    for step in passes:
        if step.setting is not None and not settings.is_on(step.setting):
            continue
        start = perf_counter()
        after = _run(step, graph, records)
        seconds = perf_counter() - start
        if verify:
            _verify(step, after, records)
        counts = count_nodes(graph), count_nodes(after)
        kept = after if snapshots else None
        records.append(PassRecord(step.name, seconds, *counts, after is not graph, kept))
        graph = after
        if observer is not None:
            observer(records[-1], graph)
    return graph, records


def count_nodes(graph: Graph) -> int:
    """The number of nodes of a graph and of all graphs inside it."""
    holders = (node for node in graph.nodes if holds_graphs(node.op))
    inner = sum(count_nodes(held) for node in holders for _, held in subgraphs(node))
    return len(graph.nodes) + inner


def _run(step: Pass, graph: Graph, records: Sequence[PassRecord]) -> Graph:
    try:
        return step.run(graph)
    except GraphcError as error:
        message = f"{_failed(step, records)}: {error.message}"
        raise CompileError(message, op=error.op, location=error.location) from error
    except Exception as error:
        text = f"{type(error).__name__}: {error}"
        raise CompileError(f"{_failed(step, records)}: {text}") from error


def _verify(step: Pass, graph: Graph, records: Sequence[PassRecord]) -> None:
    try:
        verify_graph(graph)
    except VerificationError as error:
        message = f"{_failed(step, records)}: {error.message}"
        raise VerificationError(message, op=error.op, location=error.location) from error


def _failed(step: Pass, records: Sequence[PassRecord]) -> str:
    return f"pass {step.name} failed after [{', '.join(record.name for record in records)}]"
