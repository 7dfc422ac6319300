"""What follows from rows of a product's result, in its kernel, has the bits of kernels apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import strategies

from graphc.compiler import compile_graph
from graphc.ir.dtypes import DType, float32, float64, int64
from graphc.ir.graph import Graph, extract
from graphc.ir.node import Node
from graphc.ops import ops
from graphc.schedule.reasons import Separation, Why
from graphc.schedule.statements import Product
from tests.codegen.products.checking import Checked, Given, b, k, known, m
from tests.codegen.products.test_reduced_rows import bits
from tests.codegen.products.test_same_bits import numbers
from tests.codegen.running import Program
from tests.codegen.targets import chosen
from tests.properties.comparing import for_all, quick_and_long

TARGETS = chosen()

Values = list[Node]


def spread_over(value: Node, like: Node) -> Node:
    """A number of each row, as often as the row has elements."""
    column = ops.reshape(value, shape=(*value.shape, 1))
    return ops.broadcast_to(column, shape=like.shape)


def rows_of(total: Node, factor: Node) -> Values:
    """Rows in stages, of which one goes over the results, and numbers of rows."""
    axis = len(total.shape) - 1
    most = ops.max(total, axes=(axis,))
    away = ops.exp(ops.sub(total, spread_over(most, total)))
    weights = ops.div(away, spread_over(ops.sum(away, axes=(axis,)), total))
    return [most, ops.mul(weights, factor), ops.argmax(total, axis=axis)]


def numbers_of(total: Node, factor: Node) -> Values:
    """Numbers of rows alone, some of which infinities and NaN reach."""
    axis = len(total.shape) - 1
    return [
        ops.sum(ops.mul(total, total), axes=(axis,)), ops.prod(ops.exp(total), axes=(axis,)),
        ops.any(ops.lt(total, factor), axes=(axis,)),
    ]  # fmt: skip


def over_rows(total: Node, factor: Node) -> Values:
    """Sums over rows of what follows from each."""
    axis = len(total.shape) - 1
    even = ops.mul(total, spread_over(ops.sum(total, axes=(axis,)), total))
    return [ops.sum(even, axes=tuple(range(axis))), ops.mul(even, factor)]


class Both:
    """What follows from a product beside it, in its kernel alone, and from the results as data."""

    def __init__(
        self, made: Callable[[Given], Node], follow: Callable[[Node, Node], Values],
        dtype: DType = float32, target: Any = None,
    ) -> None:  # fmt: skip
        self.given, data = Given(dtype), Given(dtype)
        total = made(self.given)
        follows = follow(total, self.given(*total.shape))
        assert in_its_kernel(*follows), "nothing is fused"
        self.together = Program(self.given.nodes, [total, *follows], target)
        self.alone = Program(self.given.nodes, follows, target)
        self.apart = Program(data.nodes, follow(data(*total.shape), data(*total.shape)), target)

    def check(self, sizes: dict[str, int], seed: int = 0) -> None:
        feeds = [
            numbers(known(node.shape, sizes), self.given.dtype, seed + place) / 64
            for place, node in enumerate(self.given.nodes)
        ]
        total, *got = self.together(*feeds)
        expected = bits(self.apart(total, feeds[-1]))
        assert bits(got) == expected
        assert bits(self.alone(*feeds)) == expected


def in_its_kernel(*outputs: Node) -> bool:
    """Whether a product's kernel goes on with its rows."""
    made = compile_graph(extract("made", list(outputs)), stop="kernels").schedule
    assert made is not None
    bodies = [launch.kernel.body[0].body for launch in made.launches if launch.kernel.parallel]
    return any(isinstance(body[0], Product) and len(body) > 1 for body in bodies)


def product(columns: int) -> Callable[[Given], Node]:
    return lambda x: ops.matmul(x(m, k), x(k, columns))


FOLLOWS = [rows_of, numbers_of, over_rows]
SIZES = ((0, 3), (1, 4), (64, 30), (65, 7), (130, 0), (300, 70), (1000, 9), (257, 700))


