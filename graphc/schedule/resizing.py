"""One kernel for launches that differ in how long they are.

A kernel over one vector, such as the update of a parameter, has its size compiled in. Where several
of a program are the same but for that, they become one kernel for any size, and each launch says
which size it is: twenty parameters take one function.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import replace

from graphc.ir import dims, scalar
from graphc.ir.dims import Size, Symbol, symbol
from graphc.ir.scalar import Expr
from graphc.schedule.collapse import rebuilt
from graphc.schedule.kernel import Kernel, Launch, Schedule
from graphc.schedule.statements import Axis, Fold, Loop, Statement, walk

#: What the size is called in kernels for any; no dim of a program can have this name.
ANY_SIZE = "$n"


def with_common_kernels(schedule: Schedule) -> Schedule:
    """The schedule with kernels that differ in size alone made one."""
    general: dict[Hashable, Kernel] = {}
    members: dict[Hashable, set[Hashable]] = {}
    for kernel in schedule.distinct():
        made = _for_any_size(kernel)
        if made is not None:
            general[kernel.key()] = made
            members.setdefault(made.key(), set()).add(kernel.key())
    common = {key: kernel for key, kernel in general.items() if len(members[kernel.key()]) > 1}
    launches = tuple(
        _resized(launch, common[launch.kernel.key()]) if launch.kernel.key() in common else launch
        for launch in schedule.launches
    )
    return replace(schedule, launches=launches)


def _resized(launch: Launch, kernel: Kernel) -> Launch:
    (loop,) = launch.kernel.body
    assert isinstance(loop, Loop)
    return replace(launch, kernel=kernel, sizes=((ANY_SIZE, loop.axis.extent),))


def _for_any_size(kernel: Kernel) -> Kernel | None:
    """The kernel with a symbol for the extent of its only vector; None if it is of another form.

    Its elements are at the loop's position, or there and a multiple of something further on.
    """
    loop = kernel.body[0] if kernel.parallel and not kernel.sites else None
    if not isinstance(loop, Loop) or not loop.vector or loop.axis.extent in (0, 1):
        return None
    axis = Axis("$0", symbol(ANY_SIZE))
    inside = [one.axis for one in walk(loop.body) if isinstance(one, Loop)]
    names = {inner.name: f"${k + 1}" for k, inner in enumerate(inside)}
    move = _Move(loop.axis, axis, [(inner, names[inner.name]) for inner in inside])
    try:
        body = rebuilt(loop.body, lambda expr: scalar.rebuild(expr, move.own), move.offset)
    except _OfAnotherFormError:
        return None
    body = _renamed(body, names)
    arguments = tuple(
        replace(argument, size=move.total(argument.size)) for argument in kernel.arguments
    )
    return replace(kernel, body=(replace(loop, axis=axis, body=body),), arguments=arguments)


def _renamed(body: tuple[Statement, ...], names: Mapping[str, str]) -> tuple[Statement, ...]:
    """The statements with the axes of loops renamed."""
    found: list[Statement] = []
    for statement in body:
        if isinstance(statement, Loop | Fold):
            statement = replace(statement, body=_renamed(statement.body, names))
        if isinstance(statement, Loop):
            axis = replace(statement.axis, name=names[statement.axis.name])
            statement = replace(statement, axis=axis)
        found.append(statement)
    return tuple(found)


class _OfAnotherFormError(Exception):
    """An offset depends on the size in a way that is not looked for."""


class _Move:
    """Takes offsets along one axis to those along another, of any extent."""

    def __init__(self, old: Axis, new: Axis, inside: list[tuple[Axis, str]]) -> None:
        self.old, self.new = old, new
        self.symbol = old.symbol
        self.inside = {axis.symbol: replace(axis, name=name) for axis, name in inside}

    def offset(self, size: Size) -> Size:
        """position + E*k + c becomes position + $n*k + c, for the extent E of the old axis."""
        if isinstance(size, int):
            return size
        stride, rest = self._split(size, self.symbol)
        moved: Size = 0
        if stride != 0:
            if stride != 1:
                raise _OfAnotherFormError
            moved = self.new.position
        for atom, axis in self.inside.items():
            step, rest = self._split(rest, atom)
            moved += (self.new.extent if step == self.old.extent else step) * axis.position
        if not isinstance(rest, int) and self._depends(rest):
            raise _OfAnotherFormError
        return moved + rest

    def _split(self, size: Size, atom: Symbol) -> tuple[Size, Size]:
        split = dims.affine(size, atom)
        if split is None or self._depends(split[0]):
            raise _OfAnotherFormError
        return split

    def _depends(self, size: Size) -> bool:
        atoms = (self.symbol, *self.inside)
        return bool(scalar.opaque_values(size)) or any(dims.depends_on(size, a) for a in atoms)

    def own(self, expr: Expr) -> Expr:
        """An expression with the positions in its own data moved."""
        match expr.name:
            case "index":
                return scalar.index(self.offset(expr.data))
            case "load":
                return Expr("load", expr.args, expr.dtype, (expr.source, self.offset(expr.offset)))
            case "checked":
                raise _OfAnotherFormError
            case _:
                return expr

    def total(self, size: Size) -> Size:
        """A number of elements, which may be a multiple of the extent."""
        if size == self.old.extent:
            return self.new.extent
        many, rest = dims.divide(size, self.old.extent)
        return many * self.new.extent if rest == 0 and many != 0 else size
