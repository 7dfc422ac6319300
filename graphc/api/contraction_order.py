"""In which order a product of several tensors is worked out: two at a time, at least cost.

What a product of two tensors costs is its number of multiply-adds: the product of the sizes of all
labels that either has. The order of up to MOST_EXACT terms is the cheapest of all, found by dynamic
programming over sets of terms [1]. More terms are taken together greedily, always the two whose
product makes the tensors that are left smallest. Orders of equal cost give way to the order as
written, from left to right.

The order is fixed when the graph is built. A symbolic dim counts as if every symbol were TYPICAL.

[1] R. Pfeifer, J. Haegeman, F. Verstraete: Faster identification of optimal contraction sequences
for tensor networks, Physical Review E 90, 033315 (2014)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import prod

from graphc.ir import dims
from graphc.ir.dims import Size

#: Up to how many terms all orders are compared.
MOST_EXACT = 8

#: What a symbol counts as.
TYPICAL = 64

Labels = frozenset[str]
Pair = tuple[int, int]
Terms = tuple[int, ...]
Split = tuple[Terms, Terms]


@dataclass(frozen=True, slots=True)
class Problem:
    """The labels of the terms and of the result, and what the sizes of labels count as."""

    terms: tuple[Labels, ...]
    output: Labels
    sizes: Mapping[str, int]

    def of_product(self, some: Sequence[int]) -> Labels:
        """The labels of the product of some terms: those that the result or others need."""
        rest = (term for k, term in enumerate(self.terms) if k not in some)
        needed = self.output.union(*rest)
        return Labels().union(*(self.terms[k] for k in some)) & needed

    def cost(self, left: Sequence[int], right: Sequence[int]) -> int:
        """Multiply-adds of the product of two products of terms."""
        return self.volume(self.of_product(left) | self.of_product(right))

    def volume(self, labels: Labels) -> int:
        """The product of the sizes of labels."""
        return prod(self.sizes[label] for label in labels)


def problem(
    terms: Sequence[Sequence[str]], output: Sequence[str], sizes: Mapping[str, Size]
) -> Problem:
    """The problem of ordering terms with these labels, of which some may have symbolic sizes."""
    known = {
        label: dims.evaluate(size, dict.fromkeys(dims.symbols(size), TYPICAL))
        for label, size in sizes.items()
    }
    return Problem(tuple(map(Labels, terms)), Labels(output), known)


def best_pairs(given: Problem) -> tuple[Pair, ...]:
    """The positions of the two tensors to multiply next, until a single one is left.

    Both are taken off the list and their product is put at its end, as `numpy.einsum_path` does.
    """
    count = len(given.terms)
    written = tuple((0, count - 1 - step if step else 1) for step in range(count - 1))
    if count < 3:
        return written
    found = _cheapest(given) if count <= MOST_EXACT else _greedy(given)
    return found if total_cost(given, found) < total_cost(given, written) else written


def total_cost(given: Problem, pairs: Sequence[Pair]) -> int:
    """The multiply-adds of all products in an order."""
    return sum(given.volume(labels) for labels in labels_of_products(given, pairs))


def labels_of_products(given: Problem, pairs: Sequence[Pair]) -> list[Labels]:
    """For each product in an order, all labels of the two tensors: what it loops over."""
    todo: list[Terms] = [(k,) for k in range(len(given.terms))]
    found: list[Labels] = []
    for first, second in pairs:
        two = todo[first], todo[second]
        found.append(given.of_product(two[0]) | given.of_product(two[1]))
        todo = _multiplied(todo, (first, second))
    return found


def _multiplied(todo: list[Terms], pair: Pair) -> list[Terms]:
    first, second = pair
    rest = [part for k, part in enumerate(todo) if k not in pair]
    return [*rest, todo[first] + todo[second]]


def _cheapest(given: Problem) -> tuple[Pair, ...]:
    """The order of least cost; each set of terms is split in the best way."""
    count = len(given.terms)
    best: dict[Terms, tuple[int, list[Split]]] = {(k,): (0, []) for k in range(count)}
    for size in range(2, count + 1):
        for some in combinations(range(count), size):
            best[some] = min(
                (
                    (best[left][0] + best[right][0] + given.cost(left, right),
                     [*best[left][1], *best[right][1], (left, right)])
                    for left, right in _splits(some)
                ),
                key=lambda found: found[0],
            )  # fmt: skip
    return _positions(best[tuple(range(count))][1], count)


def _splits(some: Terms) -> Iterator[Split]:
    """All ways to split a set in two; first that from which the order as written follows."""
    *rest, last = some
    for size in range(len(rest), 0, -1):
        for left in combinations(rest, size):
            yield left, (*(k for k in rest if k not in left), last)


def _positions(splits: list[Split], count: int) -> tuple[Pair, ...]:
    """Splits, innermost first, as positions in the list of what is left."""
    todo: list[Terms] = [(k,) for k in range(count)]
    pairs: list[Pair] = []
    for left, right in splits:
        first, second = sorted((todo.index(left), todo.index(right)))
        pairs.append((first, second))
        todo = [part for part in todo if part not in (left, right)]
        todo.append(tuple(sorted(left + right)))
    return tuple(pairs)


def _greedy(given: Problem) -> tuple[Pair, ...]:
    """Always the two tensors of which the product adds least to what is left, then the cheapest."""
    todo: list[Terms] = [(k,) for k in range(len(given.terms))]
    pairs: list[Pair] = []
    while len(todo) > 1:
        pairs.append(
            min(combinations(range(len(todo)), 2), key=lambda pair: _growth(given, todo, pair))
        )
        todo = _multiplied(todo, pairs[-1])
    return tuple(pairs)


def _growth(given: Problem, todo: list[Terms], pair: Pair) -> tuple[int, int]:
    left, right = (todo[k] for k in pair)
    made, *gone = (given.volume(given.of_product(some)) for some in (left + right, left, right))
    return made - sum(gone), given.cost(left, right)


#: A matrix of a chain, by its place, or the product of two chains.
Chain = int | tuple["Chain", "Chain"]


def best_chain(sizes: Sequence[Size]) -> Chain:
    """The cheapest way to multiply a chain of matrices, of which k is sizes[k] x sizes[k + 1].

    Equal costs are multiplied from left to right.
    """
    known = [dims.evaluate(size, dict.fromkeys(dims.symbols(size), TYPICAL)) for size in sizes]
    best: dict[Pair, tuple[int, Chain]] = {(k, k + 1): (0, k) for k in range(len(known) - 1)}
    for length in range(2, len(known)):
        for start in range(len(known) - length):
            end = start + length
            ways = ((best[start, k], best[k, end], k) for k in range(end - 1, start, -1))
            best[start, end] = min(
                (
                    (left + right + known[start] * known[k] * known[end], (first, second))
                    for (left, first), (right, second), k in ways
                ),
                key=lambda found: found[0],
            )
    return best[0, len(known) - 1][1]
