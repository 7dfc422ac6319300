"""From groups of graph nodes to kernels."""

from __future__ import annotations

from dataclasses import replace

from graphc.errors import CompileError
from graphc.ir.graph import Graph, topological
from graphc.ir.location import created_at
from graphc.ir.lowering import Library, Scan, Scatter, Sort
from graphc.ir.node import Node
from graphc.ops import ops
from graphc.schedule.bands.cutting import Band
from graphc.schedule.bands.kernel import band_kernel
from graphc.schedule.fusion import fuse
from graphc.schedule.groups import Fusion, Group
from graphc.schedule.keeping import is_buffer, is_literal, is_packed
from graphc.schedule.kernel import Launch, Schedule
from graphc.schedule.library import library_kernel
from graphc.schedule.ordered import scan_kernel, scatter_kernel, sort_kernel
from graphc.schedule.points import point_kernel
from graphc.schedule.products import product_kernel
from graphc.schedule.rows import row_kernel
from graphc.schedule.separation import separations


def own_results(graph: Graph) -> Graph:
    """The graph with a node of its own, to be computed, for every output and update.

    Feeds, variables, numbers and values asked for twice are copied, so every result is fresh.
    """
    taken: set[Node] = set()

    def own(node: Node) -> Node:
        if node in taken or is_buffer(node) or is_literal(node):
            with created_at(node.location):
                node = ops.identity(node)
        taken.add(node)
        return node

    outputs = tuple(own(node) for node in graph.outputs)
    updates = tuple((variable, own(value)) for variable, value in graph.updates)
    sources = [*graph.placeholders, *graph.variables]
    nodes = topological([*sources, *outputs, *(value for _, value in updates)])
    return replace(graph, nodes=tuple(nodes), outputs=outputs, updates=updates)


def schedule(graph: Graph, bands: tuple[Band, ...] = ()) -> Schedule:
    """Cut a graph into kernels in running order; every result must be a node of its own.

    CompileError for an op without a lowering.
    """
    for node in graph.nodes:
        if node.op.lowering is None:
            raise CompileError(
                "has no lowering; the compiler should have removed it",
                op=node.op.name,
                location=node.location,
            )
    fusion = fuse(graph, bands)
    launches = tuple(_launch(group, fusion) for group in fusion.groups)
    return Schedule(launches, tuple(separations(fusion)))


def _launch(group: Group, fusion: Fusion) -> Launch:
    first = group.nodes[0]
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
            kernel = library_kernel(group, fusion)
        case _ if group.has_rows and not group.firm:
            kernel = row_kernel(group, fusion)
        case _ if is_packed(first):
            kernel = product_kernel(group, fusion) or point_kernel(group, fusion)
        case _:
            kernel = point_kernel(group, fusion)
    made, operands = kernel
    return Launch(made, operands, tuple(group.nodes), fusion.reasons[first], made.sites)
