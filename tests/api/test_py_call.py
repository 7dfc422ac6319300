"""Python functions called by programs while they run."""

from __future__ import annotations

import gc as garbage
import subprocess
import sys
import threading
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc as gc
from graphc.errors import AttributeValueError, CallbackError, DTypeError, GradientError, GraphError
from graphc.ir.parser import parse_graph
from graphc.ir.printer import print_graph
from graphc.runtime.reference import evaluate

X = np.array([1.0, 2.0, 3.0])


def run(fetches: Any, feeds: Any, threads: int = 1) -> Any:
    graph = next(iter(feeds)).graph
    with gc.Session(graph, threads=threads) as session:
        return session.run(fetches, feeds)


def test_nested_operands_and_results() -> None:
    def f(a: Any, rest: dict[str, Any]) -> Any:
        return {"sum": a + rest["b"], "parts": [np.flip(a), a.sum()]}

    with gc.Graph() as graph:
        x = gc.placeholder(gc.float64, ("n",), name="x")
        types = {"sum": x, "parts": [(gc.float64, ("n",)), (gc.float64, ())]}
        found = gc.py_call(f, types, 2 * x, {"b": x + 1})
        y = found["sum"] * found["parts"][0] + found["parts"][1]
    expected = (3 * X + 1) * 2 * X[::-1] + 12
    np.testing.assert_array_equal(run(y, {x: X}), expected)
    np.testing.assert_array_equal(run(y, {x: X}, threads=2), expected)
    program = graph.extract([y])
    np.testing.assert_array_equal(evaluate(program, {x.node: X})[0][0], expected)


@pytest.mark.parametrize("dtype", [gc.bool_, gc.uint8, gc.int32, gc.int64, gc.float32, gc.float64])
@pytest.mark.parametrize("shape", [(), (0,), (7,), (2, 3)])
def test_every_dtype_and_shape(dtype: gc.DType, shape: tuple[int, ...]) -> None:
    array = (np.arange(np.prod(shape, dtype=int)).reshape(shape) % 2).astype(dtype.numpy)
    with gc.Graph():
        x = gc.placeholder(dtype, shape, name="x")
        y = gc.py_call(lambda a: np.asarray(a[..., ::-1] if a.ndim else a), (dtype, shape), x)
    found = run([y, x], {x: array})
    np.testing.assert_array_equal(found[0], array[..., ::-1] if shape else array)
    assert found[0].dtype == dtype.numpy


def test_one_compile_for_every_size() -> None:
    shapes = []

    def f(a: Any) -> Any:
        shapes.append(a.shape)
        return np.concatenate([a, a])

    with gc.Graph() as graph:
        x = gc.placeholder(gc.float32, ("n", 2), name="x")
        y = gc.exp(gc.py_call(f, (gc.float32, ("2*n", 2)), x))
        assert [str(size) for size in y.shape] == ["2*n", "2"]
    with gc.Session(graph) as session:
        step = session.make_callable(y, [x])
        for n in (3, 0, 5):
            assert step(np.zeros((n, 2), np.float32)).tolist() == [[1.0, 1.0]] * (2 * n)
    assert shapes == [(3, 2), (0, 2), (5, 2)]


def test_arrays_are_the_functions_own() -> None:
    kept = []

    def f(a: Any) -> Any:
        a += 1
        kept.append(a)
        return a

    with gc.Graph():
        x = gc.placeholder(gc.float64, (3,), name="x")
        y = gc.py_call(f, x, x)
    found = run([y, x], {x: X})
    np.testing.assert_array_equal(found, [X + 1, X])
    np.testing.assert_array_equal(kept[0], X + 1)


def test_errors_name_the_call_and_change_nothing() -> None:
    def f(a: Any) -> Any:
        raise KeyError("no such thing")

    with gc.Graph() as graph:
        x = gc.placeholder(gc.float64, (3,), name="x")
        w = gc.variable(1.0, name="w")
        bad = gc.py_call(f, x, x)
        line = bad.location
        step = gc.assign(w, w + 1)
    for threads in (1, 2):
        with gc.Session(graph, threads=threads) as session:
            for call in (
                lambda s=session: s.run([step, bad], {x: X}),
                lambda s=session: s.make_callable([step, bad], [x])(X),
            ):
                with pytest.raises(CallbackError) as caught:
                    call()
                assert "py_call: KeyError: 'no such thing'" in str(caught.value)
                assert isinstance(caught.value.__cause__, KeyError)
                assert caught.value.location == line
            assert session.get_value(w) == 1
    with pytest.raises(CallbackError, match="KeyError"):
        evaluate(graph.extract([bad]), {x.node: X})


