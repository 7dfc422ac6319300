"""What README.md, docs/ and the docstrings of graphc show is what happens.

`tests/markdown_blocks.py` says which blocks of a document run and how an output is compared.
"""

from __future__ import annotations

import doctest
import importlib
import io
import pkgutil
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import graphc
from graphc.cli import main
from graphc.ir.opdef import REGISTRY
from tests.markdown_blocks import run_document

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted([*ROOT.glob("README.md"), *ROOT.glob("docs/*.md")])


def test_the_readme_is_among_the_documents() -> None:
    assert ROOT / "README.md" in DOCUMENTS


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_document(document: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A copy, so that what the examples write does not end up in the repository.
    for folder in ("docs", "samples"):
        if (ROOT / folder).is_dir():
            shutil.copytree(ROOT / folder, tmp_path / folder)
    monkeypatch.chdir(tmp_path)
    known = dict(REGISTRY)  # an op that a document declares is nobody else's business
    try:
        run_document(document.read_text(encoding="utf-8"), document.name, main)
    finally:
        REGISTRY.clear()
        REGISTRY.update(known)


def all_modules() -> Iterator[ModuleType]:
    def fail(name: str) -> None:
        # Without this, walk_packages passes over a package that cannot be imported.
        raise ImportError(f"{name} cannot be imported")

    yield graphc
    for found in pkgutil.walk_packages(graphc.__path__, "graphc.", onerror=fail):
        if not found.name.endswith(".__main__"):
            yield importlib.import_module(found.name)


def all_doctests() -> Iterator[doctest.DocTest]:
    finder = doctest.DocTestFinder()
    for module in all_modules():
        for found in finder.find(module, extraglobs={"gc": graphc, "np": np}):
            if found.examples:
                yield found


@pytest.mark.parametrize("docstring", list(all_doctests()), ids=lambda found: found.name)
def test_docstring(docstring: doctest.DocTest) -> None:
    report = io.StringIO()
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS)
    result = runner.run(docstring, out=report.write)
    assert result.failed == 0, report.getvalue()
