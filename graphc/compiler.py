"""The whole way from a graph to machine code, a named stage a line."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

from llvmlite import ir

from graphc.codegen import program, regions, translation
from graphc.codegen.caching.compiled_code import CompiledCode, KernelCode
from graphc.codegen.caching.object_cache import ObjectCache
from graphc.codegen.executable import CALLED, LIMIT, Executable, Input, Role, Site, Slot
from graphc.codegen.kernels import emit_kernel, function_name
from graphc.codegen.nests.routines import imported
from graphc.codegen.nests.turning import turns_called
from graphc.codegen.products.tile_objects import direct_tiles_called, tiles_called
from graphc.codegen.shared_objects import Emit, shared_object
from graphc.codegen.target import Target, current_target
from graphc.codegen.translators import Translators, quick_turns
from graphc.control.whiles import limit_text
from graphc.ir import dims, scalar
from graphc.ir.graph import Graph
from graphc.ir.lowering import Control, Library
from graphc.ir.node import Node
from graphc.memory.batching import in_batches
from graphc.memory.live import live_ranges
from graphc.memory.ordering import ordered
from graphc.memory.plan import MemoryPlan
from graphc.memory.rooms import with_room
from graphc.memory.sharing import Sharing, share
from graphc.ops.callbacks import calls_python, py_call
from graphc.passes.pipeline import PassRecord, run_passes
from graphc.schedule.keeping import is_buffer
from graphc.schedule.kernel import Kernel, Schedule, Workspace
from graphc.schedule.lowering import prepared, schedule
from graphc.schedule.resizing import with_common_kernels
from graphc.schedule.tight import with_tight_loops
from graphc.schedule.turns import work_of

#: The stages in order, as the command line names them.
STAGES = ("graph", "optimized", "kernels", "memory", "llvm", "asm", "executable")

#: Launches from which on a program runs so long that the entry between them does not count.
LONG = 64

#: What making a part takes, in characters of a module whose translation takes as long.
PART = 20_000


@dataclass
class Compilation:
    """What the compiler has made so far: the fields after the stage it stopped at are None.

    Kernels, modules and objects go by the names of their functions. There are no modules for
    objects that the cache had; if it had the whole program, there is nothing but the executable.
    `rooms` are bytes that the kernels need for themselves, which is known once they are emitted.
    `parts` are what kernels call that is not their own: names, and what emits it.
    """

    graph: Graph
    target: Target
    records: list[PassRecord]
    timed: bool = False
    batches: bool = True
    optimized: Graph | None = None
    prepared: Graph | None = None
    schedule: Schedule | None = None
    slots: dict[Node | Workspace, Slot] | None = None
    sharing: Sharing | None = None
    plan: MemoryPlan | None = None
    kernels: dict[str, Kernel] | None = None
    rooms: dict[str, int] | None = None
    modules: dict[str, ir.Module] | None = None
    parts: dict[str, Emit] | None = None
    objects: dict[str, bytes] | None = None
    executable: Executable | None = None

    @property
    def is_usual(self) -> bool:
        """Whether it makes what sessions run, which caches keep."""
        return self.batches and not self.timed


def compile_graph(
    graph: Graph,
    target: Target | None = None,
    *,
    stop: str = "executable",
    snapshots: bool = False,
    verify: bool = False,
    timed: bool = False,
    batches: bool = True,
    cache: ObjectCache | None = None,
) -> Compilation:
    """Compile a graph, up to and including the stage named by `stop`.

    `snapshots` keeps the graph after each pass, `verify` checks it there. What a cache has is not
    made again. A `timed` program is made of the same kernels and notes when each launch is over;
    without `batches` launches run one by one.
    """
    started = time.perf_counter()
    made = Compilation(graph, target or current_target(), [], timed, batches)
    known = CompiledCode(None if calls_python(graph) else cache, graph, made.target)
    found = known.program() if stop == STAGES[-1] and made.is_usual else None
    if found is not None:
        made.executable = replace(found, compile_seconds=time.perf_counter() - started)
        return made
    with _no_collections(), quick_turns(), Translators() as translators:
        ahead = translators if STAGES.index(stop) >= STAGES.index("asm") else None
        steps = {
            "graph": lambda: None,
            "optimized": lambda: _optimize(made, snapshots, verify),
            "kernels": lambda: _schedule(made),
            "memory": lambda: _plan(made, known, ahead),
            "llvm": lambda: _emit_entry(made),
            "asm": lambda: _translate(made, known, translators),
            "executable": lambda: _assemble(made, known, started),
        }
        for stage in STAGES:
            steps[stage]()
            if stage == stop:
                break
    dims.forget()
    return made


@contextmanager
def _no_collections() -> Iterator[None]:
    """Spare the search for unreachable cycles: what a compilation makes stays, or goes at once.

    The search takes a seventh of the time otherwise. Its own state is restored by who changed it.
    What is there then counts as old, or else the next object to be made would start a search of it.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            if gc.get_freeze_count() == 0:
                gc.freeze()
                gc.unfreeze()
            gc.enable()


