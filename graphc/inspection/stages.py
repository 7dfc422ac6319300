"""A program at one stage of its way, by the stage's name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from graphc.compiler import compile_graph
from graphc.errors import AttributeValueError
from graphc.inspection.gradients import gradients_view
from graphc.inspection.kernels import kernels_view
from graphc.inspection.listing import graph_view, optimized_view
from graphc.inspection.machine_code import asm_view, llvm_view
from graphc.inspection.memory import memory_view
from graphc.inspection.view import View
from graphc.ir.graph import Graph


@dataclass(frozen=True)
class Options:
    """What narrows a view, each only for some stages (`TAKES`).

    `kernel` is the number of the only kernel to show, `after` the name of the pass after which
    to show the graph, `dims` sizes of symbolic dims, and `optimized` asks for LLVM's form after
    LLVM's passes.
    """

    kernel: int | None = None
    after: str | None = None
    dims: Mapping[str, int] = field(default_factory=dict)
    optimized: bool = False


#: The stages in their order, and the options that each has a use for.
TAKES: dict[str, tuple[str, ...]] = {
    "graph": (),
    "gradients": (),
    "optimized": ("after",),
    "kernels": ("kernel",),
    "memory": ("dims",),
    "llvm": ("kernel", "optimized"),
    "asm": ("kernel",),
}


def view(graph: Graph, stage: str, options: Options | None = None) -> View:
    """The view of a graph at a stage: graph, gradients, optimized, kernels, memory, llvm or asm.

    AttributeValueError for another stage or for an option that the stage has no use for; errors
    of the compiler as they are.
    """
    options = options or Options()
    check(stage, options)
    return _VIEWS[stage](graph, options)


def check(stage: str, options: Options) -> None:
    """AttributeValueError unless there is such a stage and it takes the options that are set."""
    if stage not in TAKES:
        raise AttributeValueError(f"there is no stage {stage!r}; there are {', '.join(TAKES)}")
    for name, value in vars(options).items():
        if value != getattr(Options(), name) and name not in TAKES[stage]:
            stages = [other for other, taken in TAKES.items() if name in taken]
            raise AttributeValueError(
                f"the stage {stage} has no use for {name}; that goes with {', '.join(stages)}"
            )


def _optimized(graph: Graph, options: Options) -> View:
    made = compile_graph(graph, stop="optimized", snapshots=options.after is not None)
    assert made.optimized is not None
    if options.after is None:
        return optimized_view(made.optimized, made.records, None)
    names = [record.name for record in made.records]
    if options.after not in names:
        raise AttributeValueError(f"no pass {options.after!r} has run; {', '.join(names)} have")
    ran = made.records[: names.index(options.after) + 1]
    assert ran[-1].graph is not None
    return optimized_view(ran[-1].graph, ran, options.after)


def _kernels(graph: Graph, options: Options) -> View:
    made = compile_graph(graph, stop="kernels")
    assert made.prepared is not None and made.schedule is not None
    return kernels_view(made.prepared, made.schedule, options.kernel, made.target)


_VIEWS: dict[str, Callable[[Graph, Options], View]] = {
    "graph": lambda graph, options: graph_view(graph),
    "gradients": lambda graph, options: gradients_view(graph),
    "optimized": _optimized,
    "kernels": _kernels,
    "memory": lambda graph, options: memory_view(compile_graph(graph, stop="memory"), options.dims),
    "llvm": lambda graph, options: llvm_view(
        compile_graph(graph, stop="llvm"), options.kernel, options.optimized
    ),
    "asm": lambda graph, options: asm_view(compile_graph(graph, stop="llvm"), options.kernel),
}
