"""Running a program once or several times, with feeds that a user types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from time import perf_counter

import numpy as np

from graphc.compiler import declared_input
from graphc.errors import AttributeValueError, FeedError
from graphc.inspection.feeds import array_of
from graphc.inspection.target import Subject
from graphc.ir.node import Node
from graphc.ir.opdef import Array
from graphc.runtime.program import NativeProgram, Program, ReferenceProgram


@dataclass(frozen=True)
class Outcome:
    """What the last run gave: tensors by the names of their fetches, updates by variable.

    Times are in seconds; `kernels` and `launches` are 0 for the reference interpreter. `notices`
    tell what the user did not ask for.
    """

    results: Mapping[str, Array]
    updates: Mapping[str, Array]
    reference: bool
    compile_seconds: float
    run_seconds: tuple[float, ...]
    kernels: int
    launches: int
    notices: tuple[str, ...]


def run(
    subject: Subject,
    feeds: Mapping[str, str],
    *,
    reference: bool = False,
    repeat: int = 1,
    seed: int = 0,
) -> Outcome:
    """Compile a program (or interpret it with NumPy), and run it.

    `feeds` gives placeholders, and variables instead of their initial values, each as
    `feeds.array_of` reads it. Every run but the first starts with the variables that the one
    before left. FeedError for feeds that are missing, unknown or unfit; others of the session's.
    """
    if repeat < 1:
        raise AttributeValueError(f"cannot run {repeat} times")
    placeholders, variables = inputs(subject, feeds, seed)
    start = perf_counter()
    program: Program = (ReferenceProgram if reference else NativeProgram)(subject.graph)
    compile_seconds = perf_counter() - start
    seconds = []
    for _ in range(repeat):
        start = perf_counter()
        outputs, updates = program.run(placeholders, [*variables.values()])
        seconds.append(perf_counter() - start)
        variables |= dict(zip((node for node, _ in subject.graph.updates), updates, strict=True))
    compiled = program.executable
    return Outcome(
        results=_results(subject, outputs),
        updates=_updates(subject, updates),
        reference=reference,
        compile_seconds=compile_seconds,
        run_seconds=tuple(seconds),
        kernels=compiled.kernel_count if compiled else 0,
        launches=compiled.launch_count if compiled else 0,
        notices=notices(subject, feeds),
    )


def inputs(
    subject: Subject, feeds: Mapping[str, str], seed: int
) -> tuple[list[Array], dict[Node, Array]]:
    """What placeholders are fed, and what variables hold before the first run; see `run`."""
    check_names(subject, feeds)
    placeholders = [_fed(subject, node, feeds, seed) for node in subject.graph.placeholders]
    variables = {node: _value(subject, node, feeds, seed) for node in subject.graph.variables}
    return placeholders, variables


def notices(subject: Subject, feeds: Mapping[str, str]) -> tuple[str, ...]:
    """What a user may not expect of a run with these feeds."""
    variables = subject.graph.variables
    unknown = [node for node in variables if node not in subject.initial and node.name not in feeds]
    if not unknown:
        return ()
    names = ", ".join(str(node.name) for node in unknown)
    return (f"starting as zeros, since the file gives no values and none are fed: {names}",)


def check_names(subject: Subject, feeds: Mapping[str, str]) -> None:
    """FeedError for a feed of something that the program is not given."""
    known = [str(node.name) for node in subject.inputs]
    for name in feeds:
        if name not in known:
            close = get_close_matches(name, known, 1)
            have = f"it has {', '.join(known)}" if known else "it has none"
            hint = f"did you mean {close[0]}?" if close else have
            raise FeedError(f"the program has no input named {name}; {hint}")


def _fed(subject: Subject, node: Node, feeds: Mapping[str, str], seed: int) -> Array:
    declared = declared_input(node)
    if declared.name not in feeds:
        raise FeedError(
            f"the placeholder {declared.name}: {node.type} is needed and not fed; add "
            f"--feed {declared.name}=FILE.npy, or an expression: {_example(node)}",
            location=node.location,
        )
    return array_of(declared, feeds[declared.name], seed)


def _example(node: Node) -> str:
    """A feed that would fit, with 8 for dims that are not known."""
    shape = ", ".join(str(size if isinstance(size, int) else 8) for size in node.shape)
    size = f"({shape},)" if len(node.shape) == 1 else f"({shape})"
    what = f"rng.normal(size={size})" if node.dtype.is_float else f"rng.integers(2, size={size})"
    return f"--feed {node.name}='{what}'"


def _value(subject: Subject, node: Node, feeds: Mapping[str, str], seed: int) -> Array:
    """What a variable holds before the first run; zeros if nothing says."""
    declared = declared_input(node)
    shape = tuple(size for size in node.shape if isinstance(size, int))
    if declared.name in feeds:
        array = array_of(declared, feeds[declared.name], seed)
    elif node in subject.initial:
        array = np.ascontiguousarray(subject.initial[node]).reshape(subject.initial[node].shape)
    else:
        return np.zeros(shape, node.dtype.numpy)
    if array.shape != shape or array.dtype != node.dtype.numpy:
        raise FeedError(
            f"the variable {declared.name} is {node.type}; it cannot be given "
            f"{array.dtype}{list(array.shape)}",
            location=node.location,
        )
    return array


def _results(subject: Subject, outputs: Sequence[Array]) -> dict[str, Array]:
    values: dict[Node | None, Array] = dict(zip(subject.graph.outputs, outputs, strict=True))
    return {fetch.name: values[fetch.tensor] for fetch in subject.fetches if fetch.tensor in values}


def _updates(subject: Subject, updates: Sequence[Array]) -> dict[str, Array]:
    pairs = zip(subject.graph.updates, updates, strict=True)
    return {str(variable.name): array for (variable, _), array in pairs}
