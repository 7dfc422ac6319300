"""Programs in text-form files, with their large arrays in a `.npz` file of the same name."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

import graphc.ops  # noqa: F401 - the parser looks ops up in the registry
from graphc.errors import TargetError
from graphc.inspection.target import Fetch, Subject, names_in_text
from graphc.inspection.view import View
from graphc.ir import dims
from graphc.ir.graph import Graph
from graphc.ir.node import Node
from graphc.ir.opdef import Array
from graphc.ir.parser import parse_graph
from graphc.ir.printer import value_names
from graphc.ir.verifier import verify

ARRAYS = ".npz"


def read(file: Path) -> Subject:
    """The program of a file.

    The arrays beside it give constants by the names that the text has for them, and initial
    values by the names of variables. ParseError, VerificationError or TargetError.
    """
    arrays = _arrays(file.with_suffix(ARRAYS))
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TargetError(f"{file} cannot be read: {error}") from None
    graph = parse_graph(text, arrays, str(file))
    verify(graph)
    _check_inputs(graph)
    return Subject(
        name=str(file),
        title=graph.name,
        fetches=_fetches(graph),
        inputs=(*graph.placeholders, *graph.variables),
        tensors={node.name: node for node in graph.nodes if node.name},
        initial=_initial(graph, arrays),
        guards=graph.guards,
        whole=graph,
    )


def write(view: View, subject: Subject, file: Path) -> list[Path]:
    """Write a view's code, and beside it the arrays that it refers to; the files written.

    With those are the initial values of variables, if the code is a graph. TargetError.
    """
    arrays = dict(view.arrays)
    if view.data["stage"] in ("graph", "optimized"):
        initial = subject.initial
        arrays |= {str(v.name): initial[v] for v in subject.graph.variables if v in initial}
    beside = file.with_suffix(ARRAYS)
    try:
        file.write_text(view.code + "\n", encoding="utf-8")
        if arrays:
            np.savez(beside, allow_pickle=False, **arrays)
    except OSError as error:
        raise TargetError(f"{file} cannot be written: {error}") from None
    return [file, beside] if arrays else [file]


def _fetches(graph: Graph) -> tuple[Fetch, ...]:
    called = {node: name for name, node in names_in_text(graph).items()}
    tensors = [Fetch(called[node], node) for node in dict.fromkeys(graph.outputs)]
    updates = [Fetch(f"update_{pair[0].name}", updates=(pair,)) for pair in graph.updates]
    return (*tensors, *updates)


def _arrays(file: Path) -> dict[str, Array]:
    if not file.is_file():
        return {}
    try:
        with np.load(file, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise TargetError(f"{file} cannot be read as an archive of arrays: {error}") from None


def _check_inputs(graph: Graph) -> None:
    for node in (*graph.placeholders, *graph.variables):
        if node.name is None:
            text = value_names(graph)[node]
            raise TargetError(f"the input {text}: {node.type} needs a name, not a number")
    for node in graph.variables:
        if any(dims.symbols(size) for size in node.shape):
            raise TargetError(
                f"the variable {node.name} is {node.type}; a variable's dims must be numbers",
                location=node.location,
            )


def _initial(graph: Graph, arrays: Mapping[str, Array]) -> dict[Node, Array]:
    return {node: arrays[str(node.name)] for node in graph.variables if node.name in arrays}
