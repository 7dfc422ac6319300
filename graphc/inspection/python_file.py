"""Programs that functions of Python files build."""

from __future__ import annotations

import inspect
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout, suppress
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

from graphc.api.graph import Graph
from graphc.api.tensor import Tensor
from graphc.api.updates import Assignment, Group
from graphc.errors import GraphcError, TargetError
from graphc.inspection.target import Fetch, Subject

_FIT = "a gc.Graph, or tensors, assignments and groups in any nesting of lists, tuples and dicts"


def build(file: Path, function: str) -> Subject:
    """The program that the function returns.

    The file is run as a module, with its folder on the path; what it prints goes to standard
    error. A graph stands for everything in it that nothing else uses.
    """
    path = file.resolve()
    with _importing(path) as module, redirect_stdout(sys.stderr), _told_with_lines(path):
        exec(compile(path.read_bytes(), path, "exec", dont_inherit=True), module.__dict__)
        made = _member(module, function, file)()
    if isinstance(made, Graph):
        tensors, assignments = made.leaves()
        leaves = [*tensors, *assignments]
        made = leaves[0] if len(leaves) == 1 else leaves
    found = _Fetches(f"{function} of {file}")
    found.visit(made, "output", in_dict=False)
    return found.subject(f"{file}:{function}", function)


@contextmanager
def _importing(path: Path) -> Iterator[ModuleType]:
    """A module of its own for the file; imports find what is beside it."""
    module = ModuleType(f"graphc_target_{path.stem}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module
    sys.path.insert(0, str(path.parent))
    try:
        yield module
    finally:
        with suppress(ValueError):  # the file may have done so itself
            sys.path.remove(str(path.parent))
        del sys.modules[module.__name__]


@contextmanager
def _told_with_lines(path: Path) -> Iterator[None]:
    """Whatever the file raises, as a TargetError with its line; graphc's own errors as they are."""
    try:
        yield
    except GraphcError:
        raise
    except SyntaxError as error:
        where = f"{error.filename}:{error.lineno}"
        raise TargetError(f"{where}: {type(error).__name__}: {error.msg}") from None
    except (Exception, SystemExit) as error:
        frame = _frame_of(error, path)
        what = f"{type(error).__name__}: {error}".rstrip(": ")
        where = f"{frame.filename}:{frame.lineno}: in {frame.name}" if frame else str(path)
        raise TargetError(f"{where}: {what}") from error


def _frame_of(error: BaseException, path: Path) -> traceback.FrameSummary | None:
    """The innermost frame in the file, or in one beside it."""
    folder = path.parent
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        file = Path(frame.filename)
        if file == path or (folder in file.parents and "site-packages" not in file.parts):
            return frame
    return None


def _member(module: ModuleType, name: str, file: Path) -> Any:
    found = module.__dict__.get(name)
    if found is None:
        own = [key for key, value in module.__dict__.items() if inspect.isfunction(value)]
        close = get_close_matches(name, own, 1)
        hint = f"did you mean {close[0]}?" if close else f"it has {', '.join(own) or 'none'}"
        raise TargetError(f"there is no function {name} in {file}; {hint}")
    if not callable(found):
        raise TargetError(f"{name} in {file} is no function, but {type(found).__name__}")
    required = [
        parameter.name
        for parameter in inspect.signature(found).parameters.values()
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]
    if required:
        raise TargetError(
            f"{name} in {file} needs the arguments {', '.join(required)}; a target is called "
            "without any, so give them defaults"
        )
    return found


class _Fetches:
    """Gathers what a function returned, each thing under a name."""

    def __init__(self, whose: str) -> None:
        self.whose = whose
        self.graph: Graph | None = None
        self.found: dict[str, Fetch] = {}

    def visit(self, part: Any, path: str, *, in_dict: bool) -> None:
        """Names are keys of dicts, joined by dots; outside of these a tensor's own, or a number."""
        match part:
            case Tensor():
                self._check(part.graph)
                name = path if in_dict or not part.name else part.name
                self._add(Fetch(name, part.node))
            case Assignment():
                self._check(part.graph)
                name = path if in_dict else f"update_{part.variable.name}"
                self._add(Fetch(name, updates=((part.variable.node, part.value.node),)))
            case Group():
                self._check(part.graph)
                pairs = tuple((a.variable.node, a.value.node) for a in part.assignments)
                self._add(Fetch(path if in_dict else "updates", updates=pairs))
            case Mapping():
                for key, inner in part.items():
                    self.visit(inner, f"{path}.{key}" if in_dict else str(key), in_dict=True)
            case list() | tuple():
                for k, inner in enumerate(part):
                    self.visit(inner, f"{path}.{k}", in_dict=in_dict)
            case _:
                self._refuse(part)

    def subject(self, name: str, function: str) -> Subject:
        """The program of everything gathered."""
        if self.graph is None:
            raise TargetError(f"{self.whose} returned nothing to compute; return {_FIT}")
        fetches = tuple(self.found.values())
        api = self.graph
        inputs = tuple(tensor.node for tensor in (*api.placeholders, *api.variables))
        named = {tensor.name: tensor.node for tensor in api.tensors if tensor.name}
        return Subject(name, function, fetches, inputs, named, api.initial_values)

    def _add(self, fetch: Fetch) -> None:
        name, count = fetch.name, 0
        while name in self.found:
            count += 1
            name = f"{fetch.name}_{count}"
        self.found[name] = Fetch(name, fetch.tensor, fetch.updates)

    def _check(self, graph: Graph) -> None:
        if self.graph is not None and graph is not self.graph:
            raise TargetError(f"{self.whose} returned parts of two graphs")
        self.graph = graph

    def _refuse(self, part: Any) -> NoReturn:
        raise TargetError(f"{self.whose} returned {part!r}; return {_FIT}")
