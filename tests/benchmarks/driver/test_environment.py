from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.driver.environment import worker_environment


def test_a_worker_has_its_threads_and_its_own_caches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    monkeypatch.setenv("OPENBLAS_L2_SIZE", "512")
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.setenv("KEPT", "yes")
    found = worker_environment(3, Path("scratch"))
    assert not {"OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"} & found.keys()
    assert found["OMP_NUM_THREADS"] == found["OPENBLAS_NUM_THREADS"] == "3"
    assert Path(found["GRAPHC_CACHE_DIR"]).parent == Path("scratch")
    assert found["KEPT"] == "yes"
