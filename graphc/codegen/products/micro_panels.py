"""Packed operands in micro-panels: what a tile reads lies in one piece, step after step of depth.

A row of a whole panel of columns is as long as a page or longer. Were it packed as one, each
step of a tile would touch another page, more of them than a processor keeps the addresses of.
"""

from __future__ import annotations

from dataclasses import dataclass

from llvmlite import ir

from graphc.codegen.products.blocking import Cut
from graphc.codegen.values import I64
from graphc.ir import dims
from graphc.ir.dims import Size
from graphc.schedule.statements import Axis


@dataclass(frozen=True, slots=True)
class MicroPanels:
    """The positions of a cut, `width` of them side by side, `stride` elements to the next ones."""

    side: Cut
    width: int
    stride: int

    @property
    def number(self) -> Axis:
        """The micro-panels of a panel."""
        count = self.side.within.extent
        return Axis(
            f"{self.side.axis.name}.tile", dims.floordiv(count + self.width - 1, self.width)
        )

    @property
    def within(self) -> Axis:
        """The positions of a micro-panel that exist."""
        left = self.side.within.extent - self.width * self.number.position
        return Axis(f"{self.side.axis.name}.lane", dims.minimum(self.width, left))

    @property
    def positions(self) -> dict[str, Size]:
        """A position of the panel in terms of the micro-panel's."""
        place = self.width * self.number.position + self.within.position
        return {self.side.within.name: place}

    def place(self, step: Size) -> Size:
        """Where a position lies in memory, in a step of depth."""
        return self.stride * self.number.position + self.width * step + self.within.position

    def size(self, most: int) -> int:
        """Elements of the micro-panels of that many positions."""
        return -(-most // self.width) * self.stride


def micro_panels(side: Cut, width: int, depth: int, line: int) -> MicroPanels | None:
    """Micro-panels of a cut; None where several axes count through one another inside a panel.

    They hold so many steps of depth, and lie an odd number of lines apart: at a multiple of a page,
    the same step of all of them would meet in one place of the caches.
    """
    if side.size != 1:
        return None
    lines = -(-width * depth // line)
    return MicroPanels(side, width, line * (lines + 1 - lines % 2))


def place_of(
    builder: ir.IRBuilder, position: ir.Value, panels: MicroPanels | None, step: int
) -> ir.Value:
    """How far into a packed operand a tile reads it, whose first position that is.

    Without micro-panels, positions are so many elements apart.
    """
    if panels is None:
        return builder.mul(position, I64(step))
    number = builder.sdiv(position, I64(panels.width))
    return builder.mul(number, I64(panels.stride))
