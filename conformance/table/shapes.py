"""Functions that rearrange, repeat, join and cut."""

from __future__ import annotations

import itertools
import math
from typing import Any

import graphc as gc
from conformance.table.entries import as_list, plain, refuse


def _expanded(input: Any, sizes: Any) -> Any:
    """-1 keeps a size, counted from the last."""
    missing = len(sizes) - input.ndim
    kept = [n if n != -1 else input.shape[k - missing] for k, n in enumerate(sizes)]
    return gc.broadcast_to(input, kept)


def _summed_to(input: Any, *sizes: Any) -> Any:
    shape = tuple(sizes[0]) if isinstance(sizes[0], list | tuple) else sizes
    lead = input.ndim - len(shape)
    ones = [k + lead for k, n in enumerate(shape) if n == 1 and input.shape[k + lead] != 1]
    found = gc.sum(input, [*range(lead), *ones])
    return gc.reshape(found, shape)


def _sections(x: Any, size: int, dim: int) -> list[int]:
    """Parts of a size along a dim, the last of what is left."""
    whole = x.shape[dim]
    return [min(size, whole - start) for start in range(0, whole, size)]


def _split(tensor: Any, split_size_or_sections: Any, dim: int = 0) -> Any:
    sizes = split_size_or_sections
    sizes = _sections(tensor, sizes, dim) if isinstance(sizes, int) else sizes
    return gc.split(tensor, sizes, axis=dim)


def _chunked(input: Any, chunks: int, dim: int = 0) -> Any:
    return _split(input, math.ceil(input.shape[dim] / chunks), dim)


def _cut_at(input: Any, places: Any, dim: int = 0) -> Any:
    """`tensor_split`: a number of parts, or the places between them."""
    refuse(isinstance(places, gc.Tensor), "places to cut at that are known only when it runs")
    whole = input.shape[dim]
    if isinstance(places, int):
        part, rest = divmod(whole, places)
        sizes = [part + (k < rest) for k in range(places)]
        return gc.split(input, sizes, axis=dim)
    edges = [0, *places, whole]
    return [
        input[(slice(None),) * (dim % input.ndim) + (slice(a, b),)]
        for a, b in itertools.pairwise(edges)
    ]


def _narrowed(input: Any, dim: int, start: Any, length: int) -> Any:
    refuse(isinstance(start, gc.Tensor), "a start that is known only when it runs")
    return _sliced(input, dim, start, start + length)


