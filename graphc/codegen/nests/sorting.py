"""A stable merge sort in LLVM IR, bottom up between two halves of a workspace."""

from __future__ import annotations

from dataclasses import dataclass

from llvmlite import ir

from graphc.codegen.expressions.elements import Elements
from graphc.codegen.scopes import Scopes
from graphc.codegen.values import I64, memory_type
from graphc.ir.dtypes import DType
from graphc.schedule.statements import Sort


@dataclass(frozen=True)
class _Pile:
    """Keys and their positions, from some element on."""

    keys: ir.Value
    places: ir.Value


def emit(elements: Elements, stage: Sort) -> None:
    """Sort the keys along the stage's axis and store them, or their positions."""
    scopes, axis = elements.scopes, stage.axis
    dtype = stage.key.dtype
    count = elements.size(axis.extent)
    sorter = _Sorter(scopes, dtype, count)
    first = _Pile(elements.buffers[stage.keys][0], elements.buffers[stage.places][0])
    second = _Pile(
        sorter.address(first.keys, count, sorter.key_type),
        sorter.address(first.places, count, I64),
    )
    with scopes.loop(axis.name, ir.Constant(I64, 0), count) as position:
        key = elements.value(stage.key)
        sorter.put(first, position, _stored(scopes.builder, dtype, key), position)
    result = sorter.sort(first, second)
    with scopes.loop(axis.name, ir.Constant(I64, 0), count) as position:
        key, place = sorter.get(result, position)
        value = place if stage.positions else _loaded(scopes.builder, dtype, key)
        elements.store(stage.target, stage.offset, value)


def _stored(builder: ir.IRBuilder, dtype: DType, value: ir.Value) -> ir.Value:
    return builder.zext(value, memory_type(dtype)) if dtype.is_bool else value


def _loaded(builder: ir.IRBuilder, dtype: DType, value: ir.Value) -> ir.Value:
    return builder.trunc(value, ir.IntType(1)) if dtype.is_bool else value


