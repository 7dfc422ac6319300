"""Joining neighbouring loops into one where every offset runs straight through both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from graphc.ir import dims
from graphc.ir.dims import Size, Symbol
from graphc.ir.scalar import Expr
from graphc.schedule.kernel import Axis, Kernel, Map, Reduce, Scan, Scatter, Sort, Stage


def collapse(kernel: Kernel) -> Kernel:
    """The kernel with as few domain axes as its offsets allow, and none of extent 1.

    Only the domain is touched: the order inside a reduction is part of its meaning.
    """
    kernel = _drop_single(kernel)
    position = len(kernel.domain) - 2
    while position >= 0:
        outer, inner = kernel.domain[position : position + 2]
        if _runs_straight(kernel, outer, inner):
            kernel = _join(kernel, position)
        position -= 1
    return kernel


def _drop_single(kernel: Kernel) -> Kernel:
    single = [axis for axis in kernel.domain if axis.extent == 1]
    if not single:
        return kernel
    kept = tuple(axis for axis in kernel.domain if axis.extent != 1)
    return _substitute(replace(kernel, domain=kept), {axis.name: 0 for axis in single})


def _runs_straight(kernel: Kernel, outer: Axis, inner: Axis) -> bool:
    """Whether every position depends on the two axes only through outer*extent + inner."""
    a, b = (Symbol(axis.name, axis.extent - 1) for axis in (outer, inner))
    return all(_joins(size, a, b, inner.extent) for size in _positions(kernel))


def _joins(size: Size, outer: Symbol, inner: Symbol, extent: Size) -> bool:
    by_inner = dims.affine(size, inner)
    if by_inner is None:
        return False
    by_outer = dims.affine(by_inner[1], outer)
    if by_outer is None or dims.depends_on(by_inner[0], outer):
        return False
    return bool(by_outer[0] == by_inner[0] * extent)


def _positions(kernel: Kernel) -> list[Size]:
    found: list[Size] = [size for expr in kernel.expressions() for size in expr.indices()]
    for stage in kernel.stages:
        found.extend(axis.extent for axis in stage.axes)
        if not isinstance(stage, Reduce):
            found.append(stage.offset)
    return found


def _join(kernel: Kernel, position: int) -> Kernel:
    outer, inner = kernel.domain[position : position + 2]
    joined = Axis(inner.name, outer.extent * inner.extent)
    domain = (*kernel.domain[:position], joined, *kernel.domain[position + 2 :])
    return _substitute(replace(kernel, domain=domain), {outer.name: 0, inner.name: joined.position})


def _substitute(kernel: Kernel, values: Mapping[str, Size]) -> Kernel:
    done: dict[Expr, Expr] = {}

    def change(expr: Expr) -> Expr:
        if expr not in done:
            done[expr] = expr.substitute(values)
        return done[expr]

    def move(size: Size) -> Size:
        return dims.substitute(size, values)

    def rebuilt(stage: Stage) -> Stage:
        match stage:
            case Map():
                return replace(stage, value=change(stage.value), offset=move(stage.offset))
            case Reduce():
                return replace(stage, operands=tuple(change(expr) for expr in stage.operands))
            case Scan():
                return replace(stage, operand=change(stage.operand), offset=move(stage.offset))
            case Scatter():
                where = None if stage.where is None else change(stage.where)
                value, offset = change(stage.value), move(stage.offset)
                return replace(stage, value=value, offset=offset, where=where)
            case Sort():
                return replace(stage, key=change(stage.key), offset=move(stage.offset))

    return replace(kernel, stages=tuple(rebuilt(stage) for stage in kernel.stages))
