"""What the shapes of feeds say: a value for every symbolic dim, and whether guards hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from graphc.codegen.executable import Input
from graphc.errors import DimError, FeedError, GuardError
from graphc.ir import dims
from graphc.ir.dims import Dim, Guard, Size

Shape = tuple[int, ...]
#: For each symbol the input and the axis that fix its size.
Origins = dict[str, tuple[Input, int]]


def bind(
    inputs: Sequence[Input], shapes: Sequence[Shape], guards: Sequence[Guard]
) -> dict[str, int]:
    """Sizes of all symbols that the inputs declare.

    FeedError names the input whose shape does not fit, GuardError the inputs whose sizes must
    agree and do not.
    """
    sizes: dict[str, int] = {}
    origin: Origins = {}
    for declared, shape in zip(inputs, shapes, strict=True):
        _check_rank(declared, shape)
        for axis, (dim, size) in enumerate(zip(declared.shape, shape, strict=True)):
            if isinstance(dim, Dim) and dims.symbols(dim) == {str(dim)}:
                _bind_one(str(dim), size, declared, axis, sizes, origin)
    _solve_expressions(inputs, shapes, sizes, origin)
    for declared, shape in zip(inputs, shapes, strict=True):
        _check_sizes(declared, shape, sizes, origin)
    _check_guards(guards, sizes, origin)
    return sizes


def _check_rank(declared: Input, shape: Shape) -> None:
    if len(shape) != len(declared.shape):
        raise FeedError(
            f"{declared.name} is declared with {len(declared.shape)} dims, "
            f"[{_text(declared.shape)}], but is fed an array of shape {list(shape)}",
            location=declared.location,
        )


def _bind_one(
    name: str,
    size: int,
    declared: Input,
    axis: int,
    sizes: dict[str, int],
    origin: Origins,
) -> None:
    if sizes.setdefault(name, size) != size:
        raise GuardError(
            f"the dim {name} is {sizes[name]} in {_place(origin[name])} but {size} in "
            f"{_place((declared, axis))}; dims of one name must be fed with one size",
            location=declared.location,
        )
    origin.setdefault(name, (declared, axis))


def _solve_expressions(
    inputs: Sequence[Input],
    shapes: Sequence[Shape],
    sizes: dict[str, int],
    origin: Origins,
) -> None:
    """Find symbols that stand in no dim alone, such as n in 2*n + 1."""
    known = -1
    while known < len(sizes):  # what is found may leave a single unknown in a dim seen before
        known = len(sizes)
        for declared, shape in zip(inputs, shapes, strict=True):
            for axis, (dim, size) in enumerate(zip(declared.shape, shape, strict=True)):
                unknown = dims.symbols(dim) - sizes.keys()
                if len(unknown) == 1:
                    (name,) = unknown
                    _solve(name, dim, size, declared, axis, sizes)
                    origin.setdefault(name, (declared, axis))
    missing = {name for i in inputs for dim in i.shape for name in dims.symbols(dim)} - sizes.keys()
    if missing:
        raise FeedError(
            f"the sizes fed do not determine the dim {min(missing)}; "
            "declare it alone as a dim of some placeholder"
        )


def _solve(
    name: str, dim: Size, size: int, declared: Input, axis: int, sizes: dict[str, int]
) -> None:
    split = dims.affine(dims.substitute(dim, sizes), dims.Symbol(name))
    if split is None or not isinstance(split[0], int) or not isinstance(split[1], int):
        return
    if split[0] == 0:  # as in n*m with m = 0: any n will do
        return
    value, left_over = divmod(size - split[1], split[0])
    if left_over or value < 0:
        raise FeedError(
            f"axis {axis} of {declared.name} is declared as {dim}, which cannot be {size}",
            location=declared.location,
        )
    sizes[name] = value


def _check_sizes(declared: Input, shape: Shape, sizes: Mapping[str, int], origin: Origins) -> None:
    for axis, (dim, size) in enumerate(zip(declared.shape, shape, strict=True)):
        wanted = dims.evaluate(dim, sizes)
        if wanted != size:
            names = sorted(dims.symbols(dim))
            known = "".join(f", with {name} from {_place(origin[name])}" for name in names)
            raise FeedError(
                f"axis {axis} of {declared.name} is declared as {dim}"
                f"{f' = {wanted}{known}' if known else ''}, but is fed with size {size}",
                location=declared.location,
            )


def _check_guards(guards: Sequence[Guard], sizes: Mapping[str, int], origin: Origins) -> None:
    for guard in guards:
        try:
            left, right = dims.evaluate(guard.left, sizes), dims.evaluate(guard.right, sizes)
        except DimError as reason:  # a division by a size of 0
            raise GuardError(f"the program relies on {guard}, but {reason.message}") from None
        if left != right:
            sides = ((guard.left, left), (guard.right, right))
            symbolic = [(dim, size) for dim, size in sides if isinstance(dim, Dim)]
            found = " and ".join(f"{dim} is {size}{_from(dim, origin)}" for dim, size in symbolic)
            first = min(dims.symbols(symbolic[0][0]))
            raise GuardError(
                f"the program relies on {guard}, but {found}", location=origin[first][0].location
            )


def _from(dim: Size, origin: Origins) -> str:
    return f" by {', '.join(_place(origin[name]) for name in sorted(dims.symbols(dim)))}"


def _place(place: tuple[Input, int]) -> str:
    declared, axis = place
    return f"{declared.name} (axis {axis})"


def _text(shape: tuple[Size, ...]) -> str:
    return ", ".join(map(str, shape))