def test_a_keyboard_interrupt_stays_one() -> None:
    def f(a: Any) -> Any:
        raise KeyboardInterrupt

    with gc.Graph():
        x = gc.placeholder(gc.float64, (3,), name="x")
        y = gc.py_call(f, x, x)
    with pytest.raises(KeyboardInterrupt):
        run(y, {x: X})


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (
            lambda a: a.astype(np.float32),
            r"returned float32\[3\] as result 0, which is declared as",
        ),
        (lambda a: a[:2], r"returned float64\[2\] as result 0, which is declared as float64\[3\]"),
        (lambda a: None, "returned object"),
    ],
)
def test_results_must_be_as_declared(returned: Any, message: str) -> None:
    with gc.Graph():
        x = gc.placeholder(gc.float64, (3,), name="x")
        y = gc.py_call(returned, x, x)
        pair = gc.py_call(lambda a: (a,), (x, x), x)
    with pytest.raises(CallbackError, match=message):
        run(y, {x: X})
    with pytest.raises(CallbackError, match="returned 1 results, where 2 are declared"):
        run(pair, {x: X})


def test_a_derivative_that_is_given() -> None:
    def f(x: gc.Tensor) -> gc.Tensor:
        return gc.py_call(lambda a: np.sin(a), x, x, vjp=lambda given, y, g: gc.cos(given[0]) * g)

    gc.check_gradients(f, X).require()


def test_a_derivative_that_calls_again() -> None:
    def slope(given: Any, y: gc.Tensor, g: gc.Tensor) -> gc.Tensor:
        (x,) = given
        return gc.py_call(lambda a, b: np.cos(a) * b, x, x, g)

    report = gc.check_gradients(lambda x: gc.py_call(np.sin, x, x, vjp=slope), X).require()
    assert {row.mode for row in report.rows} == {"reverse"}
    assert "nothing by forward: py_call: cannot be differentiated" in report.notes[0]


def test_without_a_derivative_it_is_an_error_to_ask_for_one() -> None:
    with gc.Graph():
        x = gc.placeholder(gc.float64, (3,), name="x")
        y = gc.py_call(np.sin, x, x)
        with pytest.raises(GradientError, match="calls a Python function; give its .* as vjp="):
            gc.gradients(gc.sum(y), x)
        with pytest.raises(GraphError, match="cannot be done for a batch: it calls a Python"):
            gc.vmap(lambda v: gc.py_call(np.sin, v, v))(x)


def test_calls_in_loops_and_branches() -> None:
    with gc.Graph():
        x = gc.placeholder(gc.float64, (), name="x")
        last, _ = gc.scan(lambda c, row: (gc.py_call(lambda a, b: a * b, c, c, row), c), x, X)
        grown = gc.while_loop(lambda v: v < 100, lambda v: gc.py_call(lambda a: a * 3, v, v), x)
        either = gc.cond(x > 0, lambda v: gc.py_call(np.negative, v, v), lambda v: v, x)
    assert run([last, grown, either], {x: 2.0}) == [12.0, 162.0, -2.0]
    assert run(either, {x: -5.0}) == -5.0


def test_a_failure_in_a_loop_ends_it() -> None:
    def f(a: Any) -> Any:
        if a > 50:
            raise ValueError("enough")
        return a * 2

    with gc.Graph():
        x = gc.placeholder(gc.float64, (), name="x")
        y = gc.while_loop(lambda v: v > 0, lambda v: gc.py_call(f, v, v), x)
    with pytest.raises(CallbackError, match="ValueError: enough"):
        run(y, {x: 1.0})


def test_equal_calls_are_one_and_unread_ones_none() -> None:
    calls = []

    def f(a: Any) -> Any:
        calls.append(float(a))
        return a

    with gc.Graph() as graph:
        x = gc.placeholder(gc.float64, (), name="x")
        y = gc.py_call(f, x, x)
        gc.py_call(f, x, x * 2)
        both = gc.sin(y) + gc.cos(y)
    with gc.Session(graph) as session:
        session.run([both, y], {x: 3.0})
    assert calls == [3.0]


