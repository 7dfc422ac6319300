from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from graphc.errors import ShapeError, TargetError
from graphc.inspection.python_file import build
from tests.inspection.targets import FAILING, PERCEPTRON, line_of

_MADE_OF = (
    "a gc.Graph, or tensors, assignments and groups in any nesting of lists, tuples and dicts"
)


@pytest.mark.parametrize(
    ("returned", "names"),
    [
        ("x + 1", ["output"]),
        ("named", ["sum"]),
        ("[x + 1, named, x + 2]", ["output.0", "sum", "output.2"]),
        ("{'a': x + 1, 'b': [named, (x + 2,)]}", ["a", "b.0", "b.1.0"]),
        ("[{'sum': x + 1}, named]", ["sum", "sum_1"]),
        ("gc.assign(v, x)", ["update_v"]),
        ("(gc.group(gc.assign(v, x)), {'train': gc.group()})", ["updates", "train"]),
    ],
)
def test_names_of_fetches(tmp_path: Path, returned: str, names: list[str]) -> None:
    file = tmp_path / "net.py"
    file.write_text(
        "import graphc as gc\n\ndef make():\n    with gc.Graph():\n"
        "        x = gc.placeholder(gc.float32, name='x')\n"
        "        v = gc.variable(0.0, name='v')\n"
        "        named = gc.identity(x + 3, name='sum')\n"
        f"        return {returned}\n"
    )
    assert [fetch.name for fetch in build(file, "make").fetches] == names


def test_a_graph_stands_for_all_that_nothing_uses() -> None:
    found = build(PERCEPTRON, "whole")
    assert [fetch.name for fetch in found.fetches] == [
        "output.0",
        "update_w1",
        "update_b1",
        "update_w2",
    ]


def test_variables_start_with_their_values() -> None:
    found = build(PERCEPTRON, "step")
    assert {node.name: value.shape for node, value in found.initial.items()} == {
        "w1": (6, 5),
        "b1": (5,),
        "w2": (5, 3),
    }


def test_the_folder_is_on_the_path_only_meanwhile() -> None:
    before = list(sys.path)
    build(PERCEPTRON, "step")  # which imports a module beside it
    assert sys.path == before
    assert "graphc_target_perceptron" not in sys.modules


def test_what_a_file_prints_goes_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    build(PERCEPTRON, "loss")
    assert capsys.readouterr() == ("", "perceptron.py is being imported\n")


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("nothing", f"nothing of {FAILING} returned None; return {_MADE_OF}"),
        ("number", f"number of {FAILING} returned 42; return {_MADE_OF}"),
        ("empty", f"empty of {FAILING} returned nothing to compute; return {_MADE_OF}"),
        (
            "needs",
            f"needs in {FAILING} needs the arguments width, depth; a target is called without "
            "any, so give them defaults",
        ),
        ("two_graphs", f"two_graphs of {FAILING} returned parts of two graphs"),
        ("constant", f"constant in {FAILING} is no function, but int"),
        ("divide", f"there is no function divide in {FAILING}; did you mean divides?"),
        (
            "zzz",
            f"there is no function zzz in {FAILING}; it has divides, leaves, does_not_fit, "
            "nothing, number, empty, needs, two_graphs",
        ),
        (
            "divides",
            f"{FAILING}:{line_of(FAILING, 'divides by zero')}: in divides: "
            "ZeroDivisionError: division by zero",
        ),
        ("leaves", f"{FAILING}:11: in leaves: SystemExit: 3"),
    ],
)
def test_functions_that_are_no_targets(function: str, message: str) -> None:
    with pytest.raises(TargetError) as caught:
        build(FAILING, function)
    assert str(caught.value) == message


def test_errors_of_graphc_stay_as_they_are() -> None:
    with pytest.raises(ShapeError) as caught:
        build(FAILING, "does_not_fit")
    line = line_of(FAILING, "does not fit")
    assert str(caught.value).endswith(f"created at {FAILING}:{line}")


def test_a_file_that_is_not_python(tmp_path: Path) -> None:
    file = tmp_path / "net.py"
    file.write_text("import os\ndef f(:\n")
    with pytest.raises(TargetError, match=f"^{re.escape(str(file))}:2: SyntaxError: "):
        build(file, "f")


def test_an_error_in_a_module_beside_it_names_that_one(tmp_path: Path) -> None:
    (tmp_path / "breaking_module.py").write_text("\n\nraise ValueError('not today')\n")
    (tmp_path / "net.py").write_text("import breaking_module\n")
    where = re.escape(str(tmp_path / "breaking_module.py"))
    with pytest.raises(TargetError, match=f"^{where}:3: in <module>: ValueError: not today$"):
        build(tmp_path / "net.py", "f")


def test_the_graph_is_named_after_the_function() -> None:
    assert build(PERCEPTRON, "loss").graph.name == "loss"
