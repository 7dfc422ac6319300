"""Tests compile anew, and leave nothing behind in the user's cache, unless they say otherwise."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

# A busy machine takes ten times as long now and then, which says nothing about a test.
settings.register_profile("any time", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any time")


def pytest_configure() -> None:
    os.environ["GRAPHC_CACHE"] = "0"


@pytest.fixture(scope="module", autouse=True)
def nothing_left() -> Iterator[None]:
    """Collect what tests leave: of millions of objects, it took seconds in one that is timed."""
    yield
    gc.collect()
