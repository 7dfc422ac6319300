from __future__ import annotations

import pytest

from graphc.ir.node import Node
from tests.codegen.running import Program
from tests.codegen.sampling import Compile
from tests.codegen.targets import chosen

_TARGETS = chosen()


@pytest.fixture(params=list(_TARGETS))
def program(request: pytest.FixtureRequest) -> Compile:
    """Compiles for this machine, and for one with narrower vectors."""

    def compiled(inputs: list[Node], outputs: list[Node]) -> Program:
        return Program(inputs, outputs, _TARGETS[request.param])

    return compiled
