"""Objects that are made once for a target, and that all programs share."""

from __future__ import annotations

from collections.abc import Callable

from llvmlite import ir

from graphc.codegen.caching.compiled_code import object_of_part
from graphc.codegen.target import Target
from graphc.codegen.translation import object_codes

#: What emits such an object, in a module of its own.
Emit = Callable[[ir.Module], object]

_made: dict[tuple[str, Target], bytes] = {}


def shared_object(name: str, emit: Emit, target: Target) -> bytes:
    """The object of a module that is emitted if nobody has asked for it before.

    The name says all that it depends on besides the target.
    """

    def make() -> bytes:
        module = ir.Module(name=name)
        module.triple = target.triple
        emit(module)
        return object_codes({name: module}, target)[name]

    if (name, target) not in _made:
        _made[name, target] = object_of_part(name, target, make)
    return _made[name, target]
