from __future__ import annotations

from itertools import combinations

import networkx
import numpy as np
import pytest

from graphc.autodiff import patterns
from graphc.autodiff.coloring import colors_of_columns
from graphc.autodiff.patterns import Pattern, union
from graphc.errors import GradientError

RNG = np.random.default_rng(0)
SHAPES = [(5, 7), (1, 3), (3, 1), (0, 4), (4, 0), (30, 20)]
Array = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]


def drawn(shape: tuple[int, int], share: float = 0.3) -> Array:
    return RNG.uniform(size=shape) < share


def pattern_of(matrix: Array) -> Pattern:
    rows, columns = np.nonzero(matrix)
    order = RNG.permutation(len(rows))
    return Pattern.of(rows[order], columns[order], *matrix.shape)


def matrix_of(pattern: Pattern) -> Array:
    matrix = np.zeros((pattern.height, pattern.width), bool)
    matrix[pattern.rows, pattern.columns] = True
    assert matrix.sum() == len(pattern.columns) == pattern.starts[-1]
    return matrix


@pytest.mark.parametrize("shape", SHAPES)
def test_patterns_are_boolean_matrices(shape: tuple[int, int]) -> None:
    matrix, other = drawn(shape), drawn(shape)
    pattern = pattern_of(matrix)
    np.testing.assert_array_equal(matrix_of(pattern), matrix)
    np.testing.assert_array_equal(matrix_of(pattern.transposed()), matrix.T)
    np.testing.assert_array_equal(pattern.counts, matrix.sum(1))
    np.testing.assert_array_equal(matrix_of(union([pattern, pattern_of(other)])), matrix | other)
    np.testing.assert_array_equal(
        matrix_of(pattern.everywhere(3)), np.broadcast_to(matrix.any(0), (3, shape[1]))
    )
    assert union([pattern, pattern]) is pattern
    for row in range(shape[0]):
        inside = pattern.columns[pattern.starts[row] : pattern.starts[row + 1]]
        assert list(inside) == sorted(inside)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("height", [1, 6])
def test_reading_is_a_product_with_a_relation(shape: tuple[int, int], height: int) -> None:
    matrix, relation = drawn(shape), drawn((height, shape[0]))
    results, sources = np.nonzero(relation)
    order = RNG.permutation(len(results))
    found = pattern_of(matrix).reading(results[order], sources[order], height)
    np.testing.assert_array_equal(matrix_of(found), relation.astype(int) @ matrix.astype(int) > 0)


def test_reading_one_row_each() -> None:
    matrix = drawn((6, 4))
    found = pattern_of(matrix).reading(np.array([0, 2, 3]), np.array([5, 5, 1]), 5)
    expected = np.zeros((5, 4), bool)
    expected[[0, 2, 3]] = matrix[[5, 5, 1]]
    np.testing.assert_array_equal(matrix_of(found), expected)


def test_full_patterns_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patterns, "MOST_ENTRIES", 10)
    pattern = Pattern.identity(4)
    with pytest.raises(GradientError, match="has 16 derivatives .* too many to be sparse"):
        pattern.everywhere(4)
    with pytest.raises(GradientError, match="use gc.jacobian"):
        pattern.reading(np.arange(12), np.arange(12) % 4, 12)


@pytest.mark.parametrize("shape", SHAPES)
def test_columns_of_a_color_have_no_row_in_common(shape: tuple[int, int]) -> None:
    matrix = drawn(shape, 0.1)
    colors = colors_of_columns(pattern_of(matrix))
    assert colors.shape == (shape[1],)
    for color in np.unique(colors):
        assert matrix[:, colors == color].sum(1).max(initial=0) <= 1


@pytest.mark.parametrize("shape", SHAPES)
def test_colors_are_those_of_greedy_coloring(shape: tuple[int, int]) -> None:
    matrix = drawn(shape, 0.1)
    graph = networkx.Graph()
    graph.add_nodes_from(range(shape[1]))
    for row in matrix:
        graph.add_edges_from(combinations(np.flatnonzero(row).tolist(), 2))
    expected = networkx.greedy_color(graph, "largest_first")
    assert dict(enumerate(colors_of_columns(pattern_of(matrix)).tolist())) == expected


def test_bands_take_as_many_colors_as_they_are_wide() -> None:
    for width in (1, 2, 3, 5):
        places = np.arange(40)
        matrix = np.abs(places[:, None] - places - width // 2) * 2 < width
        full = int(matrix.sum(1).max())
        assert colors_of_columns(pattern_of(matrix)).max() + 1 == full
