"""Kernels: their text, what they compute, and why each is a kernel of its own."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphc.codegen.products.summary import summaries
from graphc.codegen.target import Target, current_target
from graphc.errors import AttributeValueError
from graphc.inspection.listing import node_data
from graphc.inspection.products import product_data, product_lines, size_data
from graphc.inspection.view import Block, Code, Note, View
from graphc.ir.dims import Size
from graphc.ir.graph import Graph
from graphc.ir.node import Node
from graphc.ir.printer import statement, value_names
from graphc.schedule.contents import computed, flops, written
from graphc.schedule.kernel import Kernel, Launch, Schedule, Workspace
from graphc.schedule.reasons import Separation

Buffer = Node | Workspace


@dataclass(frozen=True)
class NumberedLaunch:
    """A launch and its place in the program."""

    number: int
    launch: Launch


def kernels_view(
    graph: Graph, schedule: Schedule, kernel: int | None = None, target: Target | None = None
) -> View:
    """Every kernel of a scheduled graph with its launches, or the one of that number.

    Tiles of products are those for the target, by default this machine.
    """
    names, sharing = value_names(graph), launches_of(schedule)
    distinct = schedule.distinct()
    chosen = range(len(distinct)) if kernel is None else [checked_number(schedule, kernel)]
    listing = _Listing(graph, names, schedule.separations, target or current_target())
    blocks: list[Block] = []
    for k in chosen:
        blocks += listing.blocks(k, distinct[k], sharing[k])
    data = {
        "stage": "kernels",
        "name": graph.name,
        "kernels": [listing.data(k, distinct[k], sharing[k]) for k in chosen],
    }
    return View(data, tuple(blocks or [Note("nothing to compute: no kernels")]))


def launches_of(schedule: Schedule) -> list[list[NumberedLaunch]]:
    """For each distinct kernel, in their order, its launches."""
    sharing: dict[Hashable, list[NumberedLaunch]] = {}
    for number, launch in enumerate(schedule.launches):
        sharing.setdefault(launch.kernel.key(), []).append(NumberedLaunch(number, launch))
    return list(sharing.values())


def checked_number(schedule: Schedule, kernel: int) -> int:
    """The number, if there is a kernel of that number; AttributeValueError."""
    count = len(schedule.distinct())
    if 0 <= kernel < count:
        return kernel
    have = f"there are {count}, from 0 to {count - 1}" if count else "there are none"
    raise AttributeValueError(f"there is no kernel {kernel}; {have}")


def buffer_names(schedule: Schedule, names: Mapping[Node, str]) -> dict[Buffer, str]:
    """A name for every node, its own, and for every workspace of a program, a number.

    What all its kernels have for themselves is the room.
    """
    found: dict[Buffer, str] = dict(names.items())
    workspaces = 0
    for launch in schedule.launches:
        if launch.room is not None:
            found[launch.room] = "room"
        for buffer in launch.operands:
            if buffer not in found:
                found[buffer] = f"workspace {workspaces}"
                workspaces += 1
    return found


def _text(count: Size | None) -> str:
    return "unknown" if count is None else str(count)


class _Listing:
    def __init__(
        self,
        graph: Graph,
        names: Mapping[Node, str],
        separations: Sequence[Separation],
        target: Target,
    ) -> None:
        self.separations, self.target = separations, target
        self.position = {node: k for k, node in enumerate(graph.nodes)}
        self.names = names

    def blocks(self, number: int, kernel: Kernel, sharing: Sequence[NumberedLaunch]) -> list[Block]:
        """The kernel's text and, for each of its launches, what and why it computes."""
        times = f", {len(sharing)} launches" if len(sharing) > 1 else ""
        blocks: list[Block] = [Note(f"kernel {number}{times}", strong=True)]
        blocks.append(Code(str(kernel), "kernel"))
        lines = self.products(kernel)
        if lines:
            blocks.append(Code("\n".join(lines), "text"))
        for each in sharing:
            lines = [
                f"launch {each.number}: {self.reason(each.launch)}",
                self.operands(each.launch),
                *self.sizes(each.launch),
                *(apart.text(self.names) for apart in self.apart(each.launch)),
            ]
            lines += [statement(node, self.names, indent=2) for node in self.nodes(each.launch)]
            blocks.append(Code("\n".join(lines), "graph"))
        return blocks

    def products(self, kernel: Kernel) -> list[str]:
        """What there is to say of the kernel's products, if it has any."""
        found = summaries(kernel, self.target)
        if found:
            return [line for product in found for line in product_lines(product)]
        count = flops(kernel)
        return [] if count == 0 else [f"products without tiles: {_text(count)} flops"]

    def reason(self, launch: Launch) -> str:
        return f"{self.names[launch.nodes[0]]} {launch.reason}"

    def operands(self, launch: Launch) -> str:
        pairs = zip(launch.kernel.arguments, launch.operands, strict=True)
        return ", ".join(f"{argument.name} is {self.name(b)}" for argument, b in pairs)

    def sizes(self, launch: Launch) -> list[str]:
        """What the kernel's own sizes are in this launch, if it has any."""
        pairs = [f"{name} is {size}" for name, size in launch.sizes]
        return [", ".join(pairs)] if pairs else []

    def apart(self, launch: Launch) -> list[Separation]:
        """Why what the launch reads of other launches is not computed by it."""
        own = set(launch.nodes)
        return [one for one in self.separations if one.reader in own]

    def name(self, buffer: Buffer) -> str:
        return self.names[buffer] if isinstance(buffer, Node) else "a workspace"

    def nodes(self, launch: Launch) -> list[Node]:
        return sorted(computed(launch), key=self.position.__getitem__)

    def data(
        self, number: int, kernel: Kernel, sharing: Sequence[NumberedLaunch]
    ) -> dict[str, Any]:
        count = flops(kernel)
        return {
            "number": number,
            "text": str(kernel),
            "flops": None if count is None else size_data(count),
            "products": [product_data(product) for product in summaries(kernel, self.target)],
            "launches": [self.launch_data(each) for each in sharing],
        }

    def launch_data(self, each: NumberedLaunch) -> dict[str, Any]:
        launch = each.launch
        pairs = zip(launch.kernel.arguments, launch.operands, strict=True)
        return {
            "number": each.number,
            "reason": self.reason(launch),
            "operands": {argument.name: self.name(buffer) for argument, buffer in pairs},
            "sizes": {name: str(size) for name, size in launch.sizes},
            "beside_the_one_before": launch.beside,
            "apart": [
                {
                    "value": self.names[one.producer],
                    "reader": self.names[one.reader],
                    "reason": one.text(self.names),
                }
                for one in self.apart(launch)
            ],
            "writes": [self.names[node] for node in written(launch)],
            "nodes": [node_data(node, self.names) for node in self.nodes(launch)],
        }