def test_threads_of_python_may_run_at_the_same_time() -> None:
    """One waits in its function for what the other's function does."""
    met = threading.Barrier(2, timeout=20)

    def f(a: Any) -> Any:
        met.wait()
        return a + 1

    with gc.Graph() as graph:
        x = gc.placeholder(gc.float64, (3,), name="x")
        y = gc.py_call(f, x, x)
    found: list[Any] = []
    with gc.Session(graph) as session:
        step = session.make_callable(y, [x])
        workers = [threading.Thread(target=lambda: found.append(step(X))) for _ in range(2)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    np.testing.assert_array_equal(found, [X + 1, X + 1])


def test_a_function_cannot_change_the_session_that_calls_it() -> None:
    """Nor wait for it: that would be forever. The second call goes by the native path."""

    def f(a: Any) -> Any:
        return session.run([z, step], {x: a})[0]

    with gc.Graph() as graph:
        x = gc.placeholder(gc.float64, (), name="x")
        w = gc.variable(1.0, name="w", dtype=gc.float64)
        z, step = w * 2, gc.assign(w, w + 1)
        y = gc.py_call(f, x, x) * w
    with gc.Session(graph) as session:
        call = session.make_callable(y, [x])
        for _ in range(3):
            with pytest.raises(CallbackError, match="SessionError: .*(in use|inside a run)"):
                call(np.array(1.0))
        assert session.get_value(w) == 1


def test_whole_epochs() -> None:
    with gc.Graph() as graph:
        x = gc.placeholder(gc.float64, ("n",), name="x")
        total = gc.variable(0.0, name="total", dtype=gc.float64)
        part = gc.py_call(lambda a: np.asarray(a.max()), (gc.float64, ()), x)
        step = gc.assign(total, total + part)
    with gc.Session(graph) as session:
        maxima, _ = session.run_steps([part, step], {x: np.arange(8.0)}, steps=4, batch=2)
        assert session.get_value(total) == 1 + 3 + 5 + 7
    assert maxima.tolist() == [1, 3, 5, 7]


PROGRAM = """
import sys, graphc as gc
with gc.Graph() as graph:
    x = gc.placeholder(gc.float64, (), name="x")
    y = gc.py_call(lambda a: a * {factor}, x, x)
with gc.Session(graph) as session:
    print(float(session.run(y, {{x: 2.0}})))
"""


def test_no_other_process_finds_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Same lines, same text, same cache: another function."""
    monkeypatch.setenv("GRAPHC_CACHE_DIR", str(tmp_path))
    for factor in (2, 5):
        command = [sys.executable, "-c", PROGRAM.format(factor=factor)]
        ran = subprocess.run(command, capture_output=True, text=True)
        assert ran.stdout.split() == [str(2.0 * factor)], ran.stderr


def test_the_text_form_names_a_function_of_this_process() -> None:
    with gc.Graph() as graph:
        x = gc.placeholder(gc.float64, (3,), name="x")
        y = gc.py_call(np.sort, x, -x)
    text = print_graph(graph.extract([y]), locations=False)
    again = parse_graph(text)
    assert print_graph(again, locations=False) == text
    np.testing.assert_array_equal(evaluate(again, {again.placeholders[0]: X})[0][0], -X[::-1])
    number = text.split("py_call_")[1].split('"')[0]
    strange = parse_graph(text.replace(f"py_call_{number}", "py_call_none"))
    with pytest.raises(CallbackError, match="py_call_none is not known in this process"):
        evaluate(strange, {strange.placeholders[0]: X})


def test_a_function_goes_with_its_program() -> None:
    def f(a: Any) -> Any:
        return a

    with gc.Graph() as graph:
        x = gc.placeholder(gc.float64, (3,), name="x")
        y = gc.py_call(f, x, x)
    with gc.Session(graph) as session:
        session.run(y, {x: X})
    gone = weakref.ref(f)
    del f, graph, session, x, y
    garbage.collect()
    assert gone() is None


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((3, (gc.float64, ())), AttributeValueError, "takes a function, not 3"),
        ((np.sin, 3), AttributeValueError, "3 is no type; give a tensor, or a pair"),
        ((np.sin, ()), AttributeValueError, "needs the type of a result"),
        (
            (np.sin, [(gc.float64, ()), (gc.int32, (2,))]),
            DTypeError,
            "results must be of one dtype, not float64, int32; make a call for each",
        ),
    ],
)
def test_what_is_no_call(arguments: Any, error: type[Exception], message: str) -> None:
    with gc.Graph(), pytest.raises(error, match=message):
        gc.py_call(*arguments)
