"""Objects of tiles: what kernels call is there once, for this machine and for others."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, cast

import llvmlite.binding as llvm
import pytest
from llvmlite import ir

from graphc.codegen.products.choice import chosen
from graphc.codegen.products.direct_tile import SHARED, DirectTile, declare
from graphc.codegen.products.tile import TileShape, tile_name
from graphc.codegen.products.tile_objects import direct_tiles_called, tiles_called
from graphc.codegen.products.window_plan import WindowPlan
from graphc.codegen.shared_objects import shared_object
from graphc.codegen.target import Target, current_target
from graphc.codegen.values import register_type
from graphc.compiler import Compilation, compile_graph
from graphc.ir.dtypes import float32, float64
from graphc.ir.graph import extract
from graphc.ops import ops
from graphc.schedule.statements import Product
from tests.codegen.products.checking import Checked, Given, k, m, n
from tests.codegen.products.product_programs import PROGRAMS
from tests.codegen.products.test_convolutions import CASES, all_three
from tests.codegen.targets import IS_X86, target_named

ELSEWHERE = [
    Target("aarch64-unknown-linux-gnu", "generic", "", 128),
    Target("arm64-apple-macosx", "apple-m1", "", 128),
    Target("x86_64-pc-windows-msvc", "x86-64-v3", "", 256),
    Target("riscv64-unknown-linux-gnu", "generic-rv64", "+m,+a,+f,+d,+v", 128),
]
on_machines = pytest.mark.parametrize("target", ELSEWHERE, ids=lambda t: f"{t.triple} {t.cpu}")


@pytest.fixture(scope="module", autouse=True)
def every_machine() -> None:
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()


def many(x: Given) -> list[Any]:
    """Products of both dtypes, of known and unknown sizes, and convolutions."""
    found = []
    for dtype in (float32, float64):
        for name in ("offset_parts", "bias_and_relu", "heads"):
            found += PROGRAMS[name](x.of(dtype), m, k, n)
        found += PROGRAMS["residual"](x.of(dtype), 23, 37, 41)
    return found + all_three(CASES["everything"], x, 3)


def compiled(build: Callable[[Given], list[Any]], target: Target) -> Compilation:
    x = Given()
    return compile_graph(extract("many", build(x), inputs=x.nodes), target)


def called(made: Compilation, target: Target) -> set[str]:
    """The names of the tiles that kernels call, as planned."""
    assert made.kernels is not None
    products = [
        statement
        for kernel in made.kernels.values()
        for statement in kernel.statements()
        if isinstance(statement, Product)
    ]
    assert len(products) >= 8
    return {name for product in products for name in names_of_tiles(product, target)}


def names_of_tiles(product: Product, target: Target) -> set[str]:
    element, made = register_type(product.dtype), chosen(product, target)
    if isinstance(made, WindowPlan):
        return {tile.name(element) for tile in made.tiles}
    return {tile_name(element, tile, made.left_row) for tile in made.tiles}


@on_machines
def test_every_tile_has_one_object(target: Target) -> None:
    made = compiled(many, target)
    assert made.kernels is not None
    names = called(made, target)
    tiles = tiles_called(made.kernels.values(), target)
    images = [shared_object(name, emit, target) for name, emit in tiles.items()]
    assert tiles.keys() == names and len(set(images)) == len(names)
    for name in names:
        (image,) = (one for one in images if name.encode() + b"\0" in one)
        assert len(image) > 300
    assert made.modules is not None
    mentioned: set[str] = set()
    for module in made.modules.values():
        mentioned |= set(re.findall(r'"(graphc_(?:window_)?tile\.[^"]+)"', str(module)))
    assert mentioned == names


def test_shared_tiles_are_known_by_their_names() -> None:
    """Of a module that calls them, and of an object in which their names stand."""
    target = current_target()
    for dtype, lanes in ((float32, target.vector_bits // 32), (float64, target.vector_bits // 64)):
        for row, more in (
            (1, {}),
            (7, {"begun": True, "ahead": 64}),
            (9, {"begun": True, "cut": True}),
            (9, {"begun": True, "open": True}),
            (1, {"cut": True, "open": True}),
        ):
            shape, options = TileShape(5, 2, lanes), cast(dict[str, Any], more)
            tile = DirectTile(shape, 2 * lanes - 1, row, 1, 40, 300, None, **options).for_all
            assert tile.for_all == tile and (tile.left_row is None) == (row > 1)
            module, element = ir.Module(), register_type(dtype)
            name = declare(module, element, tile).name
            assert str(module).count("define") == 0
            for found in (
                direct_tiles_called([module], [], target),
                direct_tiles_called([], [b"\0" + name.encode() + b"\0"], target),
            ):
                own = ir.Module()
                found.pop(name)(own)
                assert not found and own.globals.keys() >= {name} and "define" in str(own)
                assert [str(arg.type) for arg in own.globals[name].args] == [
                    str(arg.type) for arg in module.globals[name].args
                ]


def test_programs_share_tiles_of_many_steps() -> None:
    """Two objects for products of different sizes, of more and of fewer rows, beside one for each
    kernel and the entry."""
    x = Given(float32)
    outputs = [ops.matmul(x(m, depth), x(depth, 48)) for depth in (200, 300)]
    made = compile_graph(extract("two", outputs, inputs=x.nodes))
    assert made.executable is not None and made.parts is not None and made.kernels is not None
    assert len(made.kernels) == 2 and [name.startswith(SHARED) for name in made.parts] == [True] * 2
    assert len(made.executable.objects) == 5


@pytest.mark.skipif(not IS_X86, reason="names x86 CPUs")
@pytest.mark.parametrize("cpu", ["x86-64", "x86-64-v3", "x86-64-v4"])
def test_values_on_other_cpus(cpu: str) -> None:
    """With vectors of each width that this machine has, and without multiply-adds of its own."""
    target = target_named(cpu)
    if "avx512f" not in _features() and target.vector_bits == 512:
        pytest.skip("this machine has no such vectors")
    x = Given()
    names = ("every_other", "scaled_operands", "several_results", "heads")
    outputs = [one for name in names for one in PROGRAMS[name](x, m, k, n)]
    run = Checked(x.nodes, outputs, target)
    for sizes in ((1, 1, 1), (5, 9, 3), (17, 31, 33), (61, 7, 12)):
        run(dict(zip("mkn", sizes, strict=True)) | {"b": 2}, most=3)


def _features() -> set[str]:
    return {name for name, present in llvm.get_host_cpu_features().items() if present}