def _optimize(made: Compilation, snapshots: bool, verify: bool) -> None:
    made.optimized, made.records = run_passes(made.graph, snapshots=snapshots, verify=verify)


def _schedule(made: Compilation) -> None:
    assert made.optimized is not None
    made.prepared, bands = prepared(made.optimized)
    made.schedule = with_common_kernels(with_tight_loops(schedule(made.prepared, bands)))


def _plan(made: Compilation, known: CompiledCode, ahead: Translators | None) -> None:
    """Order the launches, let buffers share memory, and give every piece of it a place.

    All have one in the pointer table, temporaries one in the arena too. Kernels are emitted on the
    way, for only then is it known what they need for themselves; `ahead` translates them meanwhile.
    """
    assert made.prepared is not None and made.schedule is not None
    slots = _given_slots(made.prepared, made.schedule)
    work = ordered(made.schedule, made.prepared)
    work, made.sharing = share(work, made.prepared, slots)
    made.schedule = in_batches(work, made.prepared, made.sharing) if made.batches else work
    rooms = _emit_kernels(made, known, ahead)
    made.schedule = with_room(made.schedule, lambda kernel: rooms[function_name(kernel)])
    ranges = live_ranges(made.schedule, slots, made.sharing.home)
    for k, buffer in enumerate(ranges):
        shape = (buffer.size,) if isinstance(buffer, Workspace) else buffer.shape
        slots[buffer] = Slot(Role.TEMPORARY, k, buffer.dtype, shape)
    made.slots, made.plan = slots, MemoryPlan(tuple(ranges.values()))


def _given_slots(graph: Graph, work: Schedule) -> dict[Node | Workspace, Slot]:
    """The buffers that come from outside or go there, and those without a fixed place."""
    roles = (
        (Role.PLACEHOLDER, graph.placeholders),
        (Role.VARIABLE, graph.variables),
        (Role.CONSTANT, constants(graph, work)),
        (Role.OUTPUT, graph.outputs),
        (Role.UPDATE, [value for _, value in graph.updates]),
        (Role.MOVING, work.moving()),
    )
    return {
        node: Slot(role, k, node.dtype, node.shape)
        for role, nodes in roles
        for k, node in enumerate(nodes)
    }


def constants(graph: Graph, work: Schedule) -> list[Node]:
    """The constants that are kept in memory (single numbers are written into the code)."""
    found = [node for node in graph.nodes if node.op.name == "constant" and is_buffer(node)]
    used = (buffer for launch in work.launches for buffer in launch.operands)
    inner = (b for b in used if isinstance(b, Node) and b.op.name == "constant")
    return list(dict.fromkeys((*found, *inner)))


def symbols(graph: Graph) -> tuple[str, ...]:
    """The symbolic dims that inputs declare, by name."""
    found: set[str] = set()
    for node in (*graph.placeholders, *graph.variables):
        for size in node.shape:
            found |= dims.symbols(size)
    return tuple(sorted(found))


