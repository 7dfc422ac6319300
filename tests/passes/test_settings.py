from __future__ import annotations

import pytest

from graphc.errors import CompileError
from graphc.passes import settings


@pytest.mark.parametrize(("value", "expected"), [(None, True), ("1", True), ("0", False)])
def test_values(monkeypatch: pytest.MonkeyPatch, value: str | None, expected: bool) -> None:
    monkeypatch.delenv(settings.FMA, raising=False)
    if value is not None:
        monkeypatch.setenv(settings.FMA, value)
    assert settings.is_on(settings.FMA) is expected


@pytest.mark.parametrize("value", ["", "off", "2"])
def test_other_values_are_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv(settings.FMA, value)
    with pytest.raises(CompileError, match=f"GRAPHC_FMA must be 0 or 1, not '{value}'"):
        settings.is_on(settings.FMA)
