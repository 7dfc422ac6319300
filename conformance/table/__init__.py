"""How PyTorch's operators are written in graphc, by family.

An entry takes PyTorch's arguments, under PyTorch's names, and calls graphc's public functions: it
translates conventions and computes nothing itself.
"""

from __future__ import annotations

from collections.abc import Mapping

from conformance.case import Translation
from conformance.table import (
    elementwise,
    indexing,
    layers,
    losses,
    masked,
    matrices,
    pooling,
    reductions,
    shapes,
)

_FAMILIES = (
    elementwise, indexing, layers, losses, masked, matrices, pooling, reductions, shapes,
)  # fmt: skip


def _collected() -> dict[str, Translation]:
    found: dict[str, Translation] = {}
    for family in _FAMILIES:
        for name, translation in family.TABLE.items():
            assert name not in found, f"{name} is in two tables"
            found[name] = translation
    return found


TABLE: Mapping[str, Translation] = _collected()
