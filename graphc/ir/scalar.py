"""Scalar expressions: what one element of a result is, in terms of elements of other buffers.

This is the language in which ops declare how they are computed (`lowering.py`) and from which
kernels are made. An expression says nothing about loops, vectors or the target machine.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from weakref import WeakValueDictionary

from graphc.ir import dims
from graphc.ir.dims import Atom, Size
from graphc.ir.dtypes import DType, bool_, int64

Index = tuple[Size, ...]


_expressions: WeakValueDictionary[tuple[Any, ...], Expr] = WeakValueDictionary()


class Expr:
    """One scalar value: an operation on other expressions. Immutable, equal by structure.

    `name` is one of `const`, `index`, `load`, `local`, `checked`, or a scalar operation that the
    code generator knows; `data` holds what is not an expression (a constant, an offset).
    """

    __slots__ = ("__weakref__", "args", "data", "dtype", "name", "operands")

    name: str
    args: tuple[Expr, ...]
    dtype: DType
    data: Any
    #: The arguments and the expressions inside the indices.
    operands: tuple[Expr, ...]

    def __new__(
        cls, name: str, args: tuple[Expr, ...], dtype: DType, data: Hashable = None
    ) -> Expr:
        """The expression of these parts, always the same object, so that equality is identity."""
        key = (name, args, dtype, data)
        found = _expressions.get(key)
        if found is None:
            found = super().__new__(cls)
            found.name, found.args, found.dtype, found.data = key
            inner = [value for size in found.indices() for value in opaque_values(size)]
            found.operands = (*args, *inner)
            found = _expressions.setdefault(key, found)
        return found

    def __str__(self) -> str:
        return self.text({})

    __repr__ = __str__

    def text(self, names: Mapping[Expr, str]) -> str:
        """The expression in words, with the names of those of its parts that have one."""
        if self in names:
            return names[self]
        inner = ", ".join(arg.text(names) for arg in self.args)
        match self.name:
            case "const" | "index" | "local":
                return f"{self.data}"
            case "load":
                source, offset = self.data
                return f"{source}[{offset}]" + (f" if {inner}" if inner else "")
            case "checked":
                extent, _ = self.data
                return f"checked({inner}, {extent})"
            case "cast":
                return f"{self.dtype}({inner})"
            case _:
                return f"{self.name}({inner})"

    @property
    def source(self) -> Any:
        """The buffer that a load reads."""
        return self.data[0]

    @property
    def offset(self) -> Size:
        """The position, in elements, that a load reads."""
        offset: Size = self.data[1]
        return offset

    def indices(self) -> tuple[Size, ...]:
        """The sizes and positions in the expression's own data (not in its arguments')."""
        match self.name:
            case "index":
                return (self.data,)
            case "load":
                return (self.offset,)
            case "checked":
                return (self.data[0],)
            case _:
                return ()

    def depends_on(self, atom: Atom) -> bool:
        """Whether the value changes with the atom (a loop axis)."""
        return any(
            any(dims.depends_on(size, atom) for size in expr.indices()) for expr in walk((self,))
        )

    def substitute(self, values: Mapping[str, Size]) -> Expr:
        """The expression with symbols in all its indices replaced."""
        return rebuild(self, lambda expr: _substitute_own(expr, values))


def _substitute_own(expr: Expr, values: Mapping[str, Size]) -> Expr:
    match expr.name:
        case "index":
            return index(dims.substitute(expr.data, values))
        case "load":
            data = (expr.source, dims.substitute(expr.offset, values))
            return Expr("load", expr.args, expr.dtype, data)
        case "checked":
            extent, site = expr.data
            return Expr("checked", expr.args, expr.dtype, (dims.substitute(extent, values), site))
        case _:
            return expr


def walk(roots: tuple[Expr, ...]) -> Iterator[Expr]:
    """Every expression reachable, arguments before users, each once."""
    seen: set[Expr] = set()
    stack = list(reversed(roots))
    while stack:
        expr = stack[-1]
        missing = [inner for inner in expr.operands if inner not in seen]
        if missing:
            stack.extend(reversed(missing))
            continue
        stack.pop()
        if expr not in seen:
            seen.add(expr)
            yield expr


def opaque_values(size: Size) -> list[Expr]:
    """The expressions that a position depends on (indices that the program computes)."""
    if isinstance(size, int):
        return []
    found: list[Expr] = []
    for atom in size.atoms():
        match atom:
            case dims.Opaque(value, _):
                found.append(value)  # type: ignore[arg-type]
            case dims.Quotient(a, b) | dims.Remainder(a, b) | dims.Maximum(a, b):
                found.extend(opaque_values(a) + opaque_values(b))
            case _:
                pass
    return found


def rebuild(root: Expr, change: Callable[[Expr], Expr]) -> Expr:
    """The expression with `change` applied to every part, arguments first."""
    done: dict[Expr, Expr] = {}
    for expr in walk((root,)):
        args = tuple(done[arg] for arg in expr.args)
        same = all(new is old for new, old in zip(args, expr.args, strict=True))
        done[expr] = change(expr if same else Expr(expr.name, args, expr.dtype, expr.data))
    return done[root]


def const(value: bool | int | float, dtype: DType) -> Expr:
    """A literal; kept as its bits' text so that NaN equals itself and -0.0 differs from 0.0."""
    exact = dtype.numpy.type(value)
    text = float(exact).hex() if dtype.is_float else str(int(exact))
    return Expr("const", (), dtype, text)


