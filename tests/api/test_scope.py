from __future__ import annotations

import threading

import pytest

import graphc as gc
from graphc.errors import GraphError


def test_building_without_a_graph_says_how_to_open_one() -> None:
    with pytest.raises(GraphError, match="with gc.Graph\\(\\):") as caught:
        gc.placeholder(gc.float32, (3,))
    assert caught.value.location is not None
    assert caught.value.location.file == __file__


def test_the_innermost_graph_is_built_in() -> None:
    with gc.Graph() as outer:
        with gc.Graph() as inner:
            b = gc.ones(3)
        a = gc.ones(3)
    assert a.graph is outer
    assert b.graph is inner


def test_a_graph_is_left_when_its_block_fails() -> None:
    with pytest.raises(RuntimeError), gc.Graph():
        raise RuntimeError
    with pytest.raises(GraphError):
        gc.ones(3)


def test_a_graph_can_be_opened_again_also_inside_itself() -> None:
    graph = gc.Graph()
    with graph, graph:
        gc.ones(3)
    with graph:
        gc.ones(3)
    assert len(graph.tensors) == 2


def test_graphs_are_closed_in_the_reverse_order() -> None:
    outer, inner = gc.Graph(), gc.Graph()
    outer.__enter__()
    inner.__enter__()
    with pytest.raises(GraphError, match="not the innermost"):
        outer.__exit__(None, None, None)
    inner.__exit__(None, None, None)
    outer.__exit__(None, None, None)


def test_another_thread_has_no_graph_open() -> None:
    raised: list[type[BaseException]] = []

    def build() -> None:
        try:
            gc.ones(3)
        except GraphError as error:
            raised.append(type(error))

    with gc.Graph():
        thread = threading.Thread(target=build)
        thread.start()
        thread.join()
    assert raised == [GraphError]


def test_tensors_can_be_used_after_their_block() -> None:
    with gc.Graph() as graph:
        x = gc.placeholder(gc.float32, (3,))
    assert (x + 1).graph is graph
