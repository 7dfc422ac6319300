"""Reading the text form: the inverse of printing, and errors that point at the place."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from graphc.errors import ParseError
from graphc.ir.dims import Guard, symbol
from graphc.ir.dtypes import ALL, float32, float64, int32
from graphc.ir.graph import Graph, extract
from graphc.ir.location import Location, created_at
from graphc.ir.node import Node
from graphc.ir.opdef import attr_key
from graphc.ir.parser import parse_graph
from graphc.ir.printer import large_constants, print_graph
from graphc.ops import ops
from tests.ir.sample_ops import call, every, halves

batch, m, n = map(symbol, ("batch", "m", "n"))
pytestmark = pytest.mark.usefixtures("sample_ops")


def vector(name: str | None, size: Any = 2) -> Node:
    return ops.placeholder(shape=(size,), dtype=float32, name=name)


def structure(graph: Graph) -> list[Any]:
    """All that a graph is, without identities; locations as far as the text tells them."""
    nodes = [*graph.placeholders, *graph.variables]
    nodes += [node for node in graph.nodes if node not in set(nodes)]
    position = {node: k for k, node in enumerate(nodes)}
    described = [
        (
            node.op.name,
            [position[operand] for operand in node.inputs],
            {key: _attribute(value) for key, value in node.attrs.items()},
            node.type,
            node.name or None,
            str(node.location) if node.inputs else None,
        )
        for node in nodes
    ]
    outputs = [position[node] for node in graph.outputs]
    updates = [(position[variable], position[value]) for variable, value in graph.updates]
    return [graph.name, described, outputs, updates, graph.guards]


def _attribute(value: Any) -> Any:
    return structure(value) if isinstance(value, Graph) else attr_key(value)


def assert_round_trip(graph: Graph) -> None:
    text = print_graph(graph)
    again = parse_graph(text, large_constants(graph))
    assert print_graph(again) == text
    assert structure(again) == structure(graph)
    plain = print_graph(graph, locations=False)
    assert print_graph(parse_graph(plain, large_constants(graph))) == plain


def _training_step() -> Graph:
    x = ops.placeholder(shape=(batch, 64), dtype=float32, name="x")
    y = ops.placeholder(shape=(n, 10), dtype=float32, name="y")
    w = ops.variable(shape=(64, 10), dtype=float32, trainable=True, name="dense/w")
    k = ops.variable(shape=(), dtype=int32, trainable=False, name="k")
    total = ops.sum(ops.add(ops.matmul(x, w), y), axes=(0, 1))
    with created_at(Location("my model.py", 7)):
        new = ops.add(k, ops.constant(value=np.asarray(1, np.int32)), name="next k")
    return extract("step", [ops.tanh(total), total], [(k, new)], inputs=[x, y, w, k])


def _nested() -> Graph:
    a, z = vector("a", n), vector("z", m)
    inner = extract("inner body", [ops.neg(z)], inputs=[z])
    nested = call(ops.add(a, a), body=inner)
    outer = extract("outer", [nested, ops.constant(value=np.arange(20.0))], inputs=[a])
    x = vector("x", n)
    return extract("main", [ops.item(call(x, body=outer), k=0)], inputs=[x])


def _tuples() -> Graph:
    x = vector("x", 2 * n)
    pair = halves(x, name="pair")
    return extract("tuples", [pair, ops.item(pair, k=1)], inputs=[x])


def _guarded() -> Graph:
    x = ops.placeholder(shape=(n, m), dtype=float32, name="x")
    y = ops.reshape(x, shape=(batch, 64))
    return extract("guarded", [ops.add(y, ops.reshape(x, shape=(3, n // 2)))], inputs=[x])


def _unnamed() -> Graph:
    x, y = vector(None), vector(None)
    return extract("unnamed", [ops.add(y, x)], inputs=[x, y])


def _dead_code() -> Graph:
    x = vector("x")
    dead = ops.neg(x)
    return Graph("dead", (x,), (), (x, dead, alive := ops.abs(x)), (alive,))


GRAPHS: list[Callable[[], Graph]] = [
    _training_step,
    _nested,
    _tuples,
    _guarded,
    _unnamed,
    _dead_code,
    lambda: Graph("nothing", (), (), (), ()),
]


@pytest.mark.parametrize("build", GRAPHS)
def test_round_trip(build: Callable[[], Graph]) -> None:
    assert_round_trip(build())


many = settings(
    max_examples=100,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # the registry stays as it is
)
texts = st.text(st.characters(exclude_categories=()), max_size=8)
integers = st.integers(-(2**63), 2**63 - 1)
sizes = st.sampled_from([0, 1, 7, n, m, n + 1, 2 * n * m - 3, -(n // 2), n % 3])
numpy_dtypes = st.sampled_from([dtype.numpy for dtype in ALL])
some_arrays = numpy_dtypes.flatmap(
    lambda dtype: arrays.arrays(dtype, arrays.array_shapes(min_dims=0, max_side=5, min_side=0))
)


@many
@given(
    st.fixed_dictionaries(
        {
            "a_bool": st.booleans(),
            "a_int": integers,
            "a_ints": st.lists(integers).map(tuple),
            "a_float": st.floats(),
            "a_text": texts,
            "a_dtype": st.sampled_from(ALL),
            "a_shape": st.lists(sizes).map(tuple),
            "a_array": some_arrays,
        }
    )
)
def test_attributes_round_trip(attrs: dict[str, Any]) -> None:
    x = vector("x")
    assert_round_trip(extract("f", [every(x, **attrs)], inputs=[x]))


@many
@given(some_arrays)
def test_constants_round_trip_to_the_bit(array: Any) -> None:
    graph = extract("f", [ops.constant(value=array)])
    again = parse_graph(print_graph(graph), large_constants(graph))
    value = again.outputs[0].attrs["value"]
    assert (value.dtype, value.shape) == (array.dtype, array.shape)
    assert value.tobytes() == array.tobytes()


@many
@given(st.lists(texts, min_size=1, max_size=6, unique=True), texts.filter(bool))
def test_names_round_trip(names: list[str], graph_name: str) -> None:
    nodes = [vector(name) for name in names]
    assert_round_trip(extract(graph_name, nodes, inputs=nodes))


def test_small_constants_are_read_only() -> None:
    graph = parse_graph("graph @f() -> f32[2] { %0: f32[2] = constant(value=[1, 2]) return %0 }")
    with pytest.raises(ValueError, match="read-only"):
        graph.outputs[0].attrs["value"][0] = 3.0


def test_what_a_hand_may_write() -> None:
    """Comments, blanks, any numbers, quotes without need, the plain words for inputs."""
    graph = parse_graph(
        """// A comment before the graph.
        graph@f(placeholder %"x":f32[ n ,2*(m+1) ],variable(trainable=true)%w:f32[])  // of inputs
        ->(f32[n,2*m + 2])where n==m//2,m == k{
            // CHECK: %0: nothing of this kind: 12
            %7:f32[n, m + m + 2]=neg(%x)//one.py:1
            %03 : f32[n, 2*m + 2] = neg ( %7 )  // not a location
            update%w=%w  return  %3
        }  // the end
        // more
        """
    )
    assert print_graph(graph) == (
        "graph @f(%x: f32[n, 2*m + 2], variable %w: f32[]) -> f32[n, 2*m + 2]"
        " where n == m//2, m == k {\n"
        "  %0: f32[n, 2*m + 2] = neg(%x)                 // one.py:1\n"
        "  %1: f32[n, 2*m + 2] = neg(%0)\n"
        "  update %w = %w\n"
        "  return %1\n"
        "}"
    )


def test_declared_types_hold_up_to_guards() -> None:
    text = (
        "graph @f(%x: f32[n], %y: f32[m]) -> f32[m] where n == m {\n"
        "  %0: f32[m] = add(%x, %y)\n"
        "  %1: f32[n] = neg(%0)\n"
        "  return %1\n"
        "}"
    )
    graph = parse_graph(text)
    assert [node.shape for node in graph.nodes] == [(n,), (m,), (m,), (n,)]
    assert graph.guards == (Guard(n, m),)
    assert print_graph(graph).replace("-> f32[n]", "-> f32[m]") == text


def test_guards_around_a_subgraph_hold_inside() -> None:
    text = (
        "graph @f(%x: f32[n], %y: f32[m]) -> f32[n] where n == m {\n"
        "  %0: f32[n] = call(%x, body=graph @g(%z: f32[n]) -> f32[n] {\n"
        "    %0: f32[m] = neg(%z)\n"
        "    return %0\n"
        "  })\n"
        "  return %0\n"
        "}"
    )
    inner = parse_graph(text).outputs[0].attrs["body"]
    assert inner.outputs[0].shape == (m,)


@pytest.mark.parametrize(
    ("comment", "location"),
    [
        ("// model.py:14", Location("model.py", 14)),
        ("//model.py:14  ", Location("model.py", 14)),
        ("// <stdin>:1", Location("<stdin>", 1)),
        ("// my model.py:3", Location("my model.py", 3)),
        ("// model.py", None),
        ("// model.py:14 and so on", None),
        ("", None),
        ("\n// model.py:14", None),
    ],
)
def test_locations(comment: str, location: Location | None) -> None:
    text = f"graph @f() -> f32[] {{ %0: f32[] = constant(value=1) {comment}\nreturn %0 }}"
    assert parse_graph(text).outputs[0].location == location


def body(*statements: str) -> str:
    rows = "".join(f"  {statement}\n" for statement in statements)
    return f"graph @f(%x: f32[2], %y: f32[n]) -> f32[2] {{\n{rows}}}"


#: text, where the error is, its message
ERRORS: list[tuple[str, str, str]] = [
    ("", "1:1", "expected graph, found the end of the text"),
    ("grape @f", "1:1", "expected graph, found 'grape'"),
    ("graph f", "1:7", "expected the graph's @name, found 'f'"),
    ("graph @f", "1:9", "expected '(', found the end of the text"),
    ("graph @f(x: f32[2])", "1:10", "expected a value such as %0, found 'x'"),
    ("graph @f(%x f32[2])", "1:13", "expected ':', found 'f32'"),
    ("graph @f(%x: f32)", "1:14", "expected a type such as f32[2, n], found 'f32'"),
    ("graph @f(%x: f16[2])", "1:14", "unknown dtype 'f16'; graphc has bool, i8, i16, i32, i64, "
     "u8, f32, f64"),
    ("graph @f(%x: f32[2 n])", "1:14", "a dim of [2 n] is followed by 'n'"),
    ("graph @f(%x: f32[2,])", "1:14", "the dim '' is not complete"),
    ("graph @f(%x: f32[n/2])", "1:14", "a dim of [n/2] is followed by '/2'"),
    ("graph @f(%x: f32[-1])", "1:10", "placeholder: a dim cannot be negative, but the shape is "
     "(-1,)"),
    ("graph @f(%x: (f32[2]))", "1:14", "expected a type such as f32[2, n], found '('"),
    ("graph @f(%x: f32[2] %y: f32[2])", "1:21", "expected ')', found '%y'"),
    ("graph @f(%x: f32[2], %x: f32[2])", "1:22", "%x is defined twice"),
    ("graph @f(variable(size=3) %x: f32[2])", "1:19", "there is no attribute size; there are: "
     "trainable"),
    ("graph @f(variable(trainable=1) %x: f32[2])", "1:29", "expected true or false, found '1'"),
    ("graph @f() f32[]", "1:12", "expected '->', found 'f32'"),
    ("graph @f() -> () where n == {", "1:24", "'{' is no dim: '{' is not understood"),
    ("graph @f() -> () where n = m {", "1:26", "expected '==', found '='"),
    ("graph @f() -> () where n == m k {", "1:31", "expected '{', found 'k'"),
    ("graph @f() -> () { return } graph", "1:29", "expected the end of the text, found 'graph'"),
    ("graph @f() -> () { return", "1:26", "expected a value such as %0, found the end of the "
     "text"),
    ("graph @f() -> () {", "1:19", "expected a value such as %0, found the end of the text"),
    ("graph @f() -> f32[] { return }", "1:15", "declares 1 results, but 0 are returned"),
    (body("return %y"), "1:37", "result 0 is declared f32[2], but it is f32[n]"),
    (body("return %z"), "2:10", "%z is not defined before"),
    (body("return %0", "%0: f32[2] = neg(%x)"), "2:10", "%0 is not defined before"),
    (body("update %x %y"), "2:13", "expected '=', found '%y'"),
    (body("%x: f32[2] = neg(%x)"), "2:3", "%x is defined twice"),
    (body("%0 = neg(%x)"), "2:6", "expected ':', found '='"),
    (body("%0: f32[2] = negg(%x)"), "2:16", "there is no op negg; did you mean neg?"),
    (body("%0: f32[2] = qqqqqq(%x)"), "2:16", "there is no op qqqqqq"),
    (body("%0: f32[2] = neg %x"), "2:20", "expected '(', found '%x'"),
    (body("%0: f32[2] = neg(%x %y)"), "2:23", "expected ',', found '%y'"),
    (body("%0: f32[2] = add(%x,, %y)"), "2:23", "expected an attribute, found ','"),
    (body("%0: f32[2] = neg(%x, %y)"), "2:16", "neg: takes 1 inputs, not 2"),
    (body("%0: f32[2] = neg(%x"), "3:1", "expected ',', found '}'"),
    (body("%0: f32[2] = neg(%x, fast=true)"), "2:24", "there is no attribute fast; there are: "
     "none"),
    (body("%0: f32[] = sum(%x, axes=[0], axes=[0])"), "2:33", "the attribute axes is given twice"),
    (body("%0: f32[] = sum(%x)"), "2:15", "sum needs the attribute axes"),
    (body("%0: f32[] = sum(%x, axes=0)"), "2:28", "expected '[', found '0'"),
    (body("%0: f32[] = sum(%x, axes=[0.5])"), "2:29", "expected an integer, found '0.5'"),
    (body("%0: f32[] = sum(%x, axes=[3])"), "2:15", "sum: there is no axis 3 in 1 dims (given "
     "f32[2])"),
    (body("%0: f32[3] = neg(%x)"), "2:7", "declared as f32[3], but it is f32[2]"),
    (body("%0: f32[2] = neg(%y)"), "2:7", "declared as f32[2], but it is f32[n]"),
    (body("%0: i32[2] = astype(%x, dtype=int)"), "2:33", "unknown dtype 'int'; graphc has bool, "
     "i8, i16, i32, i64, u8, f32, f64"),
    (body("%0: f32[2] = reshape(%x, shape=2)"), "2:34", "expected a shape, found '2'"),
    (body("%0: f32[2] = every(%x, a_text=yes)"), "2:33", "expected a text in quotes, found 'yes'"),
    (body("%0: f32[2] = every(%x, a_text=\"\\q\")"), "2:33", '"\\q" is not a text as JSON writes '
     "it"),
    (body("%0: f32[2] = every(%x, a_float=x)"), "2:34", "expected a number, found 'x'"),
    (body("%0: f32[2] = call(%x, body=%x)"), "2:30", "expected graph, found '%x'"),
    (body("%0: f32[2] = constant(value=@c_0)"), "2:31", "the constant @c_0 is not given"),
    (body("%0: f32[2] = constant(value=[1])"), "2:31", "the array has 1 elements where its type "
     "has 2"),
    (body("%0: f32[2] = constant(value=1)"), "2:31", "the array has fewer dims than its type"),
    (body("%0: f32[] = constant(value=[])"), "2:30", "the array has more dims than its type"),
    (body("%0: f32[2] = constant(value=[1, true])"), "2:31", "true is no float32"),
    (body("%0: i8[1] = constant(value=[1.0])"), "2:30", "1.0 is no int8"),
    (body("%0: i8[1] = constant(value=[128])"), "2:30", "128 is no int8"),
    (body("%0: bool[1] = constant(value=[1])"), "2:32", "1 is no bool"),
    (body("%0: f32[n] = constant(value=[1])"), "2:31", "an array cannot have the shape of f32[n]"),
    (body("%0: f32[1] = constant(value=f64[1] [1])"), "2:7", "declared as f32[1], but it is "
     "f64[1]"),
    (body("%0: f32[2] = constant(value=)"), "2:31", "expected true or false, found ')'"),
    (body("%0: (f32[1], f32[1]) = every(%x, a_array=1)"), "2:44", "an array here needs its type "
     "before it"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "place", "message"), ERRORS)
def test_errors(text: str, place: str, message: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse_graph(text, file="step.graph")
    line, column = map(int, place.split(":"))
    shown = [*text.split("\n"), ""][line - 1]
    assert str(caught.value) == f"step.graph:{place}: {message}\n{shown}\n{' ' * (column - 1)}^"
    assert caught.value.location == Location("step.graph", line)


def test_an_error_knows_its_op() -> None:
    with pytest.raises(ParseError) as caught:
        parse_graph(body("%0: f32[2] = add(%x)"))
    assert caught.value.op == "add"
    assert str(caught.value) == (
        "<text>:2:16: add: takes 2 inputs, not 1\n"
        "  %0: f32[2] = add(%x)\n"
        "               ^"
    )  # fmt: skip


def test_the_caret_stands_right_after_tabs() -> None:
    with pytest.raises(ParseError) as caught:
        parse_graph("graph @f() -> () {\n\treturn\t%0\n}")
    assert str(caught.value).splitlines()[1:] == ["\treturn\t%0", "\t      \t^"]


@pytest.mark.parametrize(
    "text",
    [
        "graph @f(%x: f32[" + "(" * 50_000,
        "graph @f(%x: f32[" + "(" * 50_000 + "])",
        "graph @f() -> () { %0: f32[] = call(body=" * 5_000,
        "graph @f() -> () { %0: f32[] = constant(value=" + "[" * 50_000,
        "graph @f() -> () where " + "-" * 50_000,
    ],
)
def test_deep_nesting_is_refused(text: str) -> None:
    with pytest.raises(ParseError, match="nested too deeply|expected a type such as"):
        parse_graph(text)


TEXTS = [print_graph(build(), locations=k % 2 == 0) for k, build in enumerate(GRAPHS)]
SIGNS = list('%()[]{},:=*"@n2\n')
PIECES = [*SIGNS, "%x", "%0", "->", "//", "-1", "f32[2]", "graph @g() -> () {", "return", "1e5"]


@settings(parent=many, max_examples=300)
@given(st.data())
def test_whatever_the_text_only_parse_errors_are_raised(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(TEXTS))
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 12)))
        text = text[:start] + data.draw(st.sampled_from(["", *PIECES])) + text[end:]
    try:
        graph = parse_graph(text)
    except ParseError:
        return
    assert print_graph(parse_graph(print_graph(graph), large_constants(graph)))


def test_ten_thousand_nodes_are_read_within_two_seconds() -> None:
    rows = [f"%{k}: f32[batch, 10] = add(%{k - 1}, %x)  // model.py:{k}" for k in range(1, 10_000)]
    first = "%0: f32[batch, 10] = neg(%x)"
    rows = [first, *rows, "return %9999"]
    text = "graph @f(%x: f32[batch, 10]) -> f32[batch, 10] {\n" + "\n".join(rows) + "\n}"
    gc.collect()  # what other tests have left
    start = time.process_time()
    graph = parse_graph(text)
    assert time.process_time() - start < 2
    assert len(graph.nodes) == 10_001
    assert graph.outputs[0].dtype is not float64
