"""What the tests of this room share: graphs under construction, and both ways to run them."""

from __future__ import annotations

import linecache
from collections.abc import Callable, Iterator
from functools import partial

import pytest

import graphc as gc
from graphc.errors import GraphcError
from graphc.ir.location import Location

Open = Callable[[gc.Graph], gc.Session]


@pytest.fixture
def graph() -> Iterator[gc.Graph]:
    """A graph that is being built during the test."""
    with gc.Graph() as graph:
        yield graph


@pytest.fixture(params=["native", "reference"])
def open_session(request: pytest.FixtureRequest) -> Open:
    """open_session(graph), by machine code and by the interpreter."""
    return partial(gc.Session, reference=request.param == "reference")


@pytest.fixture
def blamed() -> Callable[[GraphcError], str]:
    """The line of source that an error names, which its text must give with file and number."""

    def source_line(error: GraphcError) -> str:
        location = error.location
        assert isinstance(location, Location), f"no line is named by: {error}"
        assert str(error).endswith(f"\n  created at {location.file}:{location.line}")
        return linecache.getline(location.file, location.line).strip()

    return source_line
