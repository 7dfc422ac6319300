"""Which elements of one tensor depend on which of another: sparse boolean matrices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from graphc.errors import GradientError

Indices = np.ndarray[tuple[int], np.dtype[np.int64]]

#: Entries of a pattern beyond which it is not sparse in any useful sense.
MOST_ENTRIES = 50_000_000


@dataclass(frozen=True, eq=False)
class Pattern:
    """A boolean matrix by rows: those of row i are columns[starts[i]:starts[i + 1]], ascending."""

    starts: Indices
    columns: Indices
    width: int

    @staticmethod
    def identity(size: int) -> Pattern:
        """Every element depends on itself."""
        return Pattern(np.arange(size + 1), np.arange(size), size)

    @staticmethod
    def of(rows: Indices, columns: Indices, height: int, width: int) -> Pattern:
        """The matrix with those entries, in any order and as often as one likes."""
        keys = _distinct(rows * max(width, 1) + columns)
        rows, columns = np.divmod(keys, max(width, 1))
        return Pattern(_starts(np.bincount(rows, minlength=height)), columns, width)

    @property
    def height(self) -> int:
        """The number of rows."""
        return len(self.starts) - 1

    @property
    def counts(self) -> Indices:
        """The number of entries of every row."""
        return np.diff(self.starts)

    @property
    def rows(self) -> Indices:
        """The row of every entry."""
        return np.repeat(np.arange(self.height), self.counts)

    def transposed(self) -> Pattern:
        """Columns as rows."""
        return Pattern.of(self.columns, self.rows, self.width, self.height)

    def reading(self, results: Indices, sources: Indices, height: int) -> Pattern:
        """The pattern of results of which number results[i] depends on row sources[i] of this."""
        counts = self.counts[sources]
        total = int(counts.sum())
        _check(total)
        begins = np.repeat(self.starts[sources] - _starts(counts)[:-1], counts)
        columns = self.columns[begins + np.arange(total)]
        if np.all(results[1:] > results[:-1]):  # every result reads one row: nothing to merge
            lengths = np.zeros(height, np.int64)
            lengths[results] = counts
            return Pattern(_starts(lengths), columns, self.width)
        return Pattern.of(np.repeat(results, counts), columns, height, self.width)

    def everywhere(self, height: int) -> Pattern:
        """Rows of another number that depend on whatever any row of this depends on."""
        used = _distinct(self.columns)
        _check(height * len(used))
        return Pattern(len(used) * np.arange(height + 1), np.tile(used, height), self.width)


def union(patterns: Sequence[Pattern]) -> Pattern:
    """The entries of all patterns, at least one, which are of one size."""
    first, *others = {id(pattern): pattern for pattern in patterns}.values()
    if not others:
        return first
    rows = np.concatenate([pattern.rows for pattern in (first, *others)])
    columns = np.concatenate([pattern.columns for pattern in (first, *others)])
    return Pattern.of(rows, columns, first.height, first.width)


def _starts(counts: Indices) -> Indices:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])


def _distinct(numbers: Indices) -> Indices:
    """The numbers in order, each once; `np.unique` goes by hashing, which takes far longer."""
    ordered: Indices = np.sort(numbers)
    is_first = np.ones(ordered.size, bool)
    is_first[1:] = ordered[1:] != ordered[:-1]
    return ordered[is_first]


def _check(entries: int) -> None:
    if entries > MOST_ENTRIES:
        raise GradientError(
            f"has {entries} derivatives that may differ from 0 on the way, too many to be sparse; "
            "use gc.jacobian",
            op="sparse_jacobian",
        )