def constant_value(expr: Expr) -> bool | int | float:
    """The literal of a `const`."""
    text = str(expr.data)
    if expr.dtype.is_float:
        return float.fromhex(text)
    return bool(int(text)) if expr.dtype.is_bool else int(text)


def index(position: Size) -> Expr:
    """A position or size as an int64 value."""
    return (
        const(position, int64) if isinstance(position, int) else Expr("index", (), int64, position)
    )


def load(source: Hashable, offset: Size, dtype: DType, where: Expr | None = None) -> Expr:
    """The element of a buffer at an offset; where the condition is false, zero, unread."""
    return Expr("load", () if where is None else (where,), dtype, (source, offset))


def local(name: str, dtype: DType) -> Expr:
    """A value that an earlier stage of the kernel has left at this point of the domain."""
    return Expr("local", (), dtype, name)


@dataclass(frozen=True, slots=True)
class Site:
    """Where an index is checked: the node that reads there, and the axis of what it reads."""

    node: Hashable
    axis: int


def checked(value: Expr, extent: Size, site: Site, where: Expr | None = None) -> Expr:
    """An int64 index wrapped from below (-1 is the last) and checked against the extent.

    Out of range it is reported at run time under `site` and replaced by 0.
    """
    args = (cast(value, int64),) if where is None else (cast(value, int64), where)
    return Expr("checked", args, int64, (extent, site))


def is_in_range(value: Expr, extent: Size) -> Expr:
    """Whether an int64 index, wrapped from below, lies inside the extent."""
    position = cast(value, int64)
    top = index(extent)
    return logical_and(
        op("ge", bool_, position, op("neg", int64, top)), op("lt", bool_, position, top)
    )


def op(name: str, dtype: DType, *args: Expr) -> Expr:
    """A scalar operation of the code generator, by name."""
    return Expr(name, args, dtype)


def same(name: str, *args: Expr) -> Expr:
    """An operation whose result has its first operand's dtype."""
    return Expr(name, args, args[0].dtype)


def compare(name: str, left: Expr, right: Expr) -> Expr:
    """eq, ne, lt, le, gt or ge."""
    return Expr(name, (left, right), bool_)


def cast(value: Expr, dtype: DType) -> Expr:
    """The value converted; itself if it has the dtype."""
    return value if value.dtype is dtype else Expr("cast", (value,), dtype)


def select(condition: Expr, then: Expr, otherwise: Expr) -> Expr:
    """`then` where the condition holds; both sides are computed."""
    return Expr("select", (condition, then, otherwise), then.dtype)


def conditions(expr: Expr) -> list[Expr]:
    """The conditions that are put together as one."""
    if expr.name != "and":
        return [expr]
    return [part for arg in expr.args for part in conditions(arg)]


def logical_and(*conditions: Expr | None) -> Expr:
    """All of the conditions that are given (true for none)."""
    given = [condition for condition in conditions if condition is not None]
    total = given[0] if given else const(True, bool_)
    for condition in given[1:]:
        total = Expr("and", (total, condition), bool_)
    return total


def in_bounds(position: Size, extent: Size) -> Expr | None:
    """0 <= position < extent as a condition; None when it always holds."""
    parts = []
    if not dims.is_nonnegative(position):
        parts.append(compare("ge", index(position), const(0, int64)))
    if not dims.is_nonnegative(extent - 1 - position):
        parts.append(compare("lt", index(position), index(extent)))
    return logical_and(*parts) if parts else None
