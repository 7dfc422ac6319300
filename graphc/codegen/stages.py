"""The stages of a kernel as loops in LLVM IR."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext

from llvmlite import ir

from graphc.codegen import sorting
from graphc.codegen.elements import Elements
from graphc.codegen.reductions import COMBINERS, Combiner, State, across_lanes
from graphc.codegen.values import I64, constant_like, is_vector, lane_count, splat
from graphc.ir import dims
from graphc.ir.dims import Symbol
from graphc.ir.dtypes import DType, bool_
from graphc.ir.scalar import Expr, index, opaque_values
from graphc.schedule import kernel as form
from graphc.schedule.kernel import Axis, Stage

#: Partial results that a reduction along its last axis keeps; part of its meaning, since it
#: fixes the order of additions. A multiple of every machine's vector width.
PARTIALS = 64


class Stages:
    """Emits stages at the current point of a kernel's domain, `lanes` positions at a time."""

    def __init__(self, elements: Elements, lanes: int) -> None:
        self.elements = elements
        self.scopes = elements.scopes
        self.lanes = lanes

    @property
    def builder(self) -> ir.IRBuilder:
        return self.scopes.builder

    def emit(self, stage: Stage) -> None:
        match stage:
            case form.Map():
                self._map(stage)
            case form.Reduce():
                self._reduce(stage)
            case form.Scan():
                self._scan(stage)
            case form.Scatter():
                self._scatter(stage)
            case form.Sort():
                with self.guarded(stage.axes):
                    sorting.emit(self.elements, stage)

    # Loops -----------------------------------------------------------------------------------

    def guarded(self, axes: Sequence[Axis]) -> ExitStack:
        """A context that is entered only if every axis has a position."""
        stack = ExitStack()
        condition: ir.Value | None = None
        for axis in axes:
            if isinstance(axis.extent, int) and axis.extent > 0:
                continue
            some = self.builder.icmp_signed(
                ">", self.elements.size(axis.extent), ir.Constant(I64, 0)
            )
            condition = some if condition is None else self.builder.and_(condition, some)
        if condition is not None:
            stack.enter_context(self.scopes.guard(condition))
        return stack

    def _nest(self, axes: Sequence[Axis], body: Callable[[], None]) -> None:
        """The body at every position of the axes, one at a time."""
        if not axes:
            body()
            return
        with self.scopes.loop(axes[0].name, self.elements.size(axes[0].extent)):
            self._nest(axes[1:], body)

    def _nest_windows(self, axes: Sequence[Axis], body: Callable[[], None]) -> None:
        """The body at every position of the axes, several at a time along the last."""
        *outer, last = axes
        extent = self.elements.size(last.extent)
        self._nest(outer, lambda: self.scopes.each_window(last.name, extent, self.lanes, body))

    # Maps ------------------------------------------------------------------------------------

    def _map(self, stage: form.Map) -> None:
        def store() -> None:
            self.elements.store(stage.target, stage.offset, self.elements.value(stage.value))

        if not stage.axes:
            store()
            return
        with self.guarded(stage.axes):
            self._nest_windows(stage.axes, store)

    # Reductions ------------------------------------------------------------------------------

    def _reduce(self, stage: form.Reduce) -> None:
        combiner = COMBINERS[stage.combiner]
        dtype = stage.operands[0].dtype
        inner = stage.lanes and self.scopes.window is None
        keep = self._reduce_in_lanes if inner else self._reduce_in_order
        state = keep(stage, combiner, dtype)
        result = state[1] if combiner.tracks_position else state[0]
        if stage.combiner == "sum" and dtype.is_float:
            result = self.builder.fadd(result, constant_like(result, 0.0))  # never -0.0
        if stage.dtype is bool_:
            zero = ir.Constant(result.type, None if is_vector(result) else 0)
            result = self.builder.icmp_unsigned("!=", result, zero)
        self.scopes.bind(stage.result, result)

    def _fresh_state(self, combiner: Combiner, dtype: DType, lanes: int, count: int = 1) -> State:
        """Memory for `count` states of so many lanes, filled with the identity."""
        cells = []
        numbers = combiner.identity(dtype)
        for type_, number in zip(combiner.types(dtype, lanes), numbers, strict=True):
            cell = self.scopes.allocate(type_, count)
            element = type_.element if lanes > 1 else type_
            start = splat(self.builder, ir.Constant(element, _plain(number)), lanes)
            for k in range(count):
                self.builder.store(start, self._cell(cell, type_, ir.Constant(I64, k)))
            cells.append(cell)
        return tuple(cells)

    def _cell(self, memory: ir.Value, type_: ir.Type, k: ir.Value) -> ir.Value:
        return self.builder.gep(memory, [k], source_etype=type_)

    def _reduce_in_order(self, stage: form.Reduce, combiner: Combiner, dtype: DType) -> State:
        """Element after element; the lanes, if there are any, are points of the domain."""
        lanes = self.scopes.window.lanes if self.scopes.window else 1
        cells = self._fresh_state(combiner, dtype, lanes)
        types = combiner.types(dtype, lanes)

        def grow() -> None:
            state = self._read(cells, types)
            element = self._element(stage.operands, dtype, lanes)
            position = self._position(stage, combiner, lanes)
            self._write(cells, combiner.grow(self.builder, dtype, state, element, position))

        with self.guarded(stage.axes):
            self._nest(stage.axes, grow)
        return self._read(cells, types)

    def _reduce_in_lanes(self, stage: form.Reduce, combiner: Combiner, dtype: DType) -> State:
        """PARTIALS partial results along the last axis, put together as a tree of halves."""
        count = PARTIALS // self.lanes
        cells = self._fresh_state(combiner, dtype, self.lanes, count)
        types = combiner.types(dtype, self.lanes)

        def grow() -> None:
            base = self.scopes.find(stage.axes[-1].name)
            chunk = self.builder.udiv(base, ir.Constant(I64, self.lanes))
            slot = self.builder.urem(chunk, ir.Constant(I64, count))
            here = tuple(
                self._cell(cell, type_, slot) for cell, type_ in zip(cells, types, strict=True)
            )
            state = self._read(here, types)
            element = self._element(stage.operands, dtype, self.lanes)
            position = self._position(stage, combiner, self.lanes)
            grown = combiner.grow(self.builder, dtype, state, element, position)
            self._write(here, self._masked(grown, state))

        with self.guarded(stage.axes):
            self._nest_windows(stage.axes, grow)
        return self._together(cells, types, count, combiner, dtype)

    def _together(
        self, cells: State, types: tuple[ir.Type, ...], count: int, combiner: Combiner,
        dtype: DType,
    ) -> State:  # fmt: skip
        states = [
            self._read(
                tuple(
                    self._cell(cell, type_, ir.Constant(I64, k))
                    for cell, type_ in zip(cells, types, strict=True)
                ),
                types,
            )
            for k in range(count)
        ]
        while len(states) > 1:
            half = len(states) // 2
            states = [
                combiner.merge(self.builder, dtype, states[k], states[k + half])
                for k in range(half)
            ]
        return across_lanes(self.builder, combiner, dtype, states[0])

    def _masked(self, new: State, old: State) -> State:
        mask = self.scopes.window.mask if self.scopes.window else None
        if mask is None:
            return new
        return tuple(
            self.builder.select(mask, after, before) for after, before in zip(new, old, strict=True)
        )

    def _element(self, operands: tuple[Expr, ...], dtype: DType, lanes: int) -> State:
        values = [splat(self.builder, self.elements.value(operand), lanes) for operand in operands]
        if dtype is bool_:
            values = [self.builder.zext(value, _widened(value)) for value in values]
        return tuple(values)

    def _position(self, stage: form.Reduce, combiner: Combiner, lanes: int) -> ir.Value | None:
        if not combiner.tracks_position:
            return None
        position = self.elements.value(index(stage.axes[-1].position))
        return splat(self.builder, position, lanes)

    def _read(self, cells: State, types: tuple[ir.Type, ...]) -> State:
        return tuple(
            self.builder.load(cell, typ=type_) for cell, type_ in zip(cells, types, strict=True)
        )

    def _write(self, cells: State, state: State) -> None:
        for cell, value in zip(cells, state, strict=True):
            self.builder.store(value, cell)

    # Scans and scatters ----------------------------------------------------------------------

    def _scan(self, stage: form.Scan) -> None:
        combiner, dtype = COMBINERS[stage.combiner], stage.operand.dtype
        lanes = self.scopes.window.lanes if self.scopes.window else 1
        with self.guarded(stage.axes):
            cells = self._fresh_state(combiner, dtype, lanes)
            types = combiner.types(dtype, lanes)

            def advance() -> None:
                element = self._element((stage.operand,), dtype, lanes)
                state = combiner.grow(self.builder, dtype, self._read(cells, types), element, None)
                self._write(cells, state)
                self.elements.store(stage.target, stage.offset, state[0])

            self._nest(stage.axes, advance)

    def _scatter(self, stage: form.Scatter) -> None:
        """Read, add, write, one after another; lanes only where they cannot meet."""

        def add() -> None:
            old = self.elements.current(stage.target, stage.offset)
            value = self.elements.value(stage.value)
            add_ = self.builder.fadd if stage.value.dtype.is_float else self.builder.add
            lanes = max(lane_count(old), lane_count(value))
            total = add_(splat(self.builder, old, lanes), splat(self.builder, value, lanes))
            self.elements.store(stage.target, stage.offset, total)

        def add_in_range() -> None:
            self.elements.size(stage.offset)  # reports an index out of range
            inside: AbstractContextManager[None] = nullcontext()
            if stage.where is not None:
                inside = self.scopes.guard(self.elements.value(stage.where))
            with inside:
                add()

        nest = self._nest_windows if _lanes_stay_apart(stage) else self._nest
        with self.guarded(stage.axes):
            nest(stage.axes, add_in_range)


def _lanes_stay_apart(stage: form.Scatter) -> bool:
    """Whether neighbours along the last axis are added at neighbouring places."""
    if not stage.axes:
        return False
    axis = stage.axes[-1]
    atom = Symbol(axis.name, axis.extent - 1)
    split = dims.affine(stage.offset, atom)
    return (
        split is not None
        and split[0] == 1
        and not any(value.depends_on(atom) for value in opaque_values(stage.offset))
    )


def _widened(value: ir.Value) -> ir.Type:
    byte = ir.IntType(8)
    return ir.VectorType(byte, value.type.count) if is_vector(value) else byte


def _plain(number: float | int) -> float | int:
    return int(number) if isinstance(number, bool) else number
