"""The whole way from a graph to machine code, a named stage a line."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from llvmlite import ir

from graphc.codegen import program
from graphc.codegen.executable import Executable, Input, Role, Site, Slot
from graphc.codegen.target import Target, current_target
from graphc.ir import dims, scalar
from graphc.ir.graph import Graph
from graphc.ir.node import Node
from graphc.memory.live import live_ranges
from graphc.memory.plan import MemoryPlan
from graphc.passes.pipeline import PassRecord, run_passes
from graphc.schedule.keeping import is_buffer
from graphc.schedule.kernel import Schedule, Workspace
from graphc.schedule.lowering import own_results, schedule
from graphc.schedule.splitting import split_reductions

#: The stages in order, as the command line names them.
STAGES = ("graph", "optimized", "kernels", "memory", "llvm", "asm", "executable")


@dataclass
class Compilation:
    """What the compiler has made so far: the fields after the stage it stopped at are None."""

    graph: Graph
    target: Target
    records: list[PassRecord]
    optimized: Graph | None = None
    prepared: Graph | None = None
    schedule: Schedule | None = None
    slots: dict[Node | Workspace, Slot] | None = None
    plan: MemoryPlan | None = None
    module: ir.Module | None = None
    parsed: Any = None
    executable: Executable | None = None


def compile_graph(
    graph: Graph,
    target: Target | None = None,
    *,
    stop: str = "executable",
    snapshots: bool = False,
    verify: bool = False,
) -> Compilation:
    """Compile a graph, up to and including the stage named by `stop`.

    `snapshots` keeps the graph after each pass, `verify` checks it there.
    """
    started = time.perf_counter()
    made = Compilation(graph, target or current_target(), [])
    steps = {
        "graph": lambda: None,
        "optimized": lambda: _optimize(made, snapshots, verify),
        "kernels": lambda: _schedule(made),
        "memory": lambda: _plan(made),
        "llvm": lambda: _emit(made),
        "asm": lambda: _improve(made),
        "executable": lambda: _assemble(made, started),
    }
    for stage in STAGES:
        steps[stage]()
        if stage == stop:
            break
    return made


def _optimize(made: Compilation, snapshots: bool, verify: bool) -> None:
    made.optimized, made.records = run_passes(made.graph, snapshots=snapshots, verify=verify)


def _schedule(made: Compilation) -> None:
    assert made.optimized is not None
    made.prepared = own_results(split_reductions(made.optimized))
    made.schedule = schedule(made.prepared)


def _plan(made: Compilation) -> None:
    """Give every buffer a place in the pointer table, and the temporaries one in the arena."""
    assert made.prepared is not None and made.schedule is not None
    slots = _given_slots(made.prepared)
    ranges = live_ranges(made.schedule, {b for b in slots if isinstance(b, Node)})
    for k, buffer in enumerate(ranges):
        shape = (buffer.size,) if isinstance(buffer, Workspace) else buffer.shape
        slots[buffer] = Slot(Role.TEMPORARY, k, buffer.dtype, shape)
    made.slots, made.plan = slots, MemoryPlan(tuple(ranges.values()))


def _given_slots(graph: Graph) -> dict[Node | Workspace, Slot]:
    """The buffers that come from outside or go there."""
    roles = (
        (Role.PLACEHOLDER, graph.placeholders),
        (Role.VARIABLE, graph.variables),
        (Role.CONSTANT, constants(graph)),
        (Role.OUTPUT, graph.outputs),
        (Role.UPDATE, [value for _, value in graph.updates]),
    )
    return {
        node: Slot(role, k, node.dtype, node.shape)
        for role, nodes in roles
        for k, node in enumerate(nodes)
    }


def constants(graph: Graph) -> list[Node]:
    """The constants that are kept in memory (single numbers are written into the code)."""
    return [node for node in graph.nodes if node.op.name == "constant" and is_buffer(node)]


def symbols(graph: Graph) -> tuple[str, ...]:
    """The symbolic dims that inputs declare, by name."""
    found: set[str] = set()
    for node in (*graph.placeholders, *graph.variables):
        for size in node.shape:
            found |= dims.symbols(size)
    return tuple(sorted(found))


def _emit(made: Compilation) -> None:
    assert made.prepared is not None and made.schedule is not None and made.slots is not None
    places = {buffer: k for k, buffer in enumerate(made.slots)}
    names = {name: k for k, name in enumerate(symbols(made.prepared))}
    made.module = program.emit_program(made.schedule, places, names, made.target)


def _improve(made: Compilation) -> None:
    assert made.module is not None
    made.parsed = program.optimize(made.module, made.target)


def _assemble(made: Compilation, started: float) -> None:
    graph, work = made.prepared, made.schedule
    assert graph is not None and work is not None
    assert made.slots is not None and made.plan is not None
    variables = {node: k for k, node in enumerate(graph.variables)}
    made.executable = Executable(
        object_code=program.object_code(made.parsed, made.target),
        entry=program.ENTRY,
        slots=tuple(made.slots.values()),
        symbols=symbols(graph),
        placeholders=tuple(declared_input(node) for node in made.graph.placeholders),
        variables=tuple(declared_input(node) for node in graph.variables),
        constants=tuple(node.attrs["value"] for node in constants(graph)),
        updated=tuple(variables[variable] for variable, _ in graph.updates),
        guards=made.graph.guards,
        sites=tuple(_site(site) for site in program.checked_sites(work.launches)),
        plan=made.plan,
        kernel_count=len(work.distinct()),
        launch_count=len(work.launches),
        compile_seconds=time.perf_counter() - started,
    )


def declared_input(node: Node) -> Input:
    """A placeholder or variable as the user declares it."""
    return Input(str(node.name), node.dtype, node.shape, node.location)


def _site(site: scalar.Site) -> Site:
    node = site.node
    assert isinstance(node, Node)
    return Site(node.op.name, site.axis, node.location)
