"""What a program takes, gives and costs, on one page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from graphc.codegen.program import found_dims
from graphc.compiler import Compilation, compile_graph
from graphc.inspection.memory import growth_blocks, growth_data, totals_data, totals_table
from graphc.inspection.peak import check_dims, layout_for, memory_of
from graphc.inspection.target import Fetch, Subject
from graphc.inspection.view import Block, Column, Note, View, table
from graphc.ir.graph import PLACEHOLDER, VARIABLE, Graph, subgraphs
from graphc.ir.node import Node

_INPUTS = (
    Column("input"),
    Column("is"),
    Column("type"),
    Column("parameters", right=True),
    Column("bytes", right=True),
    Column("created at", dim=True),
)
_RESULTS = (
    Column("fetch"),
    Column("type"),
    Column("bytes", right=True),
    Column("created at", dim=True),
)
_OPS = (Column("op"), Column("as built", right=True), Column("optimized", right=True))


def summary_view(subject: Subject, dims: Mapping[str, int]) -> View:
    """Inputs, results, ops, parameters, kernels, predicted memory and guards of a program."""
    made = compile_graph(subject.graph, stop="memory")
    assert made.schedule is not None
    sizes = check_dims(subject.graph, dims, found_dims(made.schedule))
    memory = memory_of(made, sizes, layout_for(made, sizes))
    counts = _op_counts(made)
    data = {
        "target": subject.name,
        "name": subject.graph.name,
        "inputs": [_input_data(node) for node in subject.graph.placeholders],
        "variables": [_input_data(node) for node in subject.graph.variables],
        "fetches": [_fetch_data(fetch) for fetch in subject.fetches],
        "ops": {op: {"built": built, "optimized": left} for op, (built, left) in counts.items()},
        "parameters": _parameters(subject.graph),
        **_kernel_counts(made),
        "dims": sizes,
        "memory": totals_data(memory),
        "growing": growth_data(made, sizes),
        "guards": [str(guard) for guard in subject.graph.guards],
    }
    blocks: list[Block] = [Note(f"{subject.name}: graph @{subject.graph.name}", strong=True)]
    blocks += _input_tables(subject.graph)
    blocks.append(table(_RESULTS, [row for fetch in subject.fetches for row in _fetch_rows(fetch)]))
    blocks.append(table(_OPS, _op_rows(counts)))
    blocks.append(Note(_counts_text(data)))
    blocks.append(totals_table(memory))
    blocks += growth_blocks(made, sizes)
    if subject.graph.guards:
        blocks.append(Note(f"relies on {', '.join(map(str, subject.graph.guards))}"))
    return View(data, tuple(blocks))


def _input_data(node: Node) -> dict[str, Any]:
    data: dict[str, Any] = {
        "name": node.name,
        "dtype": node.dtype.name,
        "shape": [size if isinstance(size, int) else str(size) for size in node.shape],
        "bytes": str(node.tensor.nbytes),
        "location": node.location.full() if node.location else None,
    }
    if node.op.name == VARIABLE:
        data |= {"trainable": node.attrs["trainable"], "parameters": node.tensor.size}
    return data


def _input_tables(graph: Graph) -> list[Block]:
    rows = [
        (node.name, _kind(node), node.type, _parameter_text(node), _bytes(node), _place(node))
        for node in (*graph.placeholders, *graph.variables)
    ]
    return [table(_INPUTS, rows)] if rows else [Note("takes no inputs")]


def _kind(node: Node) -> str:
    if node.op.name == PLACEHOLDER:
        return PLACEHOLDER
    return VARIABLE if node.attrs["trainable"] else f"{VARIABLE}, fixed"


def _parameter_text(node: Node) -> str:
    return f"{node.tensor.size:,}" if node.op.name == VARIABLE else ""


def _bytes(node: Node) -> str:
    size = node.tensor.nbytes
    return f"{size:,}" if isinstance(size, int) else str(size)


def _place(node: Node) -> str:
    return str(node.location or "")


def _fetch_data(fetch: Fetch) -> dict[str, Any]:
    if fetch.tensor is None:
        return {
            "name": fetch.name,
            "updates": [str(variable.name) for variable, _ in fetch.updates],
        }
    node = fetch.tensor
    return {"name": fetch.name, "type": str(node.type), "bytes": str(node.tensor.nbytes)}


def _fetch_rows(fetch: Fetch) -> list[tuple[str, str, str, str]]:
    if fetch.tensor is not None:
        node = fetch.tensor
        return [(fetch.name, str(node.type), _bytes(node), _place(node))]
    return [
        (fetch.name, f"{node.type} to {variable.name}", _bytes(node), _place(node))
        for variable, node in fetch.updates
    ]


def _op_counts(made: Compilation) -> dict[str, tuple[int, int]]:
    """How often each op occurs, before and after passes; the most frequent first."""
    assert made.optimized is not None
    built, left = Counter(_ops(made.graph)), Counter(_ops(made.optimized))
    names = sorted(built | left, key=lambda name: (-built[name], -left[name], name))
    return {name: (built[name], left[name]) for name in names}


def _ops(graph: Graph) -> Iterable[str]:
    for node in graph.nodes:
        if node.op.name not in (PLACEHOLDER, VARIABLE):
            yield node.op.name
            for _, inner in subgraphs(node):
                yield from _ops(inner)


def _op_rows(counts: Mapping[str, tuple[int, int]]) -> list[tuple[str, str, str]]:
    rows = [(op, str(built or ""), str(left or "")) for op, (built, left) in counts.items()]
    built, left = (sum(pair[k] for pair in counts.values()) for k in (0, 1))
    return [*rows, ("all", str(built), str(left))]


def _parameters(graph: Graph) -> dict[str, int]:
    """Elements of all variables, and of those that are trained."""
    sizes = [(node.attrs["trainable"], node.tensor.size) for node in graph.variables]
    known = [(trained, size) for trained, size in sizes if isinstance(size, int)]
    return {
        "total": sum(size for _, size in known),
        "trainable": sum(size for trained, size in known if trained),
    }


def _kernel_counts(made: Compilation) -> dict[str, int]:
    assert made.schedule is not None
    return {"kernels": len(made.schedule.distinct()), "launches": len(made.schedule.launches)}


def _counts_text(data: Mapping[str, Any]) -> str:
    parameters = data["parameters"]
    return (
        f"{parameters['total']:,} parameters, {parameters['trainable']:,} of them trainable; "
        f"{data['launches']} launches of {data['kernels']} kernels"
    )
