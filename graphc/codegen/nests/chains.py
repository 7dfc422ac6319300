"""Chains of multiply-adds along lines, of neighbouring lines together.

In a convolution elements below one another read the same rows of data, each at another link of its
chain. All of a window's elements are emitted in the order of the rows that they read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from llvmlite import ir

from graphc.codegen.expressions.access import CLOSE, every_lane, from_memory, load_row
from graphc.codegen.expressions.elements import Elements
from graphc.codegen.expressions.strides import put_together, taken_apart
from graphc.codegen.products.tile import fetch
from graphc.codegen.values import I1, I64, both, memory_type, zeros
from graphc.ir import dims, scalar
from graphc.ir.dims import Size
from graphc.ir.scalar import Expr
from graphc.schedule.statements import Loop, Store

#: Links from which on chains of several stores are emitted side by side, and elements up to which
#: others are asked for ahead.
LONG, FAR = 8, 1 << 12

#: Vectors that are taken together where there are chains of several lines, and where of one.
PAIR, ALONE = 2, 4


@dataclass(frozen=True, slots=True)
class _Link:
    """A multiply-add of a chain, what it reads along the window, and where, but for what moves."""

    value: Expr
    load: Expr

    @property
    def place(self) -> int:
        return _constant(self.load.offset)


def together(loop: Loop) -> int:
    """How many vectors a loop along lines had better take together: several if it stores chains.

    Each link of a chain waits for the one before it, and several lines have a chain each.
    """
    values = [store.value for store in loop.body if isinstance(store, Store)]
    if not values or len(values) < len(loop.body):
        return 1
    if any(len(_links(value, loop.axis.name)) < LONG for value in values):
        return 1
    return ALONE if len(values) == 1 else PAIR


def emit_chains(elements: Elements, values: Sequence[Expr]) -> None:
    """The chains of multiply-adds of several values side by side, in the order of what they read.

    What two of them read is then in a register when the second one needs it. What those read
    that follow, as many lines further on, is asked for meanwhile.
    """
    window = elements.scopes.window
    if len(values) < 2 or window is None:
        return
    chains = [_links(value, window.axis) for value in values]
    if min(map(len, chains)) < LONG:
        return
    loads = {link.place: link.load for chain in chains for link in chain}
    if len({load.source for load in loads.values()}) > 1:
        return
    ahead = (chains[1][0].place - chains[0][0].place) * len(chains)
    if 0 < ahead <= FAR:
        _ask_ahead(elements, loads, ahead)
    load_together(elements, list(loads.values()))
    turn = 1 if chains[0][0].place <= chains[0][-1].place else -1
    rest = [list(reversed(chain)) for chain in chains]
    while any(rest):
        chosen = min(filter(None, rest), key=lambda links: turn * links[-1].place)
        elements.value(chosen.pop().value)


def _ask_ahead(elements: Elements, loads: dict[int, Expr], ahead: int) -> None:
    """Bring near what lies so far behind that which is read, and is not read now."""
    builder, window = elements.builder, elements.scopes.window
    assert window is not None
    pointer, dtype = elements.buffers[str(next(iter(loads.values())).source)]
    step = elements.step(next(iter(loads.values())).offset)
    length = window.lanes * (step if isinstance(step, int) else 1) * dtype.itemsize
    asked = max(loads) - ahead
    for place, load in sorted(loads.items()):
        if place <= asked:
            continue
        asked = place + length // dtype.itemsize - 1
        there = builder.add(elements.size(load.offset), I64(ahead))
        address = builder.gep(pointer, [there], source_etype=memory_type(dtype))
        fetch(builder, address, length)


def load_together(elements: Elements, loads: list[Expr]) -> None:
    """Elements a few apart, and those between them, from rows that are loaded but once.

    Each kind has its own mask, and what is loaded of a row is what any of them wants.
    """
    step = elements.step(loads[0].offset)
    if not isinstance(step, int) or not 1 < step <= CLOSE:
        return
    groups: dict[tuple[Size, tuple[Expr, ...]], dict[int, Expr]] = {}
    for load in loads:
        which = _constant(load.offset) % step
        alike = tuple(part for part in _parts(load) if not elements.varies(part))
        groups.setdefault((load.offset - which, alike), {})[which] = load
    for (base, alike), members in groups.items():
        if len(members) > 1 and elements.step(base) == step:
            columns = _columns(elements, base, alike, members, step)
            for which, load in members.items():
                elements.remember(load, columns[which])


def _columns(
    elements: Elements, base: Size, alike: tuple[Expr, ...], members: dict[int, Expr], step: int
) -> list[ir.Value]:
    """Rows from an offset on, taken apart; zeros where nothing is wanted."""
    builder, window = elements.builder, elements.scopes.window
    assert window is not None
    lanes = window.lanes
    pointer, dtype = elements.buffers[str(next(iter(members.values())).source)]
    type_ = ir.VectorType(memory_type(dtype), lanes)
    masks = [zeros(ir.VectorType(I1, lanes))] * step
    for which, load in members.items():
        own = [part for part in _parts(load) if elements.varies(part)]
        apart = elements.value(scalar.logical_and(*own)) if own else None
        masks[which] = every_lane(both(builder, window.mask, apart), lanes)
    start = builder.gep(pointer, [elements.size(base)], source_etype=type_.element)
    if alike:
        nothing = elements.scopes.zeros(ir.VectorType(type_.element, step * lanes))
        start = builder.select(elements.value(scalar.logical_and(*alike)), start, nothing)
    rows = []
    for k, mask in enumerate(put_together(builder, masks)):
        address = builder.gep(start, [I64(k * lanes)], source_etype=type_.element)
        rows.append(load_row(builder, type_, address, mask, dtype.itemsize))
    return [from_memory(builder, dtype, row) for row in taken_apart(builder, rows)]


def _parts(load: Expr) -> list[Expr]:
    return scalar.conditions(load.args[0]) if load.args else []


def _constant(offset: Size) -> int:
    return offset if isinstance(offset, int) else offset.terms.get((), 0)


def _links(value: Expr, axis: str) -> list[_Link]:
    """The longest chain in an expression, from its first link on."""
    links = [expr for expr in scalar.walk((value,)) if expr.name == "fma"]
    within = {link.args[2] for link in links}
    chains = (_chain(link, axis) for link in links if link not in within)
    return max(chains, key=len, default=[])


def _chain(link: Expr, axis: str) -> list[_Link]:
    found: list[_Link] = []
    while link.name == "fma":
        loads = [expr for expr in link.args[:2] if expr.name == "load"]
        along = [load for load in loads if axis in dims.symbols(load.offset)]
        if len(along) != 1:
            return []
        found.insert(0, _Link(link, along[0]))
        link = link.args[2]
    return found
