"""A kernel as one LLVM function.

The function takes the kernel's buffers, the sizes of its symbolic dims, a place to report a
failed check and the number of the first of its checked sites.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from llvmlite import ir

from graphc.codegen.elements import Elements
from graphc.codegen.scopes import Scopes
from graphc.codegen.stages import Stages
from graphc.codegen.target import Target
from graphc.codegen.values import I64, POINTER, VOID
from graphc.ir import dims
from graphc.schedule.kernel import Axis, Kernel

#: No wider than this many lanes, whatever the element: index vectors are of 64-bit integers.
MOST_LANES = 16


def symbol_names(kernel: Kernel) -> tuple[str, ...]:
    """The symbolic dims whose sizes the kernel's function takes, in order."""
    own = {axis.name for axis in kernel.domain}
    own |= {axis.name for stage in kernel.stages for axis in stage.axes}
    found: set[str] = set()
    for axis in (*kernel.domain, *(axis for stage in kernel.stages for axis in stage.axes)):
        found |= dims.symbols(axis.extent)
    for stage in kernel.stages:
        if hasattr(stage, "offset"):
            found |= dims.symbols(stage.offset)
    for expr in kernel.expressions():
        for size in expr.indices():
            found |= dims.symbols(size)
    return tuple(sorted(found - own))


def lanes_for(kernel: Kernel, target: Target) -> int:
    """Positions worked on together: as many of the widest element as a register holds."""
    if kernel.vector is None and not any(stage.axes for stage in kernel.stages):
        return 1
    widest = max((argument.dtype.bits for argument in kernel.arguments), default=32)
    return max(2, min(MOST_LANES, target.vector_bits // max(widest, 8)))


def emit_kernel(module: ir.Module, name: str, kernel: Kernel, target: Target) -> ir.Function:
    """Add the kernel's function to a module."""
    symbols = symbol_names(kernel)
    parameters = [POINTER] * len(kernel.arguments) + [I64] * len(symbols) + [POINTER, I64]
    function = ir.Function(module, ir.FunctionType(VOID, parameters), name=name)
    function.attributes.add("nounwind")
    scopes = Scopes(function)
    elements = _elements(function, scopes, kernel, symbols)
    stages = Stages(elements, lanes_for(kernel, target))

    def body() -> None:
        for stage in kernel.stages:
            stages.emit(stage)

    with stages.guarded(kernel.domain):
        _over_domain(scopes, elements, kernel, stages.lanes, list(kernel.domain), body)
    scopes.builder.ret_void()
    return function


def _elements(
    function: ir.Function, scopes: Scopes, kernel: Kernel, symbols: Sequence[str]
) -> Elements:
    count = len(kernel.arguments)
    buffers = {}
    for argument, value in zip(kernel.arguments, function.args[:count], strict=True):
        value.name = argument.name
        value.add_attribute("noalias")  # buffers of one launch never overlap
        buffers[argument.name] = (value, argument.dtype)
    for name, value in zip(symbols, function.args[count:-2], strict=True):
        value.name = f"dim.{name}"
        scopes.bind(name, value)
    status, first_site = function.args[-2:]
    status.name, first_site.name = "status", "first_site"
    sites = {site: k for k, site in enumerate(kernel.sites)}
    return Elements(scopes, buffers, status, first_site, sites)


def _over_domain(
    scopes: Scopes, elements: Elements, kernel: Kernel, lanes: int, axes: list[Axis],
    body: Callable[[], None],
) -> None:  # fmt: skip
    """The body at every point of the domain, in windows along the kernel's vector axis."""
    if not axes:
        body()
        return
    axis, *rest = axes
    extent = elements.size(axis.extent)
    if axis.name == kernel.vector:
        scopes.each_window(axis.name, extent, lanes, body)
        return
    with scopes.loop(axis.name, extent):
        _over_domain(scopes, elements, kernel, lanes, rest, body)
