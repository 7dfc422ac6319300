"""What is told of the cache of compiled code."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from graphc.codegen.caching.object_cache import ObjectCache
from graphc.inspection.cache import cache_view


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GRAPHC_CACHE", "1")
    monkeypatch.setenv("GRAPHC_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("GRAPHC_CACHE_BYTES", "1000000")
    return tmp_path / "cache"


def test_what_is_there_and_what_is_removed(folder: Path) -> None:
    assert cache_view().data["entries"] == 0
    ObjectCache(folder).put("key", bytes(912))
    view = cache_view()
    assert view.data == {
        "folder": str(folder), "bound": 1_000_000, "unused": None, "cleared": False,
        "entries": 1, "bytes": 1_000,
    }  # fmt: skip
    assert view.text == f"1 entry, 1,000 bytes, in {folder}; at most 1,000,000 bytes"
    assert cache_view(clear=True).text == f"removed 1 entry, 1,000 bytes, in {folder}"
    assert cache_view().data["entries"] == 0


def test_why_there_is_none(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHC_CACHE", "0")
    assert cache_view().text == "nothing is cached: GRAPHC_CACHE is 0"
    assert not folder.exists()
    monkeypatch.setenv("GRAPHC_CACHE", "1")
    folder.write_text("")
    assert cache_view().text.startswith(f"nothing is cached: {folder} cannot be made: ")
    folder.unlink()
    if hasattr(os, "geteuid"):
        folder.mkdir()
        folder.chmod(0o777)
        assert "others may write there" in cache_view().text
