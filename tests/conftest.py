"""Tests compile anew, and leave nothing behind in the user's cache, unless they say otherwise."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# A busy machine takes ten times as long now and then, which says nothing about a test.
settings.register_profile("any time", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any time")


def pytest_configure() -> None:
    os.environ["GRAPHC_CACHE"] = "0"
