"""`i64 graphc_interrupted(status)`: whether a Ctrl-C, or another signal, is to end the run.

It lets Python call the handlers of signals that have come. If one of them raises, the exception is
left in `status` behind `INTERRUPTED`, as an address with a reference to it. It is called without
the GIL; only on Python's main thread does it find anything.
"""

from __future__ import annotations

from llvmlite import ir

from graphc.codegen.calls.writer import NULL, ZERO, Writer
from graphc.codegen.target import Target
from graphc.codegen.values import I32, I64, POINTER, VOID

INTERRUPTED_NAME = "graphc_interrupted"

#: What a program has in the first word of `status` instead of the number of a check.
INTERRUPTED, OUT_OF_MEMORY = -1, -2


def emit_interrupted(target: Target) -> ir.Module:
    """The module of the function, which takes Python's C API from the process."""
    module = ir.Module(name=INTERRUPTED_NAME)
    module.triple = target.triple
    w = Writer(module, INTERRUPTED_NAME, I64, [POINTER])
    (status,) = w.arguments
    kind, value, trace = (w.variable(NULL) for _ in range(3))
    state = w.call("PyGILState_Ensure", result=I32)
    raised = w.call("PyErr_CheckSignals", result=I32)
    with w.when(w.builder.icmp_signed("==", raised, I32(0)), likely=True):
        w.call("PyGILState_Release", state, result=VOID)
        w.leave(ZERO)
    w.call("PyErr_Fetch", kind, value, trace, result=VOID)
    w.call("PyErr_NormalizeException", kind, value, trace, result=VOID)
    w.store(I64(INTERRUPTED), status, 0)
    w.store(w.pointer(value, 0), status, 1)
    for extra in (kind, trace):
        w.call("Py_DecRef", w.pointer(extra, 0), result=VOID)  # which may be null
    w.call("PyGILState_Release", state, result=VOID)
    w.leave(I64(1))
    return module
