"""What holds for every program with loops and branches."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.api.nesting import leaves_of
from graphc.ir.graph import Graph
from graphc.ir.parser import parse_graph
from graphc.ir.printer import large_constants, print_graph
from graphc.ir.verifier import verify
from graphc.passes.pipeline import run_passes
from graphc.runtime.reference import evaluate
from graphc.schedule import tight
from tests.control.programs import PROGRAMS, Program

Array = np.ndarray[Any, Any]

every_program = pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)


def _of_floats(tensors: list[gc.Tensor]) -> list[gc.Tensor]:
    return [tensor for tensor in tensors if tensor.dtype.is_float]


def _with_gradients(program: Program) -> tuple[gc.Graph, list[gc.Tensor], list[gc.Tensor]]:
    """The results, a sum of them, its gradients, and those of their squares' sum."""
    graph, fed, results = program.graph()
    with graph:
        total = gc.constant(0.0, dtype=gc.float64)
        for result in _of_floats(results):
            total = total + gc.sum(gc.sin(result))
        first = gc.gradients(total, _of_floats(fed))
        squares = gc.constant(0.0, dtype=gc.float64)
        for slope in first:
            squares = squares + gc.sum(slope * slope)
        second = gc.gradients(squares, _of_floats(fed))
    return graph, fed, [*results, total, *first, *second]


def _evaluated(graph: Graph, program: Program) -> list[Array]:
    inputs = {node: program.feeds[int(str(node.name)[1:])] for node in graph.placeholders}
    return evaluate(graph, inputs)[0]


def _run(program: Program, threads: int = 1) -> list[Array]:
    graph, fed, wanted = _with_gradients(program)
    with gc.Session(graph, threads=threads) as session:
        feeds = dict(zip(fed, program.feeds, strict=True))
        found: list[Array] = session.run(wanted, feeds)
        again = session.run(wanted, feeds)
    assert _bits(found) == _bits(again)
    return found


def _usual_run(program: Program) -> list[Array]:
    """What a run gives, compiled once for all tests of the program."""
    if program.name not in _RUNS:
        _RUNS[program.name] = _run(program)
    return _RUNS[program.name]


_RUNS: dict[str, list[Array]] = {}


def _bits(arrays: list[Array]) -> list[bytes]:
    return [array.tobytes() for array in arrays]


@every_program
def test_native_code_computes_what_the_interpreter_does(program: Program) -> None:
    graph, _, wanted = _with_gradients(program)
    expected = _evaluated(graph.extract(wanted), program)
    for found, value in zip(_usual_run(program), expected, strict=True):
        np.testing.assert_allclose(found, value, rtol=1e-8, atol=1e-10)


@every_program
def test_passes_keep_the_values(program: Program) -> None:
    graph, _, wanted = _with_gradients(program)
    before = graph.extract(wanted)
    after, _ = run_passes(before, verify=True)
    for found, value in zip(_evaluated(after, program), _evaluated(before, program), strict=True):
        np.testing.assert_allclose(found, value, rtol=1e-8, atol=1e-10)


@every_program
def test_text_comes_back_as_the_same_graph(program: Program) -> None:
    graph, _, wanted = _with_gradients(program)
    made = graph.extract(wanted)
    verify(made)
    text = print_graph(made, locations=False)
    again = parse_graph(text, constants=large_constants(made))
    verify(again)
    assert print_graph(again, locations=False) == text


@every_program
def test_bits_do_not_depend_on_threads(program: Program) -> None:
    assert _bits(_usual_run(program)) == _bits(_run(program, threads=3))


@every_program
def test_bits_do_not_depend_on_what_else_is_fetched(program: Program) -> None:
    graph, fed, results = program.graph()
    with gc.Session(graph, threads=1) as session:
        alone = session.run(results, dict(zip(fed, program.feeds, strict=True)))
    assert _bits(alone) == _bits(_usual_run(program)[: len(results)])


@every_program
def test_loops_in_one_kernel_have_the_bits_of_launches(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    tightly = _usual_run(program)
    monkeypatch.setenv("GRAPHC_CACHE", "0")  # programs are kept by their graphs
    monkeypatch.setattr(tight, "MOST_LAUNCHES", 0)
    assert _bits(_run(program)) == _bits(tightly)


@every_program
def test_derivatives_agree_with_differences(program: Program) -> None:
    floats = [k for k, value in enumerate(program.feeds) if value.dtype.kind == "f"]

    def total(*moving: gc.Tensor) -> gc.Tensor:
        given: list[Any] = [gc.constant(value) for value in program.feeds]
        for k, tensor in zip(floats, moving, strict=True):
            given[k] = tensor
        results = [r for r in leaves_of(program.build(*given)) if r.dtype.is_float]
        sums = [gc.sum(gc.sin(result)) for result in results]
        return sums[0] if len(sums) == 1 else gc.sum(gc.stack(sums))

    if floats:
        report = gc.check_gradients(total, [program.feeds[k] for k in floats])
        assert report.ok, str(report)
