"""The vector functions with their oracles: trigonometry and its inverses, erf, gamma."""

from __future__ import annotations

from tests.codegen.vecmath_row import Row

TRIG_ROWS: list[Row] = []
