"""How much memory a program takes: as expressions in its dims, and in bytes once they are known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from graphc.compiler import Compilation, constants, symbols
from graphc.errors import DimError, GuardError
from graphc.ir import dims
from graphc.ir.dims import Guard, Size, is_nonnegative, maximum
from graphc.ir.graph import Graph
from graphc.ir.node import Node
from graphc.memory.growth import growths
from graphc.memory.live import LiveRange
from graphc.memory.plan import Layout

#: A size in bytes: as an expression, and its value if that is known.
Bytes = tuple[Size, int | None]

_PROBES = (1, 64, 100_000)


def check_dims(graph: Graph, given: Mapping[str, int], found: Sequence[str] = ()) -> dict[str, int]:
    """The sizes given for dims of the graph, and those that follow from its guards.

    Numbers of turns that loops find, by name, may be given too.

    DimError for a dim that the graph does not have or a negative size, GuardError for sizes that
    break one of its guards.
    """
    known = (*symbols(graph), *found)
    for name, size in given.items():
        if name not in known:
            have = f"it has {', '.join(known)}" if known else "all of them are numbers"
            raise DimError(f"the program has no dim named {name}; {have}")
        if size < 0:
            raise DimError(f"the dim {name} cannot be {size}")
    sizes = _with_implied(graph.guards, given)
    for guard in graph.guards:
        left, right = (value_of(side, sizes) for side in (guard.left, guard.right))
        if left is not None and right is not None and left != right:
            raise GuardError(f"the program relies on {guard}, which are {left} and {right}")
    return sizes


def _with_implied(guards: Sequence[Guard], given: Mapping[str, int]) -> dict[str, int]:
    """The sizes with those of lone dims that a guard sets equal to something known."""
    sizes, before = dict(given), -1
    while len(sizes) > before:
        before = len(sizes)
        for guard in guards:
            for dim, other in ((guard.left, guard.right), (guard.right, guard.left)):
                value = value_of(other, sizes)
                if value is not None and dims.symbols(dim) == {str(dim)}:
                    sizes.setdefault(str(dim), value)
    return sizes


def are_known(graph: Graph, sizes: Mapping[str, int]) -> bool:
    """Whether every dim of the graph has a size."""
    return sizes.keys() >= set(symbols(graph))


def value_of(size: Size, sizes: Mapping[str, int]) -> int | None:
    """The size's value, or None if it needs dims that are not known."""
    value = dims.substitute(size, sizes)
    return value if isinstance(value, int) else None


def layout_for(compilation: Compilation, sizes: Mapping[str, int]) -> Layout | None:
    """Where everything lies in the arena; None unless every dim has a size."""
    assert compilation.plan is not None
    return compilation.plan.layout(sizes) if are_known(compilation.graph, sizes) else None


def memory_of(
    compilation: Compilation, sizes: Mapping[str, int], layout: Layout | None
) -> dict[str, Bytes]:
    """Bytes by what they are for, then the total of that, the peak; and what tapes need beside it.

    Tapes are all memory that grows, without what is taken in advance; see `memory.growth`.

    Updates are those that get memory of their own, beside the variables' old values.
    The arena's expression is of what is in use at once: a layout takes that, and a little more
    for alignment and where buffers of unlike sizes follow one another.
    """
    graph, plan, sharing = compilation.prepared, compilation.plan, compilation.sharing
    assert graph is not None and plan is not None and sharing is not None
    assert compilation.schedule is not None
    pairs = zip(graph.updates, sharing.in_place, strict=True)
    found = {
        name: _bytes(total(nodes), sizes)
        for name, nodes in (
            ("inputs", compilation.graph.placeholders),
            ("variables", graph.variables),
            ("constants", constants(graph, compilation.schedule)),
            ("outputs", graph.outputs),
            ("updates", [value for (_, value), in_place in pairs if not in_place]),
        )
    }
    found["arena"] = (most_in_use(plan.ranges), layout.total if layout else None)
    tapes: Size = 0
    for growth in growths(compilation.schedule):
        tapes = tapes + growth.buffer.tensor.nbytes
    return {**found, "peak": _sum(found.values()), "tapes": _bytes(tapes, sizes)}


def _sum(parts: Iterable[Bytes]) -> Bytes:
    size: Size = 0
    value: int | None = 0
    for part, number in parts:
        size = size + part
        value = None if value is None or number is None else value + number
    return size, value


def _bytes(size: Size, sizes: Mapping[str, int]) -> Bytes:
    return size, value_of(size, sizes)


def total(nodes: Iterable[Node]) -> Size:
    """The bytes that the values of nodes take together."""
    size: Size = 0
    for node in nodes:
        size = size + node.tensor.nbytes
    return size


def most_in_use(ranges: Sequence[LiveRange]) -> Size:
    """The most bytes that are in use at once, alignment apart.

    Where that is the maximum of many expressions, of those that matter for small, medium and large
    dims: a bound from below.
    """
    changes: dict[int, Size] = {}
    for live in ranges:
        changes[live.first] = changes.get(live.first, 0) + live.size
        changes[live.last + 1] = changes.get(live.last + 1, 0) - live.size
    sums: list[Size] = [0]
    for moment in sorted(changes):
        sums.append(sums[-1] + changes[moment])
    most: Size = 0
    for size in _leading(_greatest(sums)):
        most = maximum(most, size)
    return most


def _leading(sizes: list[Size]) -> list[Size]:
    """The sizes, or of many the greatest ones for dims of each probe."""
    if len(sizes) <= len(_PROBES):
        return sizes
    names = frozenset().union(*map(dims.symbols, sizes))
    found = (
        max(sizes, key=lambda size: dims.evaluate(size, dict.fromkeys(names, probe)))
        for probe in _PROBES
    )
    return list(dict.fromkeys(found))


def _greatest(sizes: Iterable[Size]) -> list[Size]:
    """The sizes without those that another one is certain to reach."""
    kept: list[Size] = []
    for size in dict.fromkeys(sizes):
        if any(is_nonnegative(other - size) for other in kept):
            continue
        kept = [other for other in kept if not is_nonnegative(size - other)]
        kept.append(size)
    return kept


def bytes_text(count: int | None) -> str:
    """A number of bytes with commas; empty for one that is not known."""
    return "" if count is None else f"{count:,}"


def rounded_text(count: int) -> str:
    """A number of bytes in the unit that suits it."""
    size, unit = float(count), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if size < 1024:
            break
        size, unit = size / 1024, larger
    return f"{size:.1f} {unit}" if unit != "B" else f"{count} B"