def _sliced(
    input: Any, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Any:
    return input[(slice(None),) * (dim % input.ndim) + (slice(start, end, step),)]


def _selected(input: Any, dim: int, index: int) -> Any:
    return input[(slice(None),) * (dim % input.ndim) + (index,)]


def _squeezed(input: Any, dim: Any = None) -> Any:
    if input.ndim == 0:
        return gc.identity(input)
    dims = range(input.ndim) if dim is None else as_list(dim)
    return gc.squeeze(input, [k for k in dims if input.shape[k] == 1])


def _repeated(input: Any, repeats: Any) -> Any:
    return gc.tile(input, list(repeats))


def _interleaved(
    input: Any, repeats: Any, dim: int | None = None, *, output_size: int | None = None
) -> Any:
    refuse(isinstance(repeats, gc.Tensor), "repetitions that are known only when it runs")
    return gc.repeat(input, repeats, axis=dim)


def _moved(input: Any, source: Any, destination: Any) -> Any:
    return gc.moveaxis(input, source, destination)


def _swapped(input: Any, dim0: int, dim1: int) -> Any:
    if input.ndim == 0:
        return gc.identity(input)
    order = list(range(input.ndim))
    order[dim0], order[dim1] = order[dim1], order[dim0]
    return gc.permute_dims(input, order)


def _flattened(input: Any, start_dim: int = 0, end_dim: int = -1) -> Any:
    if input.ndim == 0:
        return gc.reshape(input, (1,))
    first, last = start_dim % input.ndim, end_dim % input.ndim
    middle = math.prod(input.shape[first : last + 1])
    return gc.reshape(input, (*input.shape[:first], middle, *input.shape[last + 1 :]))


def _unflattened(input: Any, dim: int, sizes: Any) -> Any:
    k = dim % input.ndim
    rest = math.prod(n for n in sizes if n != -1)
    full = [input.shape[k] // rest if n == -1 else n for n in sizes]
    return gc.reshape(input, (*input.shape[:k], *full, *input.shape[k + 1 :]))


def _at_least(rank: int, before: tuple[int, ...]) -> Any:
    """Dims of size 1 added until there are so many: `before` says how many of them in front."""

    def grown(x: Any) -> Any:
        missing = max(rank - x.ndim, 0)
        front = before[x.ndim] if x.ndim < rank else 0
        return gc.reshape(x, ((1,) * front) + x.shape + (1,) * (missing - front))

    def apply(*tensors: Any) -> Any:
        return [grown(x) for x in (tensors[0] if isinstance(tensors[0], list | tuple) else tensors)]

    return apply


_at_least_1d, _at_least_2d, _at_least_3d = (
    _at_least(1, (0,)), _at_least(2, (2, 1)), _at_least(3, (3, 1, 0))
)  # fmt: skip


def _column_stacked(tensors: Any) -> Any:
    return gc.concat([gc.reshape(x, (x.size, 1)) if x.ndim < 2 else x for x in tensors], axis=1)


def _h_stacked(tensors: Any) -> Any:
    rows = _at_least_1d(tensors)
    return gc.concat(rows, axis=0 if rows[0].ndim == 1 else 1)


def _products(*tensors: Any) -> Any:
    if len(tensors) == 1:
        return gc.identity(tensors[0])
    grid = gc.meshgrid(*tensors, indexing="ij")
    return gc.stack([gc.flatten(x) for x in grid], axis=-1)


def _combinations(input: Any, r: int = 2, with_replacement: bool = False) -> Any:
    chosen = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    rows = list(chosen(range(input.shape[0]), r))
    if not rows:
        return gc.reshape(input[:0], (0, r))
    return gc.take(input, [list(row) for row in rows])


def _rotated(input: Any, k: int = 1, dims: Any = (0, 1)) -> Any:
    return gc.rot90(input, k, axes=tuple(dims))


def _rolled(input: Any, shifts: Any, dims: Any = None) -> Any:
    if dims is None or input.ndim == 0:
        return gc.roll(input, shifts)
    return gc.roll(input, shifts, axis=dims)


_PADDING: dict[str, Any] = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def _padded(input: Any, pad: Any, mode: str = "constant", value: float | None = 0) -> Any:
    """PyTorch counts the dims from the last, and cuts off where a width is negative."""
    pairs = [(0, 0)] * (input.ndim - len(pad) // 2)
    pairs += [(pad[k], pad[k + 1]) for k in range(len(pad) - 2, -1, -2)]
    cuts = [(max(-low, 0), max(-high, 0)) for low, high in pairs]
    input = input[tuple(slice(a, n - b) for (a, b), n in zip(cuts, input.shape, strict=True))]
    pairs = [(max(low, 0), max(high, 0)) for low, high in pairs]
    if mode == "constant":
        return gc.pad(input, pairs, value or 0.0)
    return gc.pad(input, pairs, mode=_PADDING[mode])


def _stacked(rank_axis: int, grown: Any) -> Any:
    return lambda tensors: gc.concat(grown(tensors), axis=rank_axis)


def _meshgrid(*tensors: Any, indexing: Any = "ij") -> Any:
    several = tensors[0] if isinstance(tensors[0], list | tuple) else tensors
    return gc.meshgrid(*[gc.reshape(x, (x.size,)) for x in several], indexing=indexing)


def _viewed(input: Any, size: Any) -> Any:
    return gc.reshape(input, tuple(size))


def _unshuffled(input: Any, downscale_factor: int) -> Any:
    *lead, c, h, w = input.shape
    r = downscale_factor
    apart = gc.reshape(input, (*lead, c, h // r, r, w // r, r))
    k = len(lead)
    turned = gc.permute_dims(apart, (*range(k), k, k + 2, k + 4, k + 1, k + 3))
    return gc.reshape(turned, (*lead, c * r * r, h // r, w // r))


def _shuffled(input: Any, upscale_factor: int) -> Any:
    *lead, c, h, w = input.shape
    r = upscale_factor
    apart = gc.reshape(input, (*lead, c // (r * r), r, r, h, w))
    k = len(lead)
    turned = gc.permute_dims(apart, (*range(k), k, k + 3, k + 1, k + 4, k + 2))
    return gc.reshape(turned, (*lead, c // (r * r), h * r, w * r))


def _channels_shuffled(input: Any, groups: int) -> Any:
    n, c, *sizes = input.shape
    apart = gc.reshape(input, (n, groups, c // groups, *sizes))
    return gc.reshape(gc.moveaxis(apart, 1, 2), input.shape)


def _same(input: Any, *_: Any, **__: Any) -> Any:
    return gc.identity(input)


def _unsqueezed(input: Any, dim: int) -> Any:
    return gc.expand_dims(input, dim)


def _joined(tensors: Any, dim: int = 0) -> Any:
    """An empty vector, of whatever rank the others are, adds nothing."""
    kept = [x for x in tensors if x.shape != (0,)] or list(tensors)[:1]
    return gc.concat(kept, axis=dim)


TABLE = plain({
    "atleast_1d": lambda *tensors: _at_least_1d(*tensors),
    "atleast_2d": lambda *tensors: _at_least_2d(*tensors),
    "atleast_3d": lambda *tensors: _at_least_3d(*tensors),
    "block_diag": gc.linalg.block_diag,
    "broadcast_tensors": gc.broadcast_arrays,
    "broadcast_to": lambda input, size: gc.broadcast_to(input, tuple(size)),
    "cartesian_prod": _products,
    "cat": _joined,
    "chunk unsafe_chunk": _chunked,
    "clone contiguous alias_copy": _same,
    "column_stack": _column_stacked,
    "combinations": _combinations,
    "constant_pad_nd": lambda input, pad, value=0: _padded(input, pad, value=value),
    "dsplit": lambda input, parts: _cut_at(input, parts, 2),
    "dstack": _stacked(2, _at_least_3d),
    "expand expand_copy": _expanded,
    "expand_as": lambda input, other: gc.broadcast_to(input, other.shape),
    "flatten": _flattened,
    "flip": lambda input, dims: gc.flip(input, axis=list(dims)),
    "fliplr": lambda input: gc.flip(input, axis=1),
    "flipud": lambda input: gc.flip(input, axis=0),
    "hsplit": lambda input, parts: _cut_at(input, parts, 0 if input.ndim == 1 else 1),
    "hstack": _h_stacked,
    "meshgrid.variadic_tensors meshgrid.list_of_tensors": _meshgrid,
    "movedim": _moved,
    "mT mH": lambda input: gc.matrix_transpose(input),
    "narrow narrow_copy": _narrowed,
    "nn.functional.channel_shuffle": _channels_shuffled,
    "nn.functional.pad.constant nn.functional.pad.reflect": _padded,
    "nn.functional.pad.replicate nn.functional.pad.replicate_negative": _padded,
    "nn.functional.pad.circular": _padded,
    "nn.functional.pixel_shuffle": _shuffled,
    "nn.functional.pixel_unshuffle": _unshuffled,
    "permute permute_copy": lambda input, dims: gc.permute_dims(input, list(dims)),
    "ravel": gc.flatten,
    "repeat tile": _repeated,
    "repeat_interleave": _interleaved,
    "reshape view view_copy": _viewed,
    "reshape_as view_as": lambda input, other: gc.reshape(input, other.shape),
    "roll": _rolled,
    "rot90": _rotated,
    "select": _selected,
    "slice": _sliced,
    "split split.list_args unsafe_split split_with_sizes split_with_sizes_copy": _split,
    "squeeze squeeze.multiple squeeze_copy": _squeezed,
    "stack": lambda tensors, dim=0: gc.stack(tensors, axis=dim),
    "sum_to_size": _summed_to,
    "T t t_copy H": lambda input: gc.permute_dims(input, range(input.ndim)[::-1]),
    "tensor_split": _cut_at,
    "transpose transpose_copy": _swapped,
    "unbind unbind_copy": lambda input, dim=0: gc.unstack(input, axis=dim),
    "unflatten": _unflattened,
    "unsqueeze unsqueeze_copy": _unsqueezed,
    "vsplit": lambda input, parts: _cut_at(input, parts, 0),
    "vstack": _stacked(0, _at_least_2d),
})  # fmt: skip