class _Sorter:
    def __init__(self, scopes: Scopes, dtype: DType, count: ir.Value) -> None:
        self.scopes = scopes
        self.dtype = dtype
        self.key_type = memory_type(dtype)
        self.count = count

    @property
    def builder(self) -> ir.IRBuilder:
        return self.scopes.builder

    def address(self, base: ir.Value, k: ir.Value, type_: ir.Type) -> ir.Value:
        return self.builder.gep(base, [k], source_etype=type_)

    def get(self, pile: _Pile, k: ir.Value) -> tuple[ir.Value, ir.Value]:
        key = self.builder.load(self.address(pile.keys, k, self.key_type), typ=self.key_type)
        return key, self.builder.load(self.address(pile.places, k, I64), typ=I64)

    def put(self, pile: _Pile, k: ir.Value, key: ir.Value, place: ir.Value) -> None:
        self.builder.store(key, self.address(pile.keys, k, self.key_type))
        self.builder.store(place, self.address(pile.places, k, I64))

    def sort(self, first: _Pile, second: _Pile) -> _Pile:
        """Merge runs of 1, 2, 4, ... elements to and fro; the pile that holds the result."""
        builder, function = self.builder, self.scopes.function
        start = builder.block
        header = function.append_basic_block("sort.width")
        body = function.append_basic_block("sort.pass")
        done = function.append_basic_block("sort.done")
        builder.branch(header)
        builder.position_at_end(header)
        width = builder.phi(I64)
        piles = [builder.phi(ir.PointerType()) for _ in range(4)]
        builder.cbranch(builder.icmp_signed("<", width, self.count), body, done)
        builder.position_at_end(body)
        source, target = _Pile(piles[0], piles[1]), _Pile(piles[2], piles[3])
        self._merge_runs(source, target, width)
        end = builder.block
        doubled = builder.shl(width, ir.Constant(I64, 1))
        builder.branch(header)
        starts = (first.keys, first.places, second.keys, second.places)
        for phi, value, swapped in zip(piles, starts, piles[2:] + piles[:2], strict=True):
            phi.add_incoming(value, start)
            phi.add_incoming(swapped, end)
        width.add_incoming(ir.Constant(I64, 1), start)
        width.add_incoming(doubled, end)
        builder.position_at_end(done)
        return source

    def _merge_runs(self, source: _Pile, target: _Pile, width: ir.Value) -> None:
        """Merge each pair of neighbouring runs of a width."""
        builder, function = self.builder, self.scopes.function
        before = builder.block
        header = function.append_basic_block("sort.pair")
        body = function.append_basic_block("sort.merge")
        after = function.append_basic_block("sort.merged")
        builder.branch(header)
        builder.position_at_end(header)
        low = builder.phi(I64)
        builder.cbranch(builder.icmp_signed("<", low, self.count), body, after)
        builder.position_at_end(body)
        middle = self._at_most_count(builder.add(low, width))
        high = self._at_most_count(builder.add(middle, width))
        self._merge(source, target, low, middle, high)
        low.add_incoming(ir.Constant(I64, 0), before)
        low.add_incoming(high, builder.block)
        builder.branch(header)
        builder.position_at_end(after)

    def _at_most_count(self, value: ir.Value) -> ir.Value:
        less = self.builder.icmp_signed("<", value, self.count)
        return self.builder.select(less, value, self.count)

    def _merge(
        self, source: _Pile, target: _Pile, low: ir.Value, middle: ir.Value, high: ir.Value
    ) -> None:
        """Merge source[low:middle] and source[middle:high] into target[low:high]."""
        builder, function = self.builder, self.scopes.function
        before = builder.block
        header = function.append_basic_block("sort.next")
        body = function.append_basic_block("sort.take")
        after = function.append_basic_block("sort.taken")
        builder.branch(header)
        builder.position_at_end(header)
        left, right, out = builder.phi(I64), builder.phi(I64), builder.phi(I64)
        builder.cbranch(builder.icmp_signed("<", out, high), body, after)
        builder.position_at_end(body)
        take_right = self._takes_right(source, left, right, middle, high)
        taken = builder.select(take_right, right, left)
        self.put(target, out, *self.get(source, taken))
        one = ir.Constant(I64, 1)
        steps = (
            (left, low, builder.select(take_right, left, builder.add(left, one))),
            (right, middle, builder.select(take_right, builder.add(right, one), right)),
            (out, low, builder.add(out, one)),
        )
        end = builder.block
        for phi, start, following in steps:
            phi.add_incoming(start, before)
            phi.add_incoming(following, end)
        builder.branch(header)
        builder.position_at_end(after)

    def _takes_right(
        self, source: _Pile, left: ir.Value, right: ir.Value, middle: ir.Value, high: ir.Value
    ) -> ir.Value:
        """Whether the right run comes next: the left is used up, or the right's head is less."""
        builder = self.builder
        left_over = builder.icmp_signed(">=", left, middle)
        right_over = builder.icmp_signed(">=", right, high)
        last = builder.sub(self.count, ir.Constant(I64, 1))
        safe_left = builder.select(left_over, last, left)
        safe_right = builder.select(right_over, last, right)
        less = self._less(self.get(source, safe_right)[0], self.get(source, safe_left)[0])
        usable = builder.and_(less, builder.not_(right_over))
        return builder.or_(left_over, usable)

    def _less(self, a: ir.Value, b: ir.Value) -> ir.Value:
        """a before b: less, or b is NaN and a is not."""
        builder = self.builder
        if not self.dtype.is_float:
            signed = self.dtype.kind == "i"
            return (builder.icmp_signed if signed else builder.icmp_unsigned)("<", a, b)
        b_nan = builder.fcmp_unordered("uno", b, b)
        a_number = builder.fcmp_ordered("ord", a, a)
        return builder.or_(builder.fcmp_ordered("<", a, b), builder.and_(b_nan, a_number))
