"""Every primitive op, by family. Importing this package declares them all."""

from graphc.ops import (
    arithmetic,
    bitwise,
    comparison,
    contraction,
    exponential,
    fused,
    indexing,
    reductions,
    rounding,
    scans,
    sorting,
    sources,
    special,
    structure,
    trigonometric,
    views,
)
from graphc.ops.declaring import ops

__all__ = [
    "arithmetic",
    "bitwise",
    "comparison",
    "contraction",
    "exponential",
    "fused",
    "indexing",
    "ops",
    "reductions",
    "rounding",
    "scans",
    "sorting",
    "sources",
    "special",
    "structure",
    "trigonometric",
    "views",
]
