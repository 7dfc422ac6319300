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
from graphc.inspection.regions import holders, region_data, region_lines
from graphc.inspection.view import Block, Code, Note, View
from graphc.ir.dims import Size
from graphc.ir.graph import Graph
from graphc.ir.node import Node
from graphc.ir.printer import statement
from graphc.schedule.contents import computed, flops, written
from graphc.schedule.kernel import Kernel, Launch, Schedule, Workspace
from graphc.schedule.naming import names_of
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

    Loops and branches come first, unless it is one kernel.

    Tiles of products are those for the target, by default this machine.
    """
    names, sharing = names_of(graph, schedule), launches_of(schedule)
    distinct = schedule.distinct()
    chosen = range(len(distinct)) if kernel is None else [checked_number(schedule, kernel)]
    listing = _Listing(schedule, names, target or current_target())
    blocks: list[Block] = []
    lines = region_lines(schedule, names) if kernel is None else []
    if lines:
        blocks += [Note("loops and branches", strong=True), Code("\n".join(lines), "graph")]
    for k in chosen:
        blocks += listing.blocks(k, distinct[k], sharing[k])
    data = {
        "stage": "kernels",
        "name": graph.name,
        "regions": region_data(schedule, names),
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


def _loop(each: NumberedLaunch) -> Node | None:
    return None if each.launch.loop is None else each.launch.loop.holder


def _text(count: Size | None) -> str:
    return "unknown" if count is None else str(count)


class _Listing:
    def __init__(
        self,
        schedule: Schedule,
        names: Mapping[Node, str],
        target: Target,
    ) -> None:
        self.schedule, self.names, self.target = schedule, names, target
        self.position = {node: k for k, node in enumerate(names)}

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
                f"launch {each.number}{self.inside(each)}: {self.reason(each.launch)}",
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

    def inside(self, each: NumberedLaunch) -> str:
        """The loops and branches that a launch is in."""
        around = [node for node in holders(self.schedule, each.number) if node is not _loop(each)]
        return f" in {' in '.join(self.names[node] for node in reversed(around))}" if around else ""

    def reason(self, launch: Launch) -> str:
        node = launch.nodes[0] if launch.loop is None else launch.loop.holder
        assert node is not None
        return f"{self.names[node]} {launch.reason}"

    def operands(self, launch: Launch) -> str:
        pairs = zip(launch.kernel.arguments, launch.operands, strict=True)
        known = self.known_as(launch)
        return ", ".join(
            f"{argument.name} is {self.name(b)}{known.get(b, '')}" for argument, b in pairs
        )

    def known_as(self, launch: Launch) -> dict[Buffer, str]:
        """Which values of a launch have their own name in a buffer that is called otherwise."""
        found: dict[Buffer, str] = {}
        read = (operand for node in self.nodes(launch) for operand in node.inputs)
        for node in dict.fromkeys((*launch.nodes, *read)):
            place = self.schedule.buffers.get(node, node)
            if place in launch.operands and self.names[node] != self.names[place]:
                found[place] = f" for {self.names[node]}"
        return found

    def sizes(self, launch: Launch) -> list[str]:
        """What the kernel's own sizes are in this launch, if it has any."""
        pairs = [f"{name} is {size}" for name, size in launch.sizes]
        return [", ".join(pairs)] if pairs else []

    def apart(self, launch: Launch) -> list[Separation]:
        """Why what the launch reads of other launches is not computed by it."""
        own = set(launch.nodes)
        return [one for one in self.schedule.separations if one.reader in own]

    def name(self, buffer: Buffer) -> str:
        return self.names[buffer] if isinstance(buffer, Node) else "a workspace"

    def nodes(self, launch: Launch) -> list[Node]:
        found = computed(launch, self.schedule.buffers)
        return sorted(found, key=lambda node: self.position.get(node, len(self.position)))

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
            "inside": [self.names[node] for node in holders(self.schedule, each.number)],
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
            "writes": [self.names[node] for node in written(launch, self.schedule.buffers)],
            "nodes": [node_data(node, self.names) for node in self.nodes(launch)],
        }
