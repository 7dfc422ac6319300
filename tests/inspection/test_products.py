"""What the kernels view says of products."""

from __future__ import annotations

import json
from dataclasses import replace

from graphc.codegen.products.summary import OperandSummary, ProductSummary
from graphc.compiler import compile_graph
from graphc.inspection.kernels import kernels_view
from graphc.inspection.loading import load
from graphc.inspection.products import panel_text, product_data, product_lines
from graphc.ir.dims import floordiv, symbol
from tests.inspection.targets import AFFINE, PERCEPTRON

n = symbol("n")
PRODUCT = ProductSummary(
    result="%r0", dtype="f32", blocks=floordiv(n + 255, 256), rows=256, columns=784,
    depth=(3, 5, 5), flops=1200 * n, tile=(8, 32), panel=(75, 168, 800), slides="right",
    left=OperandSummary(("a0", "a3"), ("exp", "mul"), False),
    right=OperandSummary(("a1",), (), True), ops=("add", "tanh"), stores=("a2", "a4"),
)  # fmt: skip


def test_in_words() -> None:
    assert product_lines(PRODUCT) == [
        "product %r0: (n + 255)//256 blocks of 256 x 784 results for threads, 3 x 5 x 5 deep; "
        "1200*n flops",
        "  in tiles of 8 x 32 f32; packed 75 deep, 168 rows, 800 columns at a time",
        "  left: exp, mul of a0, a3; right: a1 where it is there, once for all windows; "
        "results: add, tanh to a2, a4",
    ]


def test_as_data() -> None:
    data = product_data(PRODUCT)
    assert json.loads(json.dumps(data)) == data
    assert (data["blocks"], data["depth"], data["flops"]) == ("(n + 255)//256", [3, 5, 5], "1200*n")
    assert data["panel"] == {"depth": 75, "rows": 168, "columns": 800}
    assert data["left"] == {
        "reads": ["a0", "a3"], "ops": ["exp", "mul"], "conditional": False, "in_place": False
    }  # fmt: skip


def test_operands_that_are_not_packed() -> None:
    read = replace(PRODUCT.right, conditional=False, in_place=True)
    shown = product_lines(replace(PRODUCT, right=read, slides=False))
    assert shown[1] == "  in tiles of 8 x 32 f32; left one copied, 75 deep at a time"
    assert "; right: a1 in place; " in shown[2]
    both = replace(PRODUCT, left=read, right=read, slides=False)
    assert product_lines(both)[1] == "  in tiles of 8 x 32 f32; 75 deep at a time"
    assert (panel_text(PRODUCT), panel_text(both)) == ("168 x 800 x 75", "75 deep")


def test_where_kernels_are_shown() -> None:
    """A product of any number of rows has tiles; the view says so below the kernel's own text."""
    made = compile_graph(load(str(AFFINE)).graph, stop="kernels")
    assert made.prepared and made.schedule
    shown = kernels_view(made.prepared, made.schedule, target=made.target)
    assert (
        "\n\nproduct %r0: " in shown.text and " deep; 12*batch flops\n  in tiles of " in shown.text
    )
    (kernel,) = [each for each in shown.data["kernels"] if each["products"]]
    assert kernel["flops"] == kernel["products"][0]["flops"] == "12*batch"
    for each in shown.data["kernels"]:
        assert each["text"] in shown.text


def test_products_without_tiles_are_counted() -> None:
    kernels = compile_graph(load(f"{PERCEPTRON}:alike").graph, stop="kernels")
    assert kernels.prepared and kernels.schedule
    shown = kernels_view(kernels.prepared, kernels.schedule)
    assert "products without tiles: 1024 flops" in shown.text
    (kernel,) = shown.data["kernels"]
    assert (kernel["flops"], kernel["products"]) == (1024, [])
