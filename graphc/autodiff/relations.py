"""For every op, which elements of an input each element of the result may depend on.

A rule is given what the elements of an input depend on, and gives what those of the result do. A
derivative that is 0 whatever is fed, since it is multiplied by a 0 of a constant, is no
dependence. An op that is not in the table is taken to mix all elements of its inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from typing import Any

import numpy as np

from graphc.autodiff.patterns import Indices, Pattern
from graphc.ir.node import Node
from graphc.ir.opdef import Array, Kind
from graphc.ops.contraction import labels_of
from graphc.ops.declaring import ops
from graphc.ops.labelled_products import Labels
from graphc.ops.windows import padded, places, strided

#: The value of a node that is the same for all feeds; None for any other.
Known = Callable[[Node], "Array | None"]
_Shape = tuple[int, ...]
#: rule(node, number of the input, its pattern, known) -> the pattern of the node.
Rule = Callable[[Node, int, Pattern, Known], Pattern]


def pattern_of(node: Node, k: int, pattern: Pattern, known: Known) -> Pattern:
    """What the elements of a node depend on through its k-th input."""
    rule = _RULES.get(node.op.name) or _BY_KIND.get(node.op.kind, _mixing)
    return rule(node, k, pattern, known)


def size_of(node: Node) -> int:
    """The number of elements of a node whose sizes are known."""
    return prod(_shape(node))


def _shape(node: Node) -> _Shape:
    return tuple(int(size) for size in node.shape)


def _numbers(shape: _Shape, first: int = 0) -> Array:
    return np.arange(first, first + prod(shape)).reshape(shape)


def _mixing(node: Node, k: int, pattern: Pattern, known: Known) -> Pattern:
    return pattern.everywhere(size_of(node))


# Elements where they were --------------------------------------------------------------------


def _elementwise(node: Node, k: int, pattern: Pattern, known: Known) -> Pattern:
    return pattern


def _product(node: Node, k: int, pattern: Pattern, known: Known) -> Pattern:
    """Nothing comes of what is multiplied by zero."""
    factor = known(node.inputs[1 - k])
    return pattern if factor is None else _kept(pattern, factor != 0)


def _choice(node: Node, k: int, pattern: Pattern, known: Known) -> Pattern:
    condition = known(node.inputs[0])
    return pattern if condition is None else _kept(pattern, condition == (k == 1))


def _kept(pattern: Pattern, mask: Array) -> Pattern:
    if mask.all():
        return pattern
    kept = np.flatnonzero(mask)
    return pattern.reading(kept, kept, pattern.height)


# Elements moved ------------------------------------------------------------------------------


def _view(node: Node, k: int, pattern: Pattern, known: Known) -> Pattern:
    """Each element of a view is one of its inputs', or none of them; its reference tells which.

    It is given the elements' numbers, from 1 on, and 0 for what is filled in.
    """
    given, first = [], 1
    for number, operand in enumerate(node.inputs):
        mine = number == k
        given.append(_numbers(_shape(operand), first) if mine else np.zeros(_shape(operand), int))
    return _picked(pattern, _moved(node, given))


def _moved(node: Node, given: list[Array]) -> Array:
    attrs = {**node.attrs, "value": 0.0} if "value" in node.attrs else node.attrs
    return np.asarray(node.op.reference(attrs, *given))


def _picked(pattern: Pattern, numbers: Array) -> Pattern:
    """The pattern of elements that are those of such numbers, counted from 1, or none for 0."""
    flat = numbers.ravel()
    there = np.flatnonzero(flat)
    return pattern.reading(there, flat[there] - 1, flat.size)


def _gather(node: Node, k: int, pattern: Pattern, known: Known) -> Pattern:
    source, *indices = node.inputs
    found = [known(index) for index in indices]
    if any(index is None for index in found):
        rest, to = _gather_labels(node, source)
        return _by_labels(pattern, rest, _shape(source), to, _shape(node))
    given = [_numbers(_shape(source), 1), *found]
    return _picked(pattern, _moved(node, given))  # type: ignore[arg-type]


def _scatter(node: Node, k: int, pattern: Pattern, known: Known) -> Pattern:
    """Elements of the base stay; those of the updates go where gather would read them."""
    base, *indices, updates = node.inputs
    if k == 0:
        return pattern
    found = [known(index) for index in indices]
    if any(index is None for index in found):
        rest, to = _gather_labels(node, base)
        return _by_labels(pattern, to, _shape(updates), rest, _shape(base))
    targets = ops.gather.reference(node.attrs, _numbers(_shape(base)), *found)
    return pattern.reading(np.ravel(targets), np.arange(size_of(updates)), size_of(base))


def _gather_labels(node: Node, source: Node) -> tuple[Labels, Labels]:
    """Labels of what is read, and of what is picked: they share those of the other axes."""
    axes, position = node.attrs["axes"], node.attrs["position"]
    labels = tuple(str(axis) for axis in range(len(source.shape)))
    rest = tuple(label for axis, label in enumerate(labels) if axis not in axes)
    index = tuple(f"index {n}" for n in range(len(node.inputs[1].shape)))
    return labels, (*rest[:position], *index, *rest[position:])


# Elements combined ---------------------------------------------------------------------------


def _by_labels(
    pattern: Pattern, own: Labels, source: _Shape, to: Labels, result: _Shape
) -> Pattern:
    """Each element of the result depends on all of the source at its place.

    That is its place along the labels that both have.
    """
    kept = tuple(label for label in own if label in to)
    sizes = dict(zip(own, source, strict=True))
    shape = tuple(sizes[label] for label in kept)
    into = _along(_numbers(shape), kept, own, source)
    out_of = _along(_numbers(shape), kept, to, result)
    merged = pattern.reading(into, np.arange(into.size), prod(shape))
    return merged.reading(np.arange(out_of.size), out_of, out_of.size)


def _along(numbers: Array, labels: Labels, to: Labels, shape: _Shape) -> Indices:
    """Numbers of places along some labels, for every place along more of them."""
    order = sorted(range(len(labels)), key=lambda k: to.index(labels[k]))
    moved = np.transpose(numbers, order)
    wide = [n if label in labels else 1 for label, n in zip(to, shape, strict=True)]
    return np.broadcast_to(moved.reshape(wide), shape).ravel()


def _reduction(node: Node, k: int, pattern: Pattern, known: Known) -> Pattern:
    own = tuple(str(axis) for axis in range(len(node.inputs[0].shape)))
    to = tuple(label for axis, label in enumerate(own) if axis not in node.attrs["axes"])
    return _by_labels(pattern, own, _shape(node.inputs[0]), to, _shape(node))


def _running(node: Node, k: int, pattern: Pattern, known: Known) -> Pattern:
    size = _shape(node)[node.attrs["axis"]]
    return _along_axis(node, pattern, np.tri(size, dtype=bool))


def _sorted(node: Node, k: int, pattern: Pattern, known: Known) -> Pattern:
    size = _shape(node)[node.attrs["axis"]]
    return _along_axis(node, pattern, np.ones((size, size), bool))


def _resized(node: Node, k: int, pattern: Pattern, known: Known) -> Pattern:
    """What the op, which is linear, makes of unit vectors."""
    size = _shape(node.inputs[0])[node.attrs["axis"]]
    weights = node.op.reference({**node.attrs, "axis": 0}, np.eye(size))
    return _along_axis(node, pattern, weights != 0)


def _along_axis(node: Node, pattern: Pattern, matrix: Array) -> Pattern:
    """Elements along one axis combined, those of which a matrix tells."""
    axis, (source,) = node.attrs["axis"], node.inputs
    results, sources = np.nonzero(matrix)
    into = np.take(_numbers(_shape(node)), results, axis)
    out_of = np.take(_numbers(_shape(source)), sources, axis)
    return pattern.reading(into.ravel(), out_of.ravel(), size_of(node))


def _factors(node: Node, k: int, pattern: Pattern, known: Known) -> Pattern:
    """Of every stack each matrix by itself; of right sides, which come last, each column."""
    source, last = node.inputs[k], node.inputs[-1]
    lead = len(last.shape) - 2
    stack = tuple(f"stack {n}" for n in range(lead))
    is_side = len(node.inputs) > 1 and source is last
    own = (*stack, *("row", "column" if is_side else "other")[: len(source.shape) - lead])
    to = (*stack, *("new row", "column")[: len(node.shape) - lead])
    return _by_labels(pattern, own, _shape(source), to, _shape(node))


# Products ------------------------------------------------------------------------------------


def _contraction(node: Node, k: int, pattern: Pattern, known: Known) -> Pattern:
    """Nothing comes of what is multiplied by zero."""
    labels, source = labels_of(node), _shape(node.inputs[k])
    factor = known(node.inputs[1 - k])
    if factor is None or np.all(factor):
        return _by_labels(pattern, labels[k], source, labels[2], _shape(node))
    at = dict(zip(labels[1 - k], np.nonzero(factor), strict=True))
    return _by_places(pattern, labels[k], source, at, labels[2], _shape(node))


def _by_places(
    pattern: Pattern, own: Labels, source: _Shape, at: dict[str, Array], to: Labels, result: _Shape
) -> Pattern:
    """As `_by_labels`, but only for places along some labels: those where a factor is not zero."""
    free = [n for n, label in enumerate(own) if label not in at]
    sizes = [source[n] for n in free]
    grid = np.indices(sizes).reshape(len(free), prod(sizes))
    every = {label: place[:, None] for label, place in at.items()}
    every |= {own[n]: grid[row][None] for row, n in enumerate(free)}
    into = _number([every[label] for label in to], result)
    out_of = _number([every[label] for label in own], source)
    into, out_of = np.broadcast_arrays(into, out_of)
    return pattern.reading(into.ravel(), out_of.ravel(), prod(result))


def _number(places: list[Array], shape: _Shape) -> Array:
    number: Any = np.zeros((1, 1), np.int64)
    for place, size in zip(places, shape, strict=True):
        number = number * size + place
    return np.asarray(number)


# Windows -------------------------------------------------------------------------------------

#: What the operands and the result of convolutions are: data, weights, cotangents.
_CONVOLUTIONS = {
    "convolution": ("x", "w", "g"),
    "convolution_input": ("g", "w", "x"),
    "convolution_weights": ("x", "g", "w"),
}


def _convolution(node: Node, k: int, pattern: Pattern, known: Known) -> Pattern:
    """Data and cotangents by windows where they are operand and result, else by labels alone."""
    kinds, shapes = _CONVOLUTIONS[node.op.name], (_shape(node.inputs[k]), _shape(node))
    labels = [_convolution_labels(node, kinds[n]) for n in (k, 2)]
    if {kinds[k], kinds[2]} != {"x", "g"}:
        return _by_labels(pattern, labels[0], shapes[0], labels[1], shapes[1])
    bare = [tuple(label for label in each if label not in "co") for each in labels]
    channel = -1 - _rank(node)
    source, result = ((*shape[:channel], *shape[channel + 1 :]) for shape in shapes)
    merged = _by_labels(pattern, labels[0], shapes[0], bare[0], source)
    kernel = _shape(node.inputs[1])[-_rank(node) :]
    if kinds[k] == "x":
        sources, results = _reads(node, source, result, kernel)
    else:
        results, sources = _reads(node, result, source, kernel)
    found = merged.reading(results, sources, prod(result))
    return _by_labels(found, bare[1], result, labels[1], shapes[1])


def _convolution_labels(node: Node, kind: str) -> Labels:
    groups = tuple(f"group {n}" for n in range(len(node.shape) - _rank(node) - 2))
    spatial = tuple(f"{kind} {n}" for n in range(_rank(node)))
    front = {"x": ("n", *groups, "c"), "w": (*groups, "o", "c"), "g": ("n", *groups, "o")}[kind]
    return (*front, *spatial)


def _rank(node: Node) -> int:
    return len(node.attrs["strides"])


def _pooled(node: Node, k: int, pattern: Pattern, known: Known) -> Pattern:
    data = _shape(node.inputs[0])
    sources, results = _reads(node, data, _shape(node), node.attrs["shape"])
    return pattern.reading(results, sources, size_of(node))


def _reads(node: Node, data: _Shape, windows: _Shape, kernel: _Shape) -> tuple[Indices, Indices]:
    """Numbers of elements of data, and of the windows that these are in."""
    attrs = dict(node.attrs)
    numbers, counts = padded(attrs, _numbers(data, 1)), windows[len(windows) - _rank(node) :]
    elements, places_of = [], []
    for place in places(kernel):
        read = numbers[strided(attrs, place, counts)].ravel()
        there = np.flatnonzero(read)
        elements.append(read[there] - 1)
        places_of.append(there)
    return np.concatenate(elements), np.concatenate(places_of)


_BY_KIND: Mapping[Kind, Rule] = {
    Kind.ELEMENTWISE: _elementwise,
    Kind.VIEW: _view,
    Kind.REDUCTION: _reduction,
    Kind.SCAN: _running,
    Kind.FACTORIZATION: _factors,
}
_RULES: Mapping[str, Rule] = {
    "mul": _product,
    "where": _choice,
    "gather": _gather,
    **dict.fromkeys(("scatter_add", "scatter_max", "scatter_min"), _scatter),
    "sort": _sorted,
    "resize_linear": _resized,
    "resize_linear_adjoint": _resized,
    "window_max": _pooled,
    "matmul": _contraction,
    "contract": _contraction,
    **dict.fromkeys(_CONVOLUTIONS, _convolution),
}
