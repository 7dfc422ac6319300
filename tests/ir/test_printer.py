"""The text form, pinned letter by letter."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from graphc.errors import GraphError
from graphc.ir import array_text, dtypes
from graphc.ir.array_text import content_name
from graphc.ir.dims import Dim, symbol
from graphc.ir.dtypes import float32, float64, int32
from graphc.ir.graph import Graph, extract
from graphc.ir.location import Location, created_at
from graphc.ir.node import Node
from graphc.ir.parser import parse_graph
from graphc.ir.printer import large_constants, print_graph, value_names
from graphc.ops import ops
from tests.ir.sample_ops import call, every, halves

batch, rows, m, n = map(symbol, ("batch", "rows", "m", "n"))


def vector(name: str | None, size: int | Dim = 2) -> Node:
    return ops.placeholder(shape=(size,), dtype=float32, name=name)


def lines(graph: Graph) -> list[str]:
    return [line.strip() for line in print_graph(graph, locations=False).splitlines()]


def test_a_whole_graph() -> None:
    with created_at(Location("/home/user/model.py", 14)):
        x = ops.placeholder(shape=(batch, 64), dtype=float32, name="x")
        y = ops.placeholder(shape=(rows, 10), dtype=float32, name="y")
        w = ops.variable(shape=(64, 10), dtype=float32, trainable=True, name="w")
        k = ops.variable(shape=(), dtype=int32, trainable=False, name="k")
        logits = ops.matmul(x, w)
        total = ops.sum(ops.add(logits, y), axes=(0, 1))
        with created_at(Location("loss.py", 7)):
            loss = ops.tanh(total, name="loss")
        one = ops.constant(value=np.int32(1)[()])
        new = ops.add(k, one)
    graph = extract("step", [loss, logits], [(k, new)], inputs=[x, y, w, k])
    assert print_graph(graph) == (
        "graph @step(\n"
        "  %x: f32[batch, 64],                           // model.py:14\n"
        "  %y: f32[rows, 10],                            // model.py:14\n"
        "  variable %w: f32[64, 10],                     // model.py:14\n"
        "  variable(trainable=false) %k: i32[]           // model.py:14\n"
        ") -> (f32[], f32[batch, 10]) where batch == rows {\n"
        "  %0: f32[batch, 10] = matmul(%x, %w)           // model.py:14\n"
        "  %1: f32[batch, 10] = add(%0, %y)              // model.py:14\n"
        "  %2: f32[] = sum(%1, axes=[0, 1])              // model.py:14\n"
        "  %loss: f32[] = tanh(%2)                       // loss.py:7\n"
        "  %3: i32[] = constant(value=1)                 // model.py:14\n"
        "  %4: i32[] = add(%k, %3)                       // model.py:14\n"
        "  update %k = %4\n"
        "  return %loss, %0\n"
        "}"
    )


def test_a_header_that_fits_stands_on_one_line() -> None:
    x = vector("x", n)
    graph = extract("f", [ops.neg(x)], inputs=[x])
    assert print_graph(graph).startswith("graph @f(%x: f32[n]) -> f32[n] {\n  %0: f32[n] = neg(%x)")


def test_locations_can_be_left_out() -> None:
    x = vector("x", n)
    graph = extract("f", [ops.neg(x)], inputs=[x])
    assert "//" in print_graph(graph)
    assert "//" not in print_graph(graph, locations=False)


def test_a_long_line_keeps_its_location_two_blanks_away() -> None:
    with created_at(Location("model.py", 5)):
        x = vector("a_rather_long_name_for_an_input", n)
        graph = extract("f", [ops.add(x, x)], inputs=[x])
    long = "add(%a_rather_long_name_for_an_input, %a_rather_long_name_for_an_input)  // model.py:5"
    assert print_graph(graph).splitlines()[1].endswith(long)


def test_results_of_every_form() -> None:
    x = vector("x", 4)
    pair = halves(x)
    for outputs, head, tail in (
        ([], "graph @f(%x: f32[4]) -> () {", "return"),
        ([x], "graph @f(%x: f32[4]) -> f32[4] {", "return %x"),
        ([x, x], "graph @f(%x: f32[4]) -> (f32[4], f32[4]) {", "return %x, %x"),
        ([pair], "graph @f(%x: f32[4]) -> ((f32[2], f32[2])) {", "return %0"),
        ([pair, x], "graph @f(%x: f32[4]) -> ((f32[2], f32[2]), f32[4]) {", "return %0, %x"),
    ):
        text = lines(extract("f", outputs, inputs=[x]))
        assert (text[0], text[-2]) == (head, tail)


def test_an_empty_graph() -> None:
    assert print_graph(Graph("nothing", (), (), (), ())) == "graph @nothing() -> () {\n  return\n}"


NAMES: list[tuple[list[str | None], list[str]]] = [
    ([None, None], ["%0", "%1"]),
    (["x", "y"], ["%x", "%y"]),
    (["x", None, "y", None], ["%x", "%0", "%y", "%1"]),
    (["x", "x", "x"], ["%x", "%x_1", "%x_2"]),
    (["x", "x", "x_1", "x"], ["%x", "%x_2", "%x_1", "%x_3"]),
    (["x_1", "x", "x", "x_1"], ["%x_1", "%x", "%x_2", "%x_1_1"]),
    (["dense/kernel", "a.b-c", "_"], ["%dense/kernel", "%a.b-c", "%_"]),
    (["0", "a b", "a/", "a//b"], ['%"0"', '%"a b"', '%"a/"', '%"a//b"']),
    (['say "x"', "größe", "tab\t"], ['%"say \\"x\\""', '%"größe"', '%"tab\\t"']),
    (["\ud800"], ['%"\\ud800"']),
    (["", "é", "é"], ["%0", '%"é"', '%"é_1"']),
]


@pytest.mark.parametrize(("names", "printed"), NAMES, ids=ascii)
def test_names(names: list[str | None], printed: list[str]) -> None:
    nodes = [vector(name) for name in names]
    graph = extract("f", nodes, inputs=nodes)
    assert list(value_names(graph).values()) == printed


def test_names_of_graphs() -> None:
    assert lines(Graph("my graph", (), (), (), ()))[0] == 'graph @"my graph"() -> () {'
    assert lines(Graph("train.step", (), (), (), ()))[0] == "graph @train.step() -> () {"


nan, inf = float("nan"), float("inf")
EVERY: dict[str, Any] = {
    "a_bool": True,
    "a_int": -3,
    "a_ints": (0, 1),
    "a_float": 0.1,
    "a_text": 'a "b"\n',
    "a_dtype": float64,
    "a_shape": (n, 64, 2 * n + 1),
    "a_array": np.arange(2, dtype=np.float32),
}


def test_attributes_stand_in_the_order_of_the_declaration() -> None:
    graph = extract("f", [every(vector("x"), **dict(reversed(EVERY.items())))])
    assert lines(graph)[1] == (
        "%0: f32[2] = every(%x, a_bool=true, a_int=-3, a_ints=[0, 1], a_float=0.1, "
        'a_text="a \\"b\\"\\n", a_dtype=f64, a_shape=[n, 64, 2*n + 1], a_array=[0.0, 1.0])'
    )


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("a_bool", False, "false"),
        ("a_int", 2**70, "1180591620717411303424"),
        ("a_ints", (), "[]"),
        ("a_ints", (-1,), "[-1]"),
        ("a_float", 1e-300, "1e-300"),
        ("a_float", np.float64(0.5), "0.5"),
        ("a_float", -0.0, "-0.0"),
        ("a_float", nan, "nan"),
        ("a_float", inf, "inf"),
        ("a_float", -inf, "-inf"),
        ("a_text", "", '""'),
        ("a_text", "größe // x:1", '"größe // x:1"'),
        ("a_dtype", dtypes.bool_, "bool"),
        ("a_shape", (), "[]"),
        ("a_shape", (0, n // 2), "[0, n//2]"),
        ("a_array", np.float32([0.5, nan]), "[0.5, nan]"),
        ("a_array", np.float64([0.5, nan]), "f64[2] [0.5, nan]"),
        ("a_array", np.int8(3)[()], "i8[] 3"),
    ],
)
def test_attribute_values(key: str, value: object, text: str) -> None:
    graph = extract("f", [every(vector("x"), **{**EVERY, key: value})])
    assert f"{key}={text}" in lines(graph)[1]


ARRAYS: list[tuple[Any, str]] = [
    (np.float32(0.1), "0.1"),
    (np.float64(0.1), "0.1"),
    (np.float32(1 / 3), "0.33333334"),
    (np.float64(1 / 3), "0.3333333333333333"),
    (np.float32(16777216.0), "16777216.0"),
    (np.float32(1e-45), "1e-45"),
    (np.finfo(np.float32).max, "3.4028235e+38"),
    (np.float64(5e-324), "5e-324"),
    (np.array([nan, inf, -inf, -0.0, 0.0]), "[nan, inf, -inf, -0.0, 0.0]"),
    (np.array(True), "true"),
    (np.array([[True], [False]]), "[[true], [false]]"),
    (np.array([-(2**63), 2**63 - 1]), "[-9223372036854775808, 9223372036854775807]"),
    (np.array([255], np.uint8), "[255]"),
    (np.zeros((0,)), "[]"),
    (np.zeros((0, 3)), "[]"),
    (np.zeros((3, 0), np.int8), "[]"),
    (np.zeros((1, 1, 1), np.int8), "[[[0]]]"),
    (np.arange(6).reshape(2, 3).T, "[[0, 3], [1, 4], [2, 5]]"),
    (np.array([1.5, -2.0], ">f4"), "[1.5, -2.0]"),
    (np.arange(16, dtype=np.int8).reshape(2, 8), "[[0, 1, 2, 3, 4, 5, 6, 7], [8, "),
]


@pytest.mark.parametrize(("array", "text"), ARRAYS)
def test_small_constants_stand_in_the_text(array: Any, text: str) -> None:
    node = ops.constant(value=np.asarray(array))
    graph = extract("f", [node])
    assert f"constant(value={text}" in lines(graph)[1]
    assert large_constants(graph) == {}


def test_every_float32_is_written_so_that_reading_gives_it_back() -> None:
    """Shortest digits may round wrongly through float64; where they would, more are written."""
    bits = np.random.default_rng(0).integers(0, 2**32, 20_000, dtype=np.uint32)
    for element in bits.view(np.float32):
        back = np.float32(float(array_text._float_text(element)))
        assert back == element or np.isnan(element)


def _nan_with_sign() -> Any:
    return np.array([0xFFC00000], np.uint32).view(np.float32)


def _nan_with_payload() -> Any:
    return np.array([0x7FF8000000000001], np.uint64).view(np.float64)


@pytest.mark.parametrize(
    "array", [np.arange(17), np.zeros((100, 100)), _nan_with_sign(), _nan_with_payload()]
)
def test_other_constants_are_references(array: Any) -> None:
    graph = extract("f", [ops.constant(value=array)])
    name = content_name(array)
    assert lines(graph)[1].endswith(f"constant(value=@{name})")
    assert large_constants(graph)[name] is array


def test_a_content_name_is_the_hash_of_type_and_elements() -> None:
    array = np.arange(17, dtype=np.float32)
    assert content_name(array) == "c_8c71e467bf51"
    same = [array.copy(), array.astype(">f4"), np.repeat(array, 2)[::2]]
    other = [array + 1, array.reshape(1, 17), array.astype(np.float64), array.view(np.int32)]
    assert {content_name(each) for each in same} == {content_name(array)}
    assert len({content_name(each) for each in [array, *other]}) == 5
    assert content_name(np.zeros((0, 3))) != content_name(np.zeros((3, 0)))


def test_constants_whose_names_collide_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graphc.ir.printer.content_name", lambda array: "c_0")
    nodes = [ops.constant(value=np.full(20, k)) for k in (1, 1, 2)]
    assert list(large_constants(extract("f", nodes[:2]))) == ["c_0"]
    with pytest.raises(GraphError, match="two constants of the graph f share the name c_0"):
        large_constants(extract("f", nodes))


def _body(weights: Any) -> Graph:
    with created_at(Location("body.py", 2)):
        a = vector("a", n)
        inner_x = vector("x", m)
        inner = extract("inner", [ops.neg(inner_x)], inputs=[inner_x])
        nested = call(ops.add(a, a), body=inner)
        large = ops.constant(value=weights)
    return extract("outer", [nested, large], inputs=[a])


def test_graphs_in_attributes_are_nested() -> None:
    weights = np.arange(20.0)
    with created_at(Location("model.py", 9)):
        x = vector("x", n)
        pair = call(x, body=_body(weights))
        first = ops.item(pair, k=0)
    graph = extract("main", [first], inputs=[x])
    assert print_graph(graph) == (
        "graph @main(%x: f32[n]) -> f32[m] where n == m {\n"
        "  %0: (f32[m], f64[20]) = call(\n"
        "    %x,\n"
        "    body=graph @outer(%a: f32[n]) -> (f32[m], f64[20]) where n == m {\n"
        "      %0: f32[n] = add(%a, %a)                  // body.py:2\n"
        "      %1: f32[m] = call(\n"
        "        %0,\n"
        "        body=graph @inner(%x: f32[m]) -> f32[m] {\n"
        "          %0: f32[m] = neg(%x)                  // body.py:2\n"
        "          return %0\n"
        "        }\n"
        "      )                                         // body.py:2\n"
        f"      %2: f64[20] = constant(value=@{content_name(weights)})  // body.py:2\n"
        "      return %1, %2\n"
        "    }\n"
        "  )                                             // model.py:9\n"
        "  %1: f32[m] = item(%0, k=0)                    // model.py:9\n"
        "  return %1\n"
        "}"
    )
    assert list(large_constants(graph)) == [content_name(weights)]
    assert large_constants(graph)[content_name(weights)] is weights


@pytest.mark.usefixtures("sample_ops")
def test_what_a_node_with_graphs_reads_is_in_lines_of_their_own() -> None:
    xs = [vector(f"a_rather_long_name_{k}") for k in range(8)]
    inner = [vector(f"another_long_name_{k}") for k in range(8)]
    body = extract("body", [ops.add(*inner[:2])], inputs=inner)
    text = print_graph(extract("main", [call(*xs, body=body)], inputs=xs), locations=False)
    names = [node.name for node in xs]
    assert max(map(len, text.split("\n"))) <= 100
    assert f"  %0: f32[2] = call(\n    %{', %'.join(names[:4])},\n    %{names[4]}" in text
    assert "    body=graph @body(\n      %another_long_name_0: f32[2],\n" in text
    assert print_graph(parse_graph(text)) == text


def test_a_broken_graph_can_be_printed() -> None:
    x, y = vector("x"), vector("y")
    graph = extract("f", [ops.add(x, y)], inputs=[x, y])
    broken = replace(graph, placeholders=(x,), nodes=(x, graph.nodes[2]))
    assert lines(broken)[1] == "%0: f32[2] = add(%x, %?)"


def chain(length: int) -> Graph:
    """A graph as deep as it is long."""
    x = vector("x")
    node = x
    for _ in range(length):
        node = ops.add(node, x)
    return extract("chain", [node], inputs=[x])


def test_ten_thousand_nodes_print_within_a_second() -> None:
    graph = chain(10_000)
    start = time.perf_counter()
    text = print_graph(graph)
    assert time.perf_counter() - start < 1
    assert text.count("\n") == 10_002
