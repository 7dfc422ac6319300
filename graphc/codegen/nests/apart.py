"""Loops that are functions of their own, called from where they stand.

What a kernel does after a product is worked out as in a kernel without one. The tiles of a product
are calls, which leave nothing in vector registers, so numbers that a loop needs again and again
would be loaded for each row if it were part of the same function.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from llvmlite import ir

from graphc.codegen.scopes import LINE, Scopes
from graphc.codegen.values import I8, I64, POINTER, VOID
from graphc.ir import dims, scalar
from graphc.schedule.statements import (
    Combine,
    Fold,
    Loop,
    Store,
    Update,
    axes_of,
    roots_of,
    sizes_of,
    walk,
)

if TYPE_CHECKING:
    from graphc.codegen.nests.statements import Statements


def may_be_apart(loop: Loop) -> bool:
    """Whether a loop needs nothing from around it but buffers, sizes and positions."""
    kinds = all(isinstance(one, Loop | Fold | Combine | Store | Update) for one in walk((loop,)))
    if not kinds or not any(isinstance(one, Loop) for one in walk(loop.body)):
        return False
    own = {r.result for one in walk((loop,)) if isinstance(one, Fold) for r in one.reductions}
    exprs = scalar.walk(tuple(expr for one in walk((loop,)) for expr in roots_of(one)))
    return all(
        expr.name != "checked" and (expr.name != "local" or str(expr.data) in own) for expr in exprs
    )


def emit_apart(around: Statements, loop: Loop) -> None:
    """Call a function that is the loop."""
    elements, scopes = around.elements, around.scopes
    buffers, sizes = _buffers(loop), _sizes(loop)
    function = _function(scopes, [POINTER] * (2 + len(buffers)) + [I64] * len(sizes))
    room, status, *others = function.args
    inner = Scopes(function, room)
    pointers = dict(zip(buffers, others[: len(buffers)], strict=True))
    for name, pointer in pointers.items():
        if name not in elements.shared:
            pointer.add_attribute("noalias")
    for name, value in zip(sizes, others[len(buffers) :], strict=True):
        inner.bind(name, value)
    found = {name: (pointer, elements.buffers[name][1]) for name, pointer in pointers.items()}
    made = replace(elements, scopes=inner, buffers=found, status=status)
    around.within(made).emit((loop,))
    inner.builder.ret_void()
    memory = scopes.allocate(I8, max(inner.room_bytes, 1), LINE)
    given = [elements.buffers[name][0] for name in buffers] + [scopes.find(name) for name in sizes]
    scopes.builder.call(function, [memory, elements.status, *given])


def _function(scopes: Scopes, parameters: list[ir.Type]) -> ir.Function:
    module, name = scopes.builder.module, f"{scopes.function.name}.rows"
    kind = ir.FunctionType(VOID, parameters)
    function = ir.Function(module, kind, name=module.get_unique_name(name))
    function.linkage = "internal"
    for attribute in ("nounwind", "noinline"):
        function.attributes.add(attribute)
    return function


def _buffers(loop: Loop) -> list[str]:
    """What a loop reads and stores to."""
    names: dict[str, None] = {}
    for one in walk((loop,)):
        if isinstance(one, Store | Update):
            names.setdefault(one.target)
        for expr in scalar.walk(roots_of(one)):
            if expr.name == "load":
                names.setdefault(str(expr.source))
    return list(names)


def _sizes(loop: Loop) -> list[str]:
    """The dims and positions from around a loop that are in it."""
    own = {axis.name for one in walk((loop,)) for axis in axes_of(one)}
    found: set[str] = set()
    for one in walk((loop,)):
        for size in sizes_of(one):
            found |= dims.symbols(size)
        for expr in scalar.walk(roots_of(one)):
            for size in expr.indices():
                found |= dims.symbols(size)
        if isinstance(one, Fold):
            for reduction in one.reductions:
                found |= dims.symbols(0 if reduction.position is None else reduction.position)
    return sorted(found - own)
