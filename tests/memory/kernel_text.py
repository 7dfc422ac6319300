"""Kernels written as text, for tests.

    for i < 4:
      fold r = sum:
        vector for j < n:
          r <- a[n*i + j]
      b[i] = f(r, a[n*i])

`b[at] sum= value` updates, `b[at] = sort value along j < n` sorts. Any letter not known otherwise
is a buffer, `f` an operation, C0 to C9 are numbers; the first loop is parallel. All is f32.
"""

from __future__ import annotations

import re
import textwrap
from typing import Any

from graphc.ir import scalar
from graphc.ir.dims import Size, maximum, minimum, symbol
from graphc.ir.dtypes import float32
from graphc.ir.scalar import Expr
from graphc.schedule.kernel import Argument, Kernel
from graphc.schedule.statements import (
    Axis,
    Combine,
    Fold,
    Loop,
    Reduction,
    Sort,
    Statement,
    Store,
    Update,
    walk,
)

Lines = list[tuple[int, str]]
_PLACE = r"(\w+)\[(.*?)\]"
#: Sizes that kernels may use without declaring them.
SIZES = ("n", "m")


class _Buffer:
    def __init__(self, name: str) -> None:
        self.name = name

    def __getitem__(self, offset: Size) -> Expr:
        return scalar.load(self.name, offset, float32)


class _Names(dict[str, Any]):
    """What expressions can name: what is known, else a buffer."""

    def __missing__(self, name: str) -> Any:
        if len(name) > 1:
            raise KeyError(name)
        return _Buffer(name)


def _operation(*args: Expr) -> Expr:
    return Expr("f", args, float32)


def kernel_of(text: str, *, parallel: bool = True) -> Kernel:
    """The kernel; its arguments are all buffers in order of their names, of unknown size."""
    lines = [
        (len(line) - len(line.lstrip()), line.strip())
        for line in textwrap.dedent(text).strip().splitlines()
    ]
    names = _Names({name: symbol(name) for name in SIZES}, max=maximum, min=minimum, f=_operation)
    names |= {f"C{k}": scalar.const(k, float32) for k in range(10)}
    body = _body(lines, names)
    stores = [one for one in walk(body) if isinstance(one, Store | Update | Sort)]
    written = {one.target for one in stores}
    loads = re.findall(r"\b([a-z])\[", text)
    arguments = tuple(
        Argument(name, float32, symbol("size"), name in written)
        for name in sorted({*written, *loads})
    )
    return Kernel(body, arguments, (), parallel and isinstance(body[0], Loop) and len(body) == 1)


def _body(lines: Lines, names: _Names) -> tuple[Statement, ...]:
    found: list[Statement] = []
    while lines:
        indent, head = lines[0]
        inner = 1
        while inner < len(lines) and lines[inner][0] > indent:
            inner += 1
        found.append(_statement(head, lines[1:inner], names))
        lines = lines[inner:]
    return tuple(found)


def _statement(head: str, inside: Lines, names: _Names) -> Statement:
    if match := re.fullmatch(r"(vector )?for (\w+) < (.*):", head):
        vector, name, extent = match.groups()
        axis = _axis(name, extent, names)
        inner = _Names({**names, name: axis.position})
        return Loop(axis, _body(inside, inner), vector is not None)
    if match := re.fullmatch(r"fold (\w+) = (lanes )?(\w+):", head):
        name, lanes, combiner = match.groups()
        names[name] = scalar.local(f"%{name}", float32)
        reduction = Reduction(f"%{name}", combiner, float32, float32, lanes is not None)
        return Fold((reduction,), _body(inside, names))
    if match := re.fullmatch(r"(\w+) <- (.*)", head):
        name, value = match.groups()
        return Combine(f"%{name}", (_value(value, names),))
    if match := re.fullmatch(_PLACE + r" = sort (.*) along (\w+) < (.*)", head):
        target, offset, key, name, extent = match.groups()
        axis = _axis(name, extent, names)
        inner = _Names({**names, name: axis.position})
        at = _value(offset, inner)
        return Sort(axis, _value(key, inner), "keys", "places", target, at, False)
    if match := re.fullmatch(_PLACE + r" (\w+)= (.*)", head):
        target, offset, combiner, value = match.groups()
        return Update(target, _value(offset, names), combiner, _value(value, names))
    match = re.fullmatch(_PLACE + r" = (.*)", head)
    assert match, head
    target, offset, value = match.groups()
    return Store(target, _value(offset, names), _value(value, names))


def _axis(name: str, extent: str, names: _Names) -> Axis:
    return Axis(name, _value(extent, names))


def _value(text: str, names: _Names) -> Any:
    return eval(text, {"__builtins__": {}}, names)
