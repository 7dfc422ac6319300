"""Columns of a sparse matrix grouped so that those of a group have no row in common.

Source: Curtis, Powell and Reid, "On the estimation of sparse Jacobian matrices", 1974; the order,
Welsh and Powell, "An upper bound for the chromatic number of a graph", 1967.
"""

from __future__ import annotations

import numpy as np

from graphc.autodiff.patterns import Indices, Pattern


def colors_of_columns(pattern: Pattern) -> Indices:
    """A color for every column; no two columns with entries in one row have the same.

    Greedily: each column gets the first color that no column has with which it shares a row, those
    that share with most first. There are at least as many colors as the fullest row has entries.
    """
    shared = columns_that_share(pattern)
    order = np.argsort(-shared.counts, kind="stable")
    colors = np.full(pattern.width, -1, np.int64)
    starts, others = shared.starts.tolist(), shared.columns
    for column in order.tolist():
        taken = colors[others[starts[column] : starts[column + 1]]]
        used = np.zeros(len(taken) + 2, bool)
        used[np.minimum(taken, len(taken)) + 1] = True  # those without a color count at 0
        colors[column] = int(np.argmin(used[1:]))
    return colors


def columns_that_share(pattern: Pattern) -> Pattern:
    """For every column those that have an entry in one of its rows, itself included."""
    by_column = pattern.transposed()
    return pattern.reading(by_column.rows, by_column.columns, pattern.width)