@pytest.mark.parametrize("follow", FOLLOWS)
@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_bits_are_those_of_kernels_apart(
    target: Any, follow: Callable[[Node, Node], Values]
) -> None:
    for columns, dtype in ((5, float32), (45, float64), (256, float32)):
        both = Both(product(columns), follow, dtype, target)
        for rows, depth in SIZES:
            both.check({"m": rows, "k": depth})


@pytest.mark.parametrize("follow", FOLLOWS)
@pytest.mark.parametrize("columns", [2, 16, 64, 513])
def test_any_number_of_columns(columns: int, follow: Callable[[Node, Node], Values]) -> None:
    both = Both(product(columns), follow)
    for rows, depth in ((9, 3), (300, 40), (600, 300)):
        both.check({"m": rows, "k": depth})


@pytest.mark.parametrize("follow", FOLLOWS)
@pytest.mark.parametrize("sizes", [(16, 40, 30), (100, 64, 64), (300, 700, 100), (7, 30, 50)])
def test_known_sizes(sizes: tuple[int, int, int], follow: Callable[[Node, Node], Values]) -> None:
    rows, depth, columns = sizes
    Both(lambda x: ops.matmul(x(rows, depth), x(depth, columns)), follow).check({})


@quick_and_long(20, 300)
def test_any_sizes(examples: int) -> None:
    both = [Both(product(columns), follow) for columns in (24, 130) for follow in FOLLOWS]
    size = strategies.integers(0, 700)
    which = strategies.integers(0, len(both) - 1)

    def check(one: tuple[int, int, int]) -> None:
        both[one[0]].check({"m": one[1], "k": one[2] // 8})

    for_all(strategies.tuples(which, size, size), check, examples)


# Of several dims ----------------------------------------------------------------------------


def stacked(x: Given) -> Node:
    return ops.matmul(x(b, m, 40), x(b, 40, 48))


def stack_inside(x: Given) -> Node:
    """Rows, a stack, and columns."""
    return ops.contract(x(m, 3, 40), x(3, 40, 50), subscripts="abc,bcd->abd")


def two_columns(x: Given) -> Node:
    return ops.reshape(
        ops.contract(x(m, 40), x(40, 5, 20), subscripts="ab,bcd->acd"), shape=(m, 100)
    )


def two_rows(x: Given) -> Node:
    return ops.contract(x(3, m, 40), x(40, 50), subscripts="abc,cd->abd")


def turned_rows(x: Given) -> Node:
    """Rows of two dims, which the left operand has the other way round."""
    left = ops.permute_dims(x(6, m, 40), axes=(1, 0, 2))
    return ops.contract(left, x(40, 50), subscripts="abc,cd->abd")


def window(x: Given) -> Node:
    """Neighbouring rows are read from windows that slide."""
    every = ops.broadcast_to(ops.reshape(x(m, 7, 12), shape=(1, m, 7, 12)), shape=(3, m, 7, 12))
    seen = ops.windows(every, strides=(1,), low=(0,), high=(0,), dilations=(1,), value=0.0)
    return ops.contract(seen, x(3, 7, 40), subscripts="abcd,ace->bde")


def sideways(x: Given) -> Node:
    """The left operand has its rows side by side, the right one its steps of depth."""
    return ops.contract(x(40, m), x(70, 40), subscripts="ba,cb->ac")


def formula(x: Given) -> Node:
    """Operands that are computed while they are packed, and elementwise work before rows."""
    total = ops.matmul(ops.neg(x(m, 300)), ops.mul(x(300, 40), x(300, 40)))
    return ops.maximum(total, ops.mul(total, x(m, 40)))


def convolution(x: Given) -> Node:
    """Whole pictures as rows; windows slide through what is packed."""
    data, weights = x(b, 5, 12, 11), x(9, 5, 3, 3)
    ones = {name: (1, 1) for name in ("strides", "low", "high", "dilations")}
    return ops.reshape(ops.convolution(data, weights, **ones), shape=(b, 9, 132))


@pytest.mark.parametrize("follow", [rows_of, numbers_of])
@pytest.mark.parametrize(
    "build",
    [
        stacked,
        stack_inside,
        two_columns,
        two_rows,
        turned_rows,
        window,
        sideways,
        formula,
        convolution,
    ],
)
def test_rows_of_all_kinds(
    build: Callable[[Given], Node], follow: Callable[[Node, Node], Values]
) -> None:
    both = Both(build, follow)
    for rows in (1, 70, 300):
        both.check({"m": rows, "b": 1 + rows // 70})


@pytest.mark.parametrize("rows", [m, 16])
def test_an_element_of_rows_of_several_dims(rows: Any) -> None:
    """Wherever it is, less a number of its row, as in a cross-entropy."""
    x = Given()
    total, which = ops.matmul(x(rows, 64, 40), x(40, 50)), x(rows, 64, 1, dtype=int64)
    away = ops.sub(total, spread_over(ops.max(total, axes=(2,)), total))
    every = ops.sum(away, axes=(2,))
    places = [ops.iota(shape=which.shape, axis=axis, dtype=int64) for axis in (0, 1)]
    found = ops.gather(away, *places, which, axes=(0, 1, 2), position=0)
    Checked(x.nodes, [ops.sub(found, ops.reshape(every, shape=which.shape))])({"m": 9})


def test_what_cannot_be_proven_at_hand_is_a_kernel_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bits are the same, and the reason is told."""
    x = Given()
    total, which = ops.matmul(x(m, 64, 40), x(40, 50)), x(m, 64, 1, dtype=int64)
    away = ops.sub(total, spread_over(ops.max(total, axes=(2,)), total))
    places = [ops.iota(shape=which.shape, axis=axis, dtype=int64) for axis in (0, 1)]
    found = ops.gather(away, *places, which, axes=(0, 1, 2), position=0)
    made = Checked(x.nodes, [found])
    assert not unproven(made.graph)
    monkeypatch.setattr("graphc.ops.indexing.is_within", lambda position, extent: False)
    assert unproven(made.graph)
    Checked(x.nodes, [found])({"m": 9})


def unproven(graph: Graph) -> list[Separation]:
    schedule = compile_graph(graph, stop="kernels").schedule
    assert schedule is not None
    return [one for one in schedule.separations if one.why is Why.UNPROVEN]


@pytest.mark.parametrize("build", [two_rows, formula])
def test_sums_over_rows_of_all_kinds(build: Callable[[Given], Node]) -> None:
    both = Both(build, over_rows)
    for rows in (1, 70, 300):
        both.check({"m": rows})


def test_sums_over_some_rows_and_along_others() -> None:
    """A stack between rows and columns: sums over rows alone have blocks that whole rows do not."""
    both, data = Given(), Given()

    def follows(total: Node) -> Values:
        return [ops.sum(total, axes=(0,)), ops.sum(total, axes=(2,))]

    total = stack_inside(both)
    program = Program(both.nodes, [total, *follows(total)])
    apart = Program(data.nodes, follows(data(*total.shape)))
    for rows in (1, 64, 300):
        result, *got = program(*(numbers(known(x.shape, {"m": rows})) for x in both.nodes))
        assert bits(got) == bits(apart(result))


# What is fused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("total", "expected"),
    [
        (lambda x: ops.matmul(x(m, k), x(k, 1024)), True),
        (lambda x: ops.matmul(x(m, k), x(k, 1025)), False),  # long rows
        (lambda x: ops.matmul(x(m, 40), x(40, b)), False),  # of any length
        (lambda x: ops.permute_dims(ops.matmul(x(m, k), x(k, 40)), axes=(1, 0)), False),
        (lambda x: ops.contract(x(m, k), x(20, k), subscripts="ab,cb->ca"), False),  # turned
        (lambda x: ops.matmul(x(m, k), x(k, 1)), False),  # a vector
        (lambda x: ops.matmul(x(64, 200), x(200, 300)), True),  # few rows, and not much to read
        (lambda x: ops.matmul(x(64, 300), x(300, 300)), False),
        (lambda x: ops.matmul(x(64, k), x(k, 300)), False),
        (lambda x: ops.matmul(x(b, 64, k), x(b, k, 300)), True),
        (lambda x: ops.matmul(x(15, 16), x(16, 17)), False),  # small
    ],
)
def test_what_is_in_the_kernel(total: Callable[[Given], Node], expected: bool) -> None:
    result = total(Given())
    last = len(result.shape) - 1
    assert in_its_kernel(ops.sum(ops.mul(result, result), axes=(last,))) is expected
