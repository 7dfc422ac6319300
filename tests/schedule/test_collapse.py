"""Neighbouring loops joined into one, only where every offset runs straight through both."""

from __future__ import annotations

import pytest

from graphc.ir import dims
from graphc.ir.dims import Size, symbol
from graphc.ir.dtypes import float32
from graphc.ir.scalar import Expr, index, load
from graphc.schedule.collapse import collapse
from graphc.schedule.kernel import Argument, Axis, Kernel, Map, Reduce

n, m = symbol("n"), symbol("m")


def kernel(extents: list[Size], target: str, source: str) -> Kernel:
    """A kernel of one map, with offsets as Python expressions over the axes i, j, k."""
    axes = [Axis(f"${number}", extent) for number, extent in enumerate(extents)]
    names = dict(zip("ijk", (axis.position for axis in axes), strict=False)) | {"n": n, "m": m}

    def offset(text: str) -> Size:
        value: Size = eval(text, {"__builtins__": {}}, names)
        return value

    stage = Map("a0", offset(target), load("a1", offset(source), float32))
    arguments = (Argument("a0", float32, 999, True), Argument("a1", float32, 999, False))
    return Kernel(tuple(axes), (stage,), arguments, None)


# extents, offsets written and read; the extents and offsets that are left
CASES: list[tuple[list[Size], str, str, list[str], str, str]] = [
    ([4, 5], "5*i + j", "5*i + j", ["20"], "$1", "$1"),
    ([n, 5], "5*i + j", "5*i + j", ["5*n"], "$1", "$1"),
    ([n, m], "m*i + j", "m*i + j", ["m*n"], "$1", "$1"),
    ([2, 3, 4], "12*i + 4*j + k", "12*i + 4*j + k", ["24"], "$2", "$2"),
    ([2, 3, 4], "12*i + 4*j + k", "k", ["6", "4"], "4*$1 + $2", "$2"),
    ([2, 3, 4], "12*i + 4*j + k", "4*j + k", ["2", "12"], "12*$0 + $2", "$2"),
    ([4, 5], "5*i + j", "4*j + i", ["4", "5"], "5*$0 + $1", "$0 + 4*$1"),  # transposed
    ([4, 5], "5*i + j", "5*i - j + 4", ["4", "5"], "5*$0 + $1", "5*$0 - $1 + 4"),
    ([4, 5], "5*i + j", "19 - 5*i - j", ["20"], "$1", "19 - $1"),  # reversed as a whole
    ([4, 5], "5*i + j", "10*i + 2*j", ["20"], "$1", "2*$1"),
    ([4, 5], "5*i + j", "10*i + j", ["4", "5"], "5*$0 + $1", "10*$0 + $1"),
    ([4, 5], "5*i + j", "0", ["20"], "$1", "0"),  # the same for all
    ([1, 5], "5*i + j", "j", ["5"], "$1", "$1"),
    ([4, 1], "i + j", "i", ["4"], "$0", "$0"),
    ([1, 1], "i + j", "i", [], "0", "0"),
    ([n], "i", "i", ["n"], "$0", "$0"),
    ([], "0", "0", [], "0", "0"),
]


@pytest.mark.parametrize(("extents", "target", "source", "left", "written", "read"), CASES)
def test_collapse(
    extents: list[Size], target: str, source: str, left: list[str], written: str, read: str
) -> None:
    collapsed = collapse(kernel(extents, target, source))
    assert [str(axis.extent) for axis in collapsed.domain] == left
    (stage,) = collapsed.stages
    assert isinstance(stage, Map)
    assert same_polynomial(stage.offset, written)
    assert same_polynomial(stage.value.offset, read)


def same_polynomial(size: Size, text: str) -> bool:
    """Whether a size has the value of an expression over $0, $1, $2 wherever they are."""
    points = [(3, 1, 2), (0, 4, 7), (5, 0, 1)]
    return all(_value(size, point) == _value_of(text, point) for point in points)


def _value(size: Size, point: tuple[int, ...]) -> int:
    return dims.evaluate(size, {f"${k}": value for k, value in enumerate(point)})


def _value_of(text: str, point: tuple[int, ...]) -> int:
    for k, value in enumerate(point):
        text = text.replace(f"${k}", str(value))
    return int(eval(text, {"__builtins__": {}}))


def test_a_position_that_is_a_value_keeps_its_axis() -> None:
    """iota along the rows cannot be told from one joined position."""
    rows, columns = Axis("$0", 4), Axis("$1", 5)
    offset = 5 * rows.position + columns.position
    stage = Map("a0", offset, index(rows.position))
    made = Kernel((rows, columns), (stage,), (Argument("a0", float32, 20, True),), None)
    assert len(collapse(made).domain) == 2


def test_inner_loops_stay() -> None:
    """The order inside a reduction is part of its meaning."""
    row = Axis("$0", 4)
    inner = (Axis("$1", 5), Axis("$2", 6))
    offset = 30 * row.position + 6 * inner[0].position + inner[1].position
    value: Expr = load("a0", offset, float32)
    stage = Reduce(inner, "sum", (value,), "r0", float32, True)
    made = Kernel((row,), (stage,), (Argument("a0", float32, 120, False),), None)
    assert collapse(made) == made


def test_the_axes_of_a_ragged_inner_loop_stay() -> None:
    """An inner extent that depends on one axis keeps it apart."""
    rows, columns = Axis("$0", 4), Axis("$1", 5)
    inner = Axis("$2", columns.position + 1)
    stage = Reduce((inner,), "sum", (load("a0", inner.position, float32),), "r0", float32, True)
    made = Kernel((rows, columns), (stage,), (Argument("a0", float32, 5, False),), None)
    assert len(collapse(made).domain) == 2
