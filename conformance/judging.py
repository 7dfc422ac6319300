"""The verdict on a sample."""

from __future__ import annotations

from collections.abc import Sequence

from conformance.case import Array, Case, Refusal, Slot, Status, Translation, Verdict
from conformance.comparing import GRADIENTS, VALUES, Tolerance, difference
from conformance.native import Found, compute
from graphc.errors import GraphcError


def judge(case: Case, translation: Translation) -> Verdict:
    """graphc's results beside PyTorch's.

    An error that graphc raises on purpose is a refusal. Any other exception is a fault, and counts
    as disagreeing.
    """
    try:
        reason = _difference(case, compute(case, translation), translation)
    except (GraphcError, Refusal) as error:
        return _verdict(case, Status.REFUSED, _first_line(error))
    except Exception as error:  # a fault of graphc's or of the table's: reported, never passed over
        return _verdict(case, Status.DISAGREES, f"{type(error).__name__}: {_first_line(error)}")
    return _verdict(case, Status.DISAGREES if reason else Status.AGREES, reason)


def _difference(case: Case, found: Found, translation: Translation) -> str:
    values, gradients = VALUES.times(translation.slack), GRADIENTS.times(translation.slack)
    slopes, wanted = found.vjps, case.vjps
    if translation.comparable is not None:
        slopes, wanted = (translation.comparable(case, part) for part in (slopes, wanted))
    return _of_arrays("output", found.outputs, case.outputs, values) or _of_arrays(
        "vjp", slopes, wanted, gradients
    )


def _of_arrays(
    what: str, found: Sequence[Array], wanted: Sequence[Array], tolerance: Tolerance
) -> str:
    if len(found) != len(wanted):
        return f"{len(found)} {what}s instead of {len(wanted)}"
    for k, (ours, theirs) in enumerate(zip(found, wanted, strict=True)):
        reason = difference(ours, theirs, tolerance)
        if reason:
            return f"{what} {k}: {reason}"
    return ""


def _verdict(case: Case, status: Status, reason: str) -> Verdict:
    return Verdict(case.op, case.number, status, reason, call_text(case))


def _first_line(error: Exception) -> str:
    return str(error).split("\n", 1)[0]


def call_text(case: Case) -> str:
    """The call of a sample, with shapes in place of arrays."""
    parts = [_text(case, part) for part in case.args]
    parts += [f"{key}={_text(case, part)}" for key, part in case.kwargs.items()]
    return f"{case.op}({', '.join(parts)})"


def _text(case: Case, part: object) -> str:
    if isinstance(part, Slot):
        array = case.arrays[part.number]
        return f"{array.dtype}{list(array.shape)}"
    if isinstance(part, list | tuple):
        return f"[{', '.join(_text(case, each) for each in part)}]"
    return repr(part)
