"""Tests compile anew, and leave nothing behind in the user's cache, unless they say otherwise."""

from __future__ import annotations

import os


def pytest_configure() -> None:
    os.environ["GRAPHC_CACHE"] = "0"
