"""Elements that lie a few apart in memory: rows taken apart and put together by shuffles.

A gather takes one element at a time. Where the distance is known and small it is several times
faster to load all that lies between as rows, and to pick the wanted lanes out of them.
"""

from __future__ import annotations

from collections.abc import Sequence

from llvmlite import ir

from graphc.codegen.values import I32

Rows = list[ir.Value]


def pick(builder: ir.IRBuilder, rows: Sequence[ir.Value], positions: Sequence[int]) -> ir.Value:
    """The elements at positions of rows that lie one after another, one for every lane."""
    lanes = rows[0].type.count
    used = sorted({position // lanes for position in positions})
    first, *others = used if len(used) > 1 else used * 2
    made = rows[first]
    placed = {lane: p % lanes for lane, p in enumerate(positions) if p // lanes == first}
    for number in others:
        here = {lane: p % lanes for lane, p in enumerate(positions) if p // lanes == number}
        mask = [
            placed.get(lane, lanes + here[lane] if lane in here else None)
            for lane in range(len(positions))
        ]
        made = shuffled(builder, made, rows[number], mask)
        placed = {lane: lane for lane in (*placed, *here)}
    return made


def shuffled(
    builder: ir.IRBuilder, left: ir.Value, right: ir.Value, lanes: Sequence[int | None]
) -> ir.Value:
    """Lanes of two rows by number, those of the second counted on; anything for None."""
    numbers = [0 if number is None else number for number in lanes]
    mask = ir.Constant(ir.VectorType(I32, len(numbers)), numbers)
    return builder.shuffle_vector(left, right, mask)


def taken_apart(builder: ir.IRBuilder, rows: Rows) -> Rows:
    """From s rows that lie one after another, s rows: the k-th holds elements k, k + s, k + 2s...

    By the factors of s, so that 8 rows take 24 shuffles of two rows and not 56.
    """
    step, lanes = len(rows), rows[0].type.count
    factor = _factor(step)
    if factor == step:
        return [
            pick(builder, rows, [step * lane + k for lane in range(lanes)]) for k in range(step)
        ]
    parts = [taken_apart(builder, rows[k : k + factor]) for k in range(0, step, factor)]
    columns = [taken_apart(builder, [part[k] for part in parts]) for k in range(factor)]
    return [columns[k % factor][k // factor] for k in range(step)]


def put_together(builder: ir.IRBuilder, rows: Rows) -> Rows:
    """The reverse of `taken_apart`."""
    step, lanes = len(rows), rows[0].type.count
    factor = _factor(step)
    if factor == step:
        flat = [(k % step) * lanes + k // step for k in range(step * lanes)]
        return [pick(builder, rows, flat[lanes * k : lanes * (k + 1)]) for k in range(step)]
    columns = [put_together(builder, rows[k::factor]) for k in range(factor)]
    parts = [
        put_together(builder, [column[k] for column in columns]) for k in range(step // factor)
    ]
    return [row for part in parts for row in part]


def _factor(number: int) -> int:
    """The least prime factor."""
    return next(k for k in range(2, number + 1) if number % k == 0)


def exchanged(builder: ir.IRBuilder, rows: Rows) -> Rows:
    """Rows and lanes exchanged, of as many rows as there are lanes, a power of two.

    In each step blocks on either side of the diagonal change places, of half the size each time.
    """
    count = len(rows)
    half = count // 2
    while half:
        lower = [lane if not lane & half else lane - half + count for lane in range(count)]
        upper = [lane + half if not lane & half else lane + count for lane in range(count)]
        changed = list(rows)
        for k in range(count):
            if not k & half:
                changed[k] = shuffled(builder, rows[k], rows[k + half], lower)
                changed[k + half] = shuffled(builder, rows[k], rows[k + half], upper)
        rows = changed
        half //= 2
    return rows
