"""What is said of a product: its sizes, its tiles, and what joins it."""

from __future__ import annotations

import pytest

from graphc.codegen.products.plan import plan
from graphc.codegen.products.summary import ProductSummary, summaries
from graphc.codegen.target import Target
from graphc.ir.dims import Size, symbol
from graphc.ir.dtypes import DType, float32, float64
from graphc.ir.graph import extract
from graphc.ir.node import Node
from graphc.ops import ops
from graphc.schedule.contents import products
from graphc.schedule.lowering import own_results, schedule
from graphc.schedule.splitting import split_reductions

X86 = Target("x86_64-unknown-linux-gnu", "", "", 512)
ARM = Target("aarch64-unknown-linux-gnu", "", "", 128)
n = symbol("n")


def placeholder(name: str, *shape: Size, dtype: DType = float32) -> Node:
    return ops.placeholder(shape=shape, dtype=dtype, name=name)


def summary(*outputs: Node, target: Target = X86, **sizes: int) -> ProductSummary:
    launches = schedule(own_results(split_reductions(extract("test", outputs)))).launches
    found = [s for launch in launches for s in summaries(launch.kernel, target, sizes)]
    (only,) = found
    return only


def layer() -> Node:
    sums = ops.matmul(placeholder("x", n, 100), placeholder("w", 100, 48))
    return ops.tanh(ops.add(sums, ops.broadcast_to(placeholder("b", 48), shape=(n, 48))))


def test_sizes_are_expressions_or_numbers() -> None:
    found = summary(layer())
    assert (str(found.blocks), str(found.rows)) == ("(n + 255)//256", "min(256, n)")
    assert (found.columns, found.depth, found.flops) == (48, (100,), 2 * n * 48 * 100)
    known = summary(layer(), n=300)
    assert (known.blocks, known.rows, known.flops) == (2, 256, 2 * 300 * 48 * 100)
    assert summary(layer(), n=0).flops == 0


@pytest.mark.parametrize("target", [X86, ARM], ids=str)
@pytest.mark.parametrize("dtype", [float32, float64])
def test_tiles_and_panels_are_those_of_the_plan(target: Target, dtype: DType) -> None:
    x, w = placeholder("x", n, 100, dtype=dtype), placeholder("w", 100, 48, dtype=dtype)
    graph = own_results(extract("test", [ops.matmul(x, w)]))
    (launch,) = schedule(graph).launches
    ((product, _),) = products(launch.kernel)
    made = plan(product, target)
    (found,) = summaries(launch.kernel, target)
    assert found.dtype == dtype.short
    assert found.tile == (made.tile.rows, made.tile.columns)
    assert found.panel == (100, made.blocks.rows, 48) and not found.slides


def test_what_is_done_after_it() -> None:
    found = summary(layer())
    assert (found.ops, found.stores) == (("add", "tanh"), ("a3",))
    assert found.left.ops == found.right.ops == ()
    assert (found.left.reads, found.right.reads) == (("a0",), ("a1",))


def test_what_is_done_on_the_way_to_a_panel() -> None:
    x = placeholder("x", n, 100)
    cast = ops.astype(placeholder("w", 64, 100, dtype=float64), dtype=float32)
    found = summary(ops.matmul(ops.mul(x, x), ops.permute_dims(cast, axes=(1, 0))))
    assert (found.left.ops, found.right.ops) == (("mul",), ("f32",))
    assert not found.left.conditional and not found.right.conditional
    assert found.ops == ()


def test_windows_are_read_under_conditions() -> None:
    image, kernels = placeholder("x", n, 3, 9, 9), placeholder("w", 8, 3, 3, 3)
    options = dict.fromkeys(("strides", "dilations", "low", "high"), (1, 1))
    found = summary(ops.convolution(image, kernels, **options))
    assert {found.left.conditional, found.right.conditional} == {False, True}
    assert found.left.ops == found.right.ops == ()
    assert found.slides == "right"


def test_panels_are_no_larger_than_they_have_to_be() -> None:
    x, w = placeholder("x", n, 2000), placeholder("w", 2000, 3000)
    found = summary(ops.matmul(x, w))
    graph = own_results(extract("test", [ops.matmul(x, w)]))
    ((product, _),) = products(schedule(graph).launches[0].kernel)
    blocks = plan(product, X86).blocks
    depth, rows, columns = found.panel
    assert 0 < depth <= blocks.depth < 2000 and 0 < columns <= blocks.columns < 3000
    assert rows == blocks.rows


def test_operands_in_place() -> None:
    x, w = placeholder("x", n, 100), placeholder("w", 64, 100)
    found = summary(ops.matmul(x, ops.permute_dims(w, axes=(1, 0))))
    assert (found.left.in_place, found.right.in_place) == (True, False)
    x, w = placeholder("x", n, 4096), placeholder("w", 4096, 4096)
    found = summary(ops.matmul(x, w))
    assert (found.left.in_place, found.right.in_place) == (False, False)


def test_other_names() -> None:
    found = summary(layer()).renamed({"a0": "x", "a3": "y", "%r0": "sums"})
    assert found.result == "sums"
    assert (found.left.reads, found.right.reads, found.stores) == (("x",), ("a1",), ("y",))
