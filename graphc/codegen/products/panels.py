"""Loops over the panels into which a product's axes are cut."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from llvmlite import ir

from graphc.codegen.expressions.elements import Elements
from graphc.codegen.products.blocking import Cut
from graphc.codegen.values import I64, smaller
from graphc.schedule.statements import Axis


class Panels:
    """Runs code for every panel, and says which one it is."""

    def __init__(self, elements: Elements) -> None:
        self.elements, self.scopes = elements, elements.scopes

    @property
    def builder(self) -> ir.IRBuilder:
        return self.scopes.builder

    @contextmanager
    def each(self, cut: Cut, *, is_depth: bool = False) -> Iterator[None]:
        """Code inside runs for every panel, with its base and count bound.

        Depth has one panel at least: a sum over nothing is stored as well.
        """
        with ExitStack() as stack:
            empty: list[ir.Value] = []
            for axis in cut.outer:
                end = self.elements.size(axis.extent)
                if is_depth and not isinstance(end, ir.Constant):
                    empty.append(self.builder.icmp_signed("<", end, I64(1)))
                    end = self.builder.select(empty[-1], I64(1), end)
                stack.enter_context(self.scopes.loop(axis.name, I64(0), end))
            total = end = self.elements.size(cut.axis.extent)
            if is_depth and not isinstance(end, ir.Constant):
                none = self.builder.icmp_signed("<", end, I64(1))
                end = self.builder.select(none, I64(1), end)
            base = stack.enter_context(self.scopes.loop(cut.base, I64(0), end, cut.run))
            count = smaller(self.builder, self.builder.sub(total, base), I64(cut.run))
            for none in empty:
                count = self.builder.select(none, I64(0), count)
            self.scopes.bind(cut.count, count)
            yield

    def count(self, cut: Cut) -> ir.Value:
        """Positions in the current panel."""
        return self.builder.mul(self.scopes.find(cut.count), I64(cut.size))

    def first(self, cut: Cut, axes: tuple[Axis, ...]) -> ir.Value:
        """Where the current panel begins, counted through all positions of its axes."""
        place: ir.Value = I64(0)
        for axis in axes:
            if axis.name == cut.axis.name:
                here = self.scopes.find(cut.base)
            elif axis.name in {outer.name for outer in cut.outer}:
                here = self.elements.size(axis.position)
            else:
                here = I64(0)
            extent = self.elements.size(axis.extent)
            place = self.builder.add(self.builder.mul(place, extent), here)
        return place

    def ends(self, cut: Cut) -> tuple[ir.Value, ir.Value]:
        """Whether the current panel is the first, and whether it is the last."""
        builder = self.builder
        base = self.scopes.find(cut.base)
        first = builder.icmp_signed("==", base, I64(0))
        end = builder.add(base, I64(cut.run))
        last = builder.icmp_signed(">=", end, self.elements.size(cut.axis.extent))
        for axis in cut.outer:
            position = self.scopes.find(axis.name)
            first = builder.and_(first, builder.icmp_signed("==", position, I64(0)))
            most = builder.sub(self.elements.size(axis.extent), I64(1))
            last = builder.and_(last, builder.icmp_signed(">=", position, most))
        return first, last

    def following(
        self, place: ir.Value, end: ir.Value, step: int, other: int
    ) -> tuple[ir.Value, ir.Value]:
        """How far away the next tile is, along the inner loop and along the outer one."""
        builder = self.builder
        is_last = builder.icmp_signed(">=", builder.add(place, I64(step)), end)
        along = builder.select(is_last, builder.neg(place), I64(step))
        return along, builder.select(is_last, I64(other), I64(0))

    def is_gone(self, rows: Cut, depth: Cut) -> ir.Value:
        """Whether other panels of depth have taken a packed operand's room since the last rows."""
        builder = self.builder
        first, last = self.ends(depth)
        is_first_row, _ = self.ends(rows)
        return builder.or_(is_first_row, builder.not_(builder.and_(first, last)))
