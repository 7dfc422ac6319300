"""Stores that belong together: the columns of short rows, written as whole rows."""

from __future__ import annotations

from collections.abc import Sequence

from llvmlite import ir

from graphc.codegen.expressions.access import CLOSE, store_row, to_memory
from graphc.codegen.expressions.elements import Elements
from graphc.codegen.expressions.spaced import MOST_APART, phase
from graphc.codegen.expressions.strides import put_together
from graphc.codegen.nests.chains import emit_chains
from graphc.codegen.values import I64, memory_type, splat
from graphc.ir.dims import Size
from graphc.schedule.statements import Store


def emit_stores(elements: Elements, stores: Sequence[Store]) -> None:
    """Stores one after another, none of which any of the others reads.

    Those to every element of neighbouring short rows become stores of rows.
    """
    emit_chains(elements, [store.value for store in stores])
    values = [elements.value(store.value) for store in stores]
    for members in _together(elements, stores):
        if len(members) == 1:
            store = stores[members[0]]
            elements.store(store.target, store.offset, values[members[0]])
            continue
        first = stores[members[0]]
        _store_rows(elements, first.target, first.offset, [values[k] for k in members])


def _together(elements: Elements, stores: Sequence[Store]) -> list[list[int]]:
    """The stores by number, those to all the places between two lanes of the first in one list."""
    groups: dict[tuple[str, Size], dict[int, int]] = {}
    places: list[tuple[str, Size]] = []
    for number, store in enumerate(stores):
        which = phase(store.offset, _gap(elements, store.offset))
        base = (store.target, store.offset - which)
        groups.setdefault(base, {})[which] = number
        places.append(base)
    found: list[list[int]] = []
    for number, store in enumerate(stores):
        group = groups[places[number]]
        step = _gap(elements, store.offset)
        if step > 1 and len(group) == step:
            found += [[group[k] for k in range(step)]] if group[0] == number else []
        else:
            found.append([number])
    return found


def _gap(elements: Elements, offset: Size) -> int:
    """How far lanes lie apart, if evenly, upwards, and no further than rows reach; else 0."""
    window = elements.scopes.window
    if window is None or window.is_single:
        return 0
    step = elements.step(offset)
    most = MOST_APART if window.mask is None else CLOSE
    return step if isinstance(step, int) and 0 < step <= most else 0


def _store_rows(elements: Elements, target: str, offset: Size, values: list[ir.Value]) -> None:
    """Columns, the first of which begins at the offset, as rows."""
    builder = elements.builder
    pointer, dtype = elements.buffers[target]
    window = elements.scopes.window
    assert window is not None
    lanes, masks = window.lanes, [window.mask] * len(values)
    if window.mask is not None:
        masks = put_together(builder, masks)
    columns = [splat(builder, to_memory(builder, dtype, value), lanes) for value in values]
    start = builder.gep(pointer, [elements.size(offset)], source_etype=memory_type(dtype))
    for k, (row, mask) in enumerate(zip(put_together(builder, columns), masks, strict=True)):
        place = ir.Constant(I64, k * lanes)
        address = builder.gep(start, [place], source_etype=memory_type(dtype))
        store_row(builder, row, address, mask, dtype.itemsize)