def _emit_kernels(
    made: Compilation, known: CompiledCode, ahead: Translators | None
) -> dict[str, int]:
    """Modules of the kernels that the cache does not have; the room that each of all needs."""
    assert made.schedule is not None
    made.kernels = {function_name(kernel): kernel for kernel in made.schedule.distinct()}
    kept = known.objects(made.kernels)
    made.objects = {name: code.image for name, code in kept.items()}
    made.rooms = {name: code.room for name, code in kept.items()}
    made.modules = {}
    for name, kernel in made.kernels.items():
        if name in kept:
            continue
        emitted = emit_kernel(kernel, made.target)
        made.modules[name], made.rooms[name] = emitted.module, emitted.room
        if ahead is not None:
            translation.begin(ahead, name, emitted.module, made.target)
    made.parts = tiles_called(made.kernels.values(), made.target)
    known_parts = (made.modules.values(), made.objects.values(), made.target)
    made.parts |= turns_called(*known_parts) | direct_tiles_called(*known_parts)
    if ahead is not None:
        for name, emit in made.parts.items():
            ahead.begin(name, PART, partial(shared_object, name, emit, made.target))
    return made.rooms


def _emit_entry(made: Compilation) -> None:
    assert made.prepared is not None and made.schedule is not None and made.slots is not None
    assert made.sharing is not None and made.modules is not None
    places = {buffer: k for k, buffer in enumerate(made.slots)}
    places |= {buffer: places[home] for buffer, home in made.sharing.home.items()}
    names = {name: k for k, name in enumerate(symbols(made.prepared))}
    made.modules[program.ENTRY] = program.emit_entry(
        made.schedule, places, names, made.target, made.timed
    )


def _translate(made: Compilation, known: CompiledCode, translators: Translators) -> None:
    """Machine code of the new modules; the cache is given that of the kernels among them."""
    assert made.kernels is not None and made.objects is not None and made.modules is not None
    assert made.schedule is not None and made.rooms is not None
    is_long = len(made.schedule.launches) > LONG
    entry = made.modules[program.ENTRY]
    translation.begin(translators, program.ENTRY, entry, made.target, quickly=is_long)
    new = translators.finish()
    for name in made.kernels.keys() & new.keys():
        known.keep_object(made.kernels[name], KernelCode(new[name], made.rooms[name]))
    made.objects |= {name: new[name] for name in made.modules}


def _assemble(made: Compilation, known: CompiledCode, started: float) -> None:
    graph, work = made.prepared, made.schedule
    assert graph is not None and work is not None
    assert made.slots is not None and made.plan is not None
    assert made.kernels is not None and made.objects is not None and made.sharing is not None
    assert made.parts is not None
    variables = {node: k for k, node in enumerate(graph.variables)}
    made.executable = Executable(
        objects=(
            *(made.objects[name] for name in (*made.kernels, program.ENTRY)),
            *(shared_object(name, emit, made.target) for name, emit in made.parts.items()),
        ),
        imports=(
            *imported(made.kernels.values()),
            *regions.imports(work),
            *([program.CLOCK] if made.timed else []),
        ),
        entry=program.ENTRY,
        slots=tuple(made.slots.values()),
        symbols=symbols(graph),
        placeholders=tuple(declared_input(node) for node in made.graph.placeholders),
        variables=tuple(declared_input(node) for node in graph.variables),
        constants=tuple(node.attrs["value"] for node in constants(graph, work)),
        updated=tuple(variables[variable] for variable, _ in graph.updates),
        in_place=made.sharing.in_place,
        guards=made.graph.guards,
        sites=tuple(_site(site) for site in program.checked_sites(work)),
        plan=made.plan,
        kernel_count=len(made.kernels),
        launch_count=len(work.launches),
        endless=bool(regions.imports(work)),
        work=work_of(work),
        compile_seconds=time.perf_counter() - started,
    )
    if made.is_usual:
        known.keep_program(made.executable)


def declared_input(node: Node) -> Input:
    """A placeholder or variable as the user declares it."""
    return Input(str(node.name), node.dtype, node.shape, node.location)


def _site(site: scalar.Site) -> Site:
    node = site.node
    assert isinstance(node, Node)
    rule = node.op.lowering
    if node.op is py_call:
        return Site(node.op.name, CALLED, node.location)
    if isinstance(rule, Library):
        return Site(rule.blamed or node.op.name, site.axis, node.location, rule.failure)
    if isinstance(rule, Control):
        return Site(node.op.name, LIMIT, node.location, limit_text(node.attrs["most"]))
    return Site(node.op.name, site.axis, node.location)
