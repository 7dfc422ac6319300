"""All workloads, by name."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.families import (
    adbench,
    attention,
    calls,
    convolutional,
    dense,
    elementwise,
    layouts,
    loops,
    mixture,
    network,
    normalisation,
    products,
    recurrent,
    reductions,
    short_rows,
    transformer,
)
from benchmarks.workload import Workload

FAMILIES: dict[str, tuple[Workload, ...]] = {
    "elementwise": elementwise.FAMILY,
    "normalisation": normalisation.FAMILY,
    "reductions": reductions.FAMILY,
    "network": network.FAMILY,
    "dense": dense.FAMILY,
    "convolutional": convolutional.FAMILY,
    "attention": attention.FAMILY,
    "transformer": transformer.FAMILY,
    "mixture": mixture.FAMILY,
    "recurrent": recurrent.FAMILY,
    "loops": loops.FAMILY,
    "adbench": adbench.FAMILY,
    "calls": calls.FAMILY,
    "layouts": layouts.FAMILY,
    "short_rows": short_rows.FAMILY,
    "products": products.SQUARES,
    "small_products": products.SMALL_SQUARES,
    "odd_products": products.ODD_SHAPES,
}
WORKLOADS: dict[str, Workload] = {
    workload.name: workload for family in FAMILIES.values() for workload in family
}


def select(names: Sequence[str], dtypes: Sequence[str]) -> list[tuple[Workload, str]]:
    """Pairs of a workload and a dtype, for names of workloads or families (none: all).

    Without dtypes, each workload's standard ones; with some, workloads that have none of them are
    left out. KeyError for a name that is neither.
    """
    wanted: dict[str, Workload] = {}
    for name in names or FAMILIES:
        family = FAMILIES[name] if name in FAMILIES else (WORKLOADS[name],)
        wanted |= {workload.name: workload for workload in family}
    return [
        (workload, dtype)
        for workload in wanted.values()
        for dtype in (dtypes or workload.standard)
        if dtype in workload.dtypes
    ]
