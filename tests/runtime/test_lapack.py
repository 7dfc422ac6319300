"""The library that linear algebra calls: when it is loaded, and programs that call it."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.codegen.executable_file import from_bytes, to_bytes
from graphc.compiler import compile_graph
from graphc.errors import CompileError, LinAlgError
from graphc.ops.triangular import COLUMNS
from graphc.runtime import lapack

SHAPES = [(40, 6, 6), (3, 40, 40), (70, 70), (500, 3, 3)]


def drawn(shape: tuple[int, ...]) -> Any:
    x = np.random.default_rng(0).normal(size=shape)
    return x + 3 * shape[-1] * np.eye(shape[-1])


def everything(x: gc.Tensor) -> list[gc.Tensor]:
    la = gc.linalg
    fetches = [la.cholesky(x), la.inv(x), la.solve(x, x[..., :1]), la.det(x), *la.slogdet(x)]
    fetches += [*la.qr(x), *la.eigh(x), la.eigvalsh(x), *la.svd(x), la.svdvals(x)]
    return fetches


def test_importing_graphc_does_not_load_it() -> None:
    script = (
        "import sys, graphc as gc\n"
        "with gc.Graph() as graph:\n"
        "    x = gc.placeholder(gc.float64, (2, 2))\n"
        "    y = gc.linalg.cholesky(x)\n"
        "assert 'scipy_openblas32' not in sys.modules\n"
        "with gc.Session(graph) as session:\n"
        "    session.run(x + 1, {x: [[1.0, 0.0], [0.0, 1.0]]})\n"
        "    assert 'scipy_openblas32' not in sys.modules\n"
        "    session.run(y, {x: [[1.0, 0.0], [0.0, 1.0]]})\n"
        "assert 'scipy_openblas32' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120)


def test_it_uses_one_thread_of_its_own() -> None:
    count = ctypes.CFUNCTYPE(ctypes.c_int)(lapack.address("scipy_openblas_get_num_threads"))
    assert count() == 1


def test_a_routine_that_is_not_there_is_an_error() -> None:
    with pytest.raises(CompileError, match="scipy-openblas32 .* has no routine nothing"):
        lapack.address("nothing")


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_bits_are_the_same_for_any_number_of_threads(shape: tuple[int, ...]) -> None:
    with gc.Graph() as graph:
        x = gc.placeholder(gc.float64, shape)
        fetches = everything(x)
        fetches += gc.gradients(gc.sum(gc.linalg.cholesky(x)) + gc.sum(gc.linalg.det(x)), [x])
    results = []
    for threads in (1, 2, 3):
        with gc.Session(graph, threads=threads) as session:
            results.append(session.run(fetches, {x: drawn(shape)}))
    for other in results[1:]:
        for mine, theirs in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("symbolic", [False, True], ids=["known", "symbolic"])
def test_threads_share_out_the_columns_of_a_right_side(symbolic: bool) -> None:
    la, n = gc.linalg, 40
    a, counts = drawn((2, n, n)), (0, 1, COLUMNS - 1, COLUMNS, COLUMNS + 1, 2 * COLUMNS + 90)
    for count in counts if symbolic else counts[3:]:
        b = np.random.default_rng(1).normal(size=(2, n, count))
        results = []
        for threads in (1, 2, 3):
            with gc.Graph() as graph:
                x = gc.placeholder(gc.float64, ("s", "n", "n") if symbolic else (2, n, n))
                y = gc.placeholder(gc.float64, ("s", "n", "m") if symbolic else (2, n, count))
                moved = la.matrix_transpose(x) * 1.0
                fetches = [la.solve(x, y), la.triangular_solve(moved, y, lower=False)]
                fetches += gc.gradients(gc.sum(fetches[0] * y), [x, y])
            with gc.Session(graph, threads=threads) as session:
                results.append(session.run(fetches, {x: a, y: b}))
        np.testing.assert_allclose(a @ results[0][0], b, atol=1e-12)
        np.testing.assert_allclose(np.tril(a).mT @ results[0][1], b, atol=1e-12)
        for other in results[1:]:
            for mine, theirs in zip(results[0], other, strict=True):
                np.testing.assert_array_equal(mine, theirs)


def test_a_singular_matrix_is_found_by_any_columns_and_by_none() -> None:
    with gc.Graph() as graph:
        x, y = gc.placeholder(gc.float64, (3, 2, 2)), gc.placeholder(gc.float64, (3, 2, "m"))
        solved = gc.linalg.solve(x, y)
    stack = np.tile(np.eye(2), (3, 1, 1))
    stack[1] = 1.0
    for count in (0, 1, 3 * COLUMNS):
        with (
            gc.Session(graph, threads=2) as session,
            pytest.raises(LinAlgError, match="solve: matrix 1 of the stack is singular"),
        ):
            session.run(solved, {x: stack, y: np.ones((3, 2, count))})


def test_the_worst_matrix_of_any_thread_is_that_of_a_serial_run() -> None:
    with gc.Graph() as graph:
        x = gc.placeholder(gc.float64, ("stack", 4, 4), name="x")
        y = gc.linalg.cholesky(x)
    stack = np.tile(np.eye(4), (5000, 1, 1))
    stack[[300, 4000]] *= -1
    for threads in (1, 3):
        with gc.Session(graph, threads=threads) as session:
            with pytest.raises(LinAlgError, match="matrix 300 of the stack is not positive"):
                session.run(y, {x: stack})
            np.testing.assert_array_equal(session.run(y, {x: abs(stack)}), abs(stack))


def test_a_failed_run_changes_nothing() -> None:
    with gc.Graph() as graph:
        w = gc.variable(np.zeros((2, 2)), name="w")
        x = gc.placeholder(gc.float64, (2, 2), name="x")
        step = gc.assign(w, gc.linalg.inv(x))
    with gc.Session(graph) as session:
        session.run(step, {x: np.diag([2.0, 4.0])})
        with pytest.raises(LinAlgError, match="solve: the matrix is singular"):
            session.run(step, {x: np.zeros((2, 2))})
        np.testing.assert_array_equal(session.get_value(w), np.diag([0.5, 0.25]))


def test_an_executable_names_what_it_calls_and_holds_no_address() -> None:
    with gc.Graph() as graph:
        x = gc.placeholder(gc.float64, (4, 4), name="x")
        program = graph.extract([gc.linalg.cholesky(x)])
    executable = compile_graph(program).executable
    assert executable is not None
    assert executable.imports == ("scipy_LAPACKE_dlaset_work", "scipy_LAPACKE_dpotrf_work")
    content = to_bytes(executable)
    for name in executable.imports:
        assert lapack.address(name).to_bytes(8, "little") not in content
    assert from_bytes(content).imports == executable.imports


def test_programs_from_the_cache_find_the_library(tmp_path: Path) -> None:
    script = (
        "import numpy as np, graphc as gc\n"
        "with gc.Graph() as graph:\n"
        "    x = gc.placeholder(gc.float64, (3, 3), name='x')\n"
        "    y = gc.linalg.inv(x)\n"
        "with gc.Session(graph) as session:\n"
        "    print(session.run(y, {x: np.diag([1.0, 2.0, 4.0])}).tolist())\n"
    )
    environment = {"GRAPHC_CACHE_DIR": str(tmp_path), "PYTHONPATH": ":".join(sys.path)}
    runs = [
        subprocess.run(
            [sys.executable, "-c", script], check=True, timeout=120, capture_output=True,
            env=environment,
        ).stdout
        for _ in range(2)
    ]  # fmt: skip
    assert runs[0] == runs[1] == b"[[1.0, 0.0, 0.0], [0.0, 0.5, 0.0], [0.0, 0.0, 0.25]]\n"


def test_a_failing_step_of_an_epoch_leaves_what_was_before_it() -> None:
    with gc.Graph() as graph:
        w = gc.variable(np.zeros((2, 2)), name="w")
        x = gc.placeholder(gc.float64, ("rows", 2, 2), name="x")
        step = gc.assign(w, w + gc.sum(gc.linalg.inv(x), axis=0))
    data = np.tile(np.eye(2), (4, 1, 1))
    data[2] = 0
    with gc.Session(graph) as session:
        with pytest.raises(LinAlgError, match="matrix 0 of the stack is singular"):
            session.run_steps(step, {x: data}, steps=4, batch=1)
        np.testing.assert_array_equal(session.get_value(w), 2 * np.eye(2))
