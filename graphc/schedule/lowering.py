"""From groups of graph nodes to kernels."""

from __future__ import annotations

from dataclasses import replace

from graphc.errors import CompileError
from graphc.ir.graph import Graph, rewrite, topological, with_inputs
from graphc.ir.location import created_at
from graphc.ir.lowering import Library, Part, Scan, Scatter, Sort
from graphc.ir.node import Node
from graphc.ir.opdef import holds_graphs
from graphc.ops import ops
from graphc.ops.windows import Windows
from graphc.schedule.bands.cutting import Band, in_bands
from graphc.schedule.bands.kernel import band_kernel
from graphc.schedule.control import InLine, Parts, Prepared, is_held_by_loop
from graphc.schedule.fusion import fuse
from graphc.schedule.groups import Fusion, Group
from graphc.schedule.keeping import is_buffer, is_literal, is_packed
from graphc.schedule.kernel import Kernel, Launch, Schedule
from graphc.schedule.library import Named, library_kernel
from graphc.schedule.ordered import scatter_kernel, sort_kernel
from graphc.schedule.points import point_kernel
from graphc.schedule.products.chains import chain_kernel
from graphc.schedule.products.depthwise import is_in_place, is_summed
from graphc.schedule.products.kernel import product_kernel
from graphc.schedule.products.pieces import pieces_of
from graphc.schedule.products.place_sums import place_sums_kernel
from graphc.schedule.products.rows import product_rows_kernel
from graphc.schedule.reading import Buffer, OutOfReach
from graphc.schedule.rows import row_kernel
from graphc.schedule.scans import scan_kernel
from graphc.schedule.separation import separations
from graphc.schedule.splitting import split_reductions


def own_results(graph: Graph) -> Graph:
    """The graph with a node of its own, to be computed, for every output and update.

    Feeds, variables, numbers and values asked for twice are copied, so every result is fresh. So
    are numbers that loops and branches read, which find them in memory.
    """
    graph = _with_numbers_in_memory(graph)
    taken: set[Node] = set()

    def own(node: Node) -> Node:
        if node in taken or is_buffer(node) or is_literal(node) or is_held_by_loop(node):
            with created_at(node.location):
                node = ops.identity(node)
        taken.add(node)
        return node

    outputs = tuple(own(node) for node in graph.outputs)
    updates = tuple((variable, own(value)) for variable, value in graph.updates)
    sources = [*graph.placeholders, *graph.variables]
    nodes = topological([*sources, *outputs, *(value for _, value in updates)])
    return replace(graph, nodes=tuple(nodes), outputs=outputs, updates=updates)


def _with_numbers_in_memory(graph: Graph) -> Graph:
    if not any(holds_graphs(node.op) for node in graph.nodes):
        return graph

    def change(node: Node, inputs: tuple[Node, ...]) -> Node:
        if holds_graphs(node.op):
            with created_at(node.location):
                inputs = tuple(ops.identity(x) if is_literal(x) else x for x in inputs)
        return with_inputs(node, inputs)

    return rewrite(graph, change)


def schedule(graph: Graph, bands: tuple[Band, ...] = ()) -> Schedule:
    """Cut a graph into kernels in running order; every result must be a node of its own.

    CompileError for an op without a lowering.
    """
    return InLine(_parts, prepared).schedule(graph, bands)


def prepared(graph: Graph) -> Prepared:
    """The graph as it is scheduled, and its bands."""
    return in_bands(own_results(split_reductions(graph)))


def _parts(graph: Graph, bands: tuple[Band, ...]) -> Parts:
    """A graph's launches and the ops that hold graphs, in order."""
    for node in graph.nodes:
        if node.op.lowering is None:
            raise CompileError(
                "has no lowering; the compiler should have removed it",
                op=node.op.name,
                location=node.location,
            )
    apart: frozenset[Node] = frozenset()
    while True:
        fusion = fuse(graph, bands, apart)
        try:
            return _launches(fusion), list(separations(fusion))
        except OutOfReach as found:
            if found.value in apart:
                raise
            apart |= {found.value}


def _launches(fusion: Fusion) -> list[Launch | Node]:
    groups = [g for g in fusion.groups if not isinstance(g.nodes[0].op.lowering, Part)]
    return [
        group.nodes[0] if holds_graphs(group.nodes[0].op) else _launch(group, fusion)
        for group in groups
    ]


def _launch(group: Group, fusion: Fusion) -> Launch:
    first = group.nodes[0]
    sizes: Named = ()
    match first.op.lowering:
        case _ if group.band is not None:
            kernel = band_kernel(group, fusion)
        case Scan():
            kernel = scan_kernel(group, fusion)
        case Scatter():
            kernel = scatter_kernel(group, fusion)
        case Sort():
            kernel = sort_kernel(group, fusion)
        case Library():
            made, buffers, sizes = library_kernel(group, fusion)
            kernel = made, buffers
        case _ if group.has_rows and not group.firm:
            kernel = row_kernel(group, fusion)
        case _ if group.by_rows:
            kernel = product_rows_kernel(group, fusion)
        case _ if is_in_place(first):
            kernel = chain_kernel(group, fusion, Windows.of(first).rank)
        case _ if is_summed(first):
            kernel = place_sums_kernel(group, fusion, Windows.of(first).rank)
        case _ if is_packed(first):
            kernel = product_kernel(group, fusion) or _plain_kernel(group, fusion)
        case _:
            kernel = point_kernel(group, fusion)
    made, operands = kernel
    return Launch(made, operands, tuple(group.nodes), fusion.reasons[first], made.sites, sizes)


def _plain_kernel(group: Group, fusion: Fusion) -> tuple[Kernel, tuple[Buffer, ...]]:
    """Plain loops, for what has no rows or no columns."""
    node = group.nodes[0]
    if len(pieces_of(node)) > 1:
        return chain_kernel(group, fusion, Windows.of(node).rank)
    return point_kernel(group, fusion)
