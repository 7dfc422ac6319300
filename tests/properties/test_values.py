"""Random graphs give the values that NumPy gives: interpreted, after every pass, and natively."""

from __future__ import annotations

from graphc.compiler import compile_graph
from graphc.ir.parser import parse_graph
from graphc.ir.printer import large_constants, print_graph
from graphc.ir.verifier import verify
from graphc.memory.overlap import outside, overlaps
from graphc.passes.pipeline import run_passes
from tests.properties.comparing import Expected, for_all, quick_and_long
from tests.properties.random_graphs import SIZES, Script, Twins, scripts
from tests.properties.running import Compiled, interpret, same_bits


@quick_and_long(60, 1000)
def test_machine_code_agrees_with_numpy(examples: int) -> None:
    for_all(scripts(), machine_code_agrees, examples)


def machine_code_agrees(script: Script) -> None:
    twins = Twins(script)
    compiled = Compiled(twins.graph())
    for sizes in SIZES:
        feeds = twins.feeds(sizes)
        Expected(twins, feeds, sizes).check(compiled(feeds))


@quick_and_long(80, 2000)
def test_every_pass_keeps_the_values(examples: int) -> None:
    for_all(scripts(), passes_keep_values, examples)


#: NumPy adds up in an order that depends on how an array lies in memory, so views change bits.
LAYOUT_MATTERS = {"sum", "prod", "matmul", "contract", "convolution"}


def passes_keep_values(script: Script) -> None:
    """All but the contraction of products keep every bit, where the interpreter's are fixed."""
    twins = Twins(script)
    graph = twins.graph()
    verify(graph)
    _, records = run_passes(graph, verify=True, snapshots=True)
    fixed = LAYOUT_MATTERS.isdisjoint(node.op.name for node in graph.nodes)
    for sizes in SIZES[:3]:
        feeds = twins.feeds(sizes)
        expected = Expected(twins, feeds, sizes)
        before = interpret(graph, graph, feeds, sizes)
        expected.check(before)
        for record in records:
            assert record.graph is not None
            after = interpret(record.graph, graph, feeds, sizes)
            expected.check(after)
            if fixed and record.name != "fma":
                assert all(same_bits(before, after)), record.name
            before = after


@quick_and_long(60, 1000)
def test_text_gives_the_same_graph(examples: int) -> None:
    for_all(scripts(), text_gives_the_same_graph, examples)


def text_gives_the_same_graph(script: Script) -> None:
    """As written, and optimized."""
    twins = Twins(script)
    original = twins.graph()
    for graph in (original, run_passes(original)[0]):
        text = print_graph(graph)
        parsed = parse_graph(text, large_constants(graph))
        verify(parsed)
        assert print_graph(parsed, locations=False) == print_graph(graph, locations=False)
        for sizes in SIZES[:2]:
            feeds = twins.feeds(sizes)
            expected = interpret(graph, original, feeds, sizes)
            assert all(same_bits(interpret(parsed, original, feeds, sizes), expected))


@quick_and_long(60, 1000)
def test_temporaries_never_overlap(examples: int) -> None:
    for_all(scripts(), temporaries_never_overlap, examples)


def temporaries_never_overlap(script: Script) -> None:
    plan = compile_graph(Twins(script).graph(), stop="memory").plan
    assert plan is not None
    for sizes in SIZES:
        layout = plan.layout(sizes)
        assert overlaps(plan.ranges, layout) == []
        assert outside(layout) == []
