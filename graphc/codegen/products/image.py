"""Operands that are read along sliding windows: packed once, not once for each place in a window.

In a convolution, column `y` and depth `k` read at `y*stride + k`. What a step of depth reads is
then what another one does, some elements further on. So an *image* is packed, padding included,
and a table says where each step of depth begins in it. Here it is the right operand, whose columns
have to lie side by side; with a stride the image is therefore kept in *phases*, residues of places
modulo the stride, one image each. Rows of an image are longer than those of the result, by the
window less 1; sums for the columns between are of no use, and not stored. `window_plan.py` says
what is done if the left operand slides.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import gcd

from graphc.codegen.products.blocking import RIGHT_BYTES, Cut, cut
from graphc.ir import dims, scalar
from graphc.ir.dims import Size, Symbol
from graphc.ir.scalar import Expr
from graphc.schedule.statements import Axis, Product

#: Work on columns of no use that packing all steps apart would cost as well, for one row.
PACKING = 25

#: Rows that a product is taken to have where that is not known.
TYPICAL_ROWS = 64

#: Phases of an image along an axis at most, and what an axis of unknown extent may be at least.
MOST_PHASES, FEW = 4, 16

#: Positions of columns in a panel, as far as one row of the image allows.
MOST_COLUMNS = 512


#: A phase, and the number of an element in it.
Place = tuple[Size, Size]


@dataclass(frozen=True, slots=True)
class Slide:
    """An axis that moves through the operand together with one of depth.

    They read at `step*position + by*depth`. `steps` is how many positions of depth a panel has at
    most, `count` how many it has, `place` their number in it, and `base` where it begins. In
    `phases`, places with one residue modulo as many lie side by side.
    """

    axis: Axis
    depth: Axis | None = None
    step: int = 1
    by: int = 0
    phases: int = 1
    steps: int = 1
    count: Size = 1
    place: Size = 0
    base: Size = 0

    @property
    def reach(self) -> int:
        """How far steps of depth reach in all."""
        return abs(self.by) * (self.steps - 1)

    @property
    def lead(self) -> int:
        """How far they reach before the position."""
        return self.reach if self.by < 0 else 0

    @property
    def offset(self) -> Place:
        """Where a step of depth begins in the image."""
        return self.parted(self.by * self.place + self.lead)

    def parted(self, place: Size) -> Place:
        """The phase of a place, and its number there."""
        return dims.remainder(place, self.phases), dims.floordiv(place, self.phases)

    def long(self, positions: int) -> int:
        """Elements of one phase of the image along so many positions, at most."""
        return (self.step * (positions - 1) + self.reach) // self.phases + 1

    def extent(self, positions: Size, phase: Size = 0) -> Size:
        """Elements of a phase that there are."""
        last = self.step * (positions - 1) + abs(self.by) * (self.count - 1)
        return dims.floordiv(last - phase, self.phases) + 1

    def at(self, place: Size) -> dict[str, Size]:
        """A position and a step of depth, which need not exist, that read at a place."""
        if self.depth is None:
            return {self.axis.name: place}
        first, second = _bezout(self.step, self.by)
        return {self.axis.name: first * place, self.depth.name: second * place}

    def inside(self, depth: Cut) -> Slide:
        """The same for panels of depth."""
        if self.depth is None or self.depth.name in {axis.name for axis in depth.outer}:
            return Slide(self.axis)
        if self.depth.name == depth.axis.name:
            if self.by < 0:  # the last panel, which may be short, would begin elsewhere
                return Slide(self.axis)
            count, place = depth.within.extent, depth.within.position
            base = dims.symbol(depth.base)
            return replace(self, steps=depth.run, count=count, place=place, base=base)
        steps = self.depth.extent
        assert isinstance(steps, int)
        return replace(self, steps=steps, count=steps, place=self.depth.position)


def _bezout(a: int, b: int) -> tuple[int, int]:
    """Numbers x and y with a*x + b*y = 1, for a and b without a common divisor."""
    if b == 0:
        return a, 0
    quotient, rest = divmod(a, b)
    x, y = _bezout(b, rest)
    return y, x - quotient * y


@dataclass(frozen=True, slots=True)
class Image:
    """How the columns of a product slide, or its rows, outermost first."""

    slides: tuple[Slide, ...]

    def panels(self) -> Cut:
        """Columns in panels. Those inside a panel count in rows as long as the image's own."""
        true = [slide.axis for slide in self.slides]
        wide = [Axis(slide.axis.name, slide.extent(slide.axis.extent)) for slide in self.slides]
        found = cut(tuple(wide), MOST_COLUMNS)
        first = len(found.outer)
        run = cut((true[first],), max(1, MOST_COLUMNS // found.size)).run
        return replace(found, outer=tuple(true[:first]), axis=true[first], run=run)

    def axes(self, panel: Cut) -> tuple[Axis, ...]:
        """The image's own axes in a panel of positions, those of phases outside."""
        inner = (
            Axis(
                f"{slide.axis.name}.image",
                slide.extent(_inside(slide, panel)[0], _phase(slide).position),
            )
            for slide in self.slides
        )
        return (*(_phase(slide) for slide in self.slides), *inner)

    def within(self, panel: Cut) -> tuple[Place, ...]:
        """The position in these axes, of each slide."""
        found, count = self.axes(panel), len(self.slides)
        pairs = zip(found[:count], found[count:], strict=True)
        return tuple((phase.position, axis.position) for phase, axis in pairs)

    def planes(self, depth: Cut) -> tuple[Axis, ...]:
        """The axes of depth in a panel along which images lie side by side."""
        sliding = {slide.depth.name for slide in self.slides if slide.depth is not None}
        inner = (depth.axis, *depth.whole)
        pairs = zip(inner, depth.inner, strict=True)
        return tuple(within for axis, within in pairs if axis.name not in sliding)

    def moved(self, operand: Expr, panel: Cut, depth: Cut) -> Expr:
        """The operand at a position of the image."""
        positions: dict[str, Size] = dict(depth.positions)
        for slide, (phase, number) in zip(self.slides, self.within(panel), strict=True):
            at = slide.at(slide.phases * number + phase - slide.lead)
            positions[slide.axis.name] = at[slide.axis.name] + _inside(slide, panel)[2]
            if slide.depth is not None:
                positions[slide.depth.name] = at[slide.depth.name] + slide.base
        return operand.substitute(positions)

    def place(self, panel: Cut, depth: Cut, within: tuple[Place, ...]) -> Size:
        """The number of a position within the image, among those of all planes of a panel."""
        place: Size = 0
        for axis in self.planes(depth):
            place = place * axis.extent + axis.position
        return self.spot(panel, within, place)

    def spot(self, panel: Cut, within: tuple[Place, ...], place: Size = 0) -> Size:
        """The number of a position within the image of one plane."""
        for slide, (phase, _) in zip(self.slides, within, strict=True):
            place = place * slide.phases + phase
        for slide, (_, number) in zip(self.slides, within, strict=True):
            place = place * slide.long(_inside(slide, panel)[1]) + number
        return place

    def start(self, panel: Cut, depth: Cut) -> Size:
        """Where a step of depth begins."""
        return self.place(panel, depth, tuple(slide.offset for slide in self.slides))

    def size(self, panel: Cut, depth: Cut) -> int:
        """Elements of all planes of a panel, at most."""
        total = 1
        for axis in self.planes(depth):
            extent = depth.run if axis.name == depth.within.name else axis.extent
            assert isinstance(extent, int)
            total *= extent
        for slide in self.slides:
            total *= slide.phases * slide.long(_inside(slide, panel)[1])
        return total


def _phase(slide: Slide) -> Axis:
    return Axis(f"{slide.axis.name}.phase", slide.phases)


def _inside(slide: Slide, panel: Cut) -> tuple[Size, int, Size]:
    """An axis' positions in a panel, as many as there may be, and where the first of them is."""
    if slide.axis.name == panel.axis.name:
        return dims.symbol(panel.count, panel.run), panel.run, dims.symbol(panel.base)
    if slide.axis.name in {axis.name for axis in panel.outer}:
        return 1, 1, slide.axis.position
    assert isinstance(slide.axis.extent, int)
    return slide.axis.extent, slide.axis.extent, 0


def image(product: Product, depth: Cut) -> Image | None:
    """How the right operand slides; None if it does not, or its image is too large or too wide."""
    if not all(isinstance(column.extent, int) for column in product.columns[1:]):
        return None
    found = slides_of(product.right, product.columns, depth.whole)
    slides = [
        replace(slide, phases=slide.step).inside(depth)
        if slide.step <= MOST_PHASES
        else Slide(axis)
        for slide, axis in zip(found, product.columns, strict=True)
    ]
    made = Image(tuple(slides))
    if not any(slide.reach for slide in slides) or not _pays(product, made):
        return None
    is_small = made.size(made.panels(), depth) * product.dtype.itemsize <= RIGHT_BYTES
    return made if is_small else None


def sliding(operand: Expr, axis: Axis, depth: Axis) -> Slide | None:
    """How an axis moves with one of depth, if all that is read depends on their sum."""
    for load in (expr for expr in scalar.walk((operand,)) if expr.name == "load"):
        own, other = axis.step(load.offset), depth.step(load.offset)
        if not isinstance(own, int) or not isinstance(other, int):
            return None
        if own == 0:
            continue
        if own < 0 or other == 0:
            return None
        unit = gcd(own, other)
        slide = Slide(axis, depth, own // unit, other // unit)
        place, free = dims.symbol("$place"), dims.symbol("$free")
        together = slide.at(place)
        together[axis.name] += slide.by * free
        together[depth.name] -= slide.step * free
        return None if operand.substitute(together).depends_on(Symbol("$free", None)) else slide
    return None


def slides_of(operand: Expr, axes: tuple[Axis, ...], depth: tuple[Axis, ...]) -> tuple[Slide, ...]:
    """How each axis moves: those closest to one of depth together with it."""
    pairs = [
        slide
        for axis in axes
        for other in depth
        if _overlaps(axis, other) and (slide := sliding(operand, axis, other)) and _shares(slide)
    ]
    found: dict[str, Slide] = {}
    taken: set[str] = set()
    for slide in sorted(pairs, key=lambda slide: slide.step + abs(slide.by)):
        assert slide.depth is not None
        if slide.axis.name not in found and slide.depth.name not in taken:
            found[slide.axis.name] = slide
            taken.add(slide.depth.name)
    return tuple(found.get(axis.name, Slide(axis)) for axis in axes)


def _overlaps(axis: Axis, depth: Axis) -> bool:
    return axis.extent != 1 and depth.extent != 1 and isinstance(depth.extent, int)


def _shares(slide: Slide) -> bool:
    """Whether an image along both axes is smaller than what each step of depth reads apart."""
    assert slide.depth is not None
    steps, count = slide.depth.extent, slide.axis.extent
    positions = count if isinstance(count, int) else FEW
    assert isinstance(steps, int)
    return slide.step * (positions - 1) + abs(slide.by) * (steps - 1) + 1 < positions * steps


def _pays(product: Product, found: Image) -> bool:
    """Whether the columns of no use cost less than packing every step of depth."""
    used = wide = 1
    for slide in found.slides[1:] or found.slides:
        extent = slide.axis.extent
        count = extent if isinstance(extent, int) else MOST_COLUMNS
        used, wide = used * count, wide * slide.long(count)
    rows = product.row.extent
    height = rows if isinstance(rows, int) else TYPICAL_ROWS
    return wide * height <= used * (height + PACKING)
