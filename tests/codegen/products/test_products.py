"""Products with all that surrounds them are what the reference says, at sizes of all kinds."""

from __future__ import annotations

from typing import Any

import pytest

from graphc.ir.dtypes import float64
from tests.codegen.products.checking import Checked, Given, k, m, n
from tests.codegen.products.product_programs import PROGRAMS
from tests.codegen.targets import chosen

TARGETS = chosen()
on_targets = pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)

#: Rows, depth and columns: nothing, one, around a vector and a tile, primes, more than a panel.
SIZES = (
    (0, 5, 7), (5, 0, 7), (5, 7, 0), (1, 1, 1), (1, 40, 40), (40, 1, 40), (40, 40, 1), (2, 3, 5),
    (14, 16, 32), (15, 17, 33), (61, 53, 67), (29, 8, 131), (131, 9, 29), (3, 520, 5),
    (17, 1031, 19),
)  # fmt: skip
STATIC = (23, 37, 41)


@on_targets
@pytest.mark.parametrize("name", PROGRAMS)
def test_values(name: str, target: Any) -> None:
    """With sizes known when it runs, and with sizes known when it is compiled."""
    x = Given()
    run = Checked(x.nodes, PROGRAMS[name](x, m, k, n), target)
    for number, sizes in enumerate(SIZES):
        run(dict(zip("mkn", sizes, strict=True)) | {"b": number % 4}, most=2)


@pytest.mark.parametrize("name", PROGRAMS)
def test_values_of_known_sizes(name: str) -> None:
    x = Given(float64)
    run = Checked(x.nodes, PROGRAMS[name](x, *STATIC))
    run({"b": 3} if any("b" in str(node.shape) for node in x.nodes) else {})
