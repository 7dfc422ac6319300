"""What has been compiled before for a target: kernels, whole programs and parts of graphc."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property

from graphc.codegen.caching.keys import kernel_key, part_key, program_key
from graphc.codegen.caching.object_cache import ObjectCache, current_cache
from graphc.codegen.executable import Executable
from graphc.codegen.executable_file import from_bytes, to_bytes
from graphc.codegen.target import Target
from graphc.errors import CompileError
from graphc.ir.graph import Graph
from graphc.schedule.kernel import Kernel


class CompiledCode:
    """Finds and keeps the executable of a graph and objects of kernels; nothing without a cache."""

    def __init__(self, cache: ObjectCache | None, graph: Graph, target: Target) -> None:
        self._cache, self._graph, self._target = cache, graph, target

    @cached_property
    def _key(self) -> str:
        return program_key(self._graph, self._target)

    def program(self) -> Executable | None:
        """The executable of an equal graph."""
        content = self._cache.get(self._key) if self._cache else None
        try:
            return None if content is None else from_bytes(content)
        except CompileError:  # intact, and yet nothing that can be read: compile it again
            return None

    def keep_program(self, executable: Executable) -> None:
        """Keep the executable of the graph."""
        if self._cache:
            self._cache.put(self._key, to_bytes(executable))

    def objects(self, kernels: Mapping[str, Kernel]) -> dict[str, bytes]:
        """The objects that are there, by the names of the kernels."""
        if not self._cache:
            return {}
        found = {
            name: self._cache.get(kernel_key(kernel, self._target))
            for name, kernel in kernels.items()
        }
        return {name: content for name, content in found.items() if content is not None}

    def keep_object(self, kernel: Kernel, content: bytes) -> None:
        """Keep the object of a kernel."""
        if self._cache:
            self._cache.put(kernel_key(kernel, self._target), content)


def object_of_part(part: str, target: Target, make: Callable[[], bytes]) -> bytes:
    """The object of a part of graphc itself, from the cache that the environment asks for.

    `part` names it, with everything besides the target that `make` depends on.
    """
    cache, key = current_cache(), part_key(part, target)
    content = cache.get(key) if cache else None
    if content is None:
        content = make()
        if cache:
            cache.put(key, content)
    return content
