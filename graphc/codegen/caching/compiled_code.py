"""What has been compiled before for a target: kernels, whole programs and parts of graphc."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

from graphc.codegen.caching.keys import kernel_key, part_key, program_key
from graphc.codegen.caching.object_cache import ObjectCache, current_cache
from graphc.codegen.executable import Executable
from graphc.codegen.executable_file import from_bytes, to_bytes
from graphc.codegen.target import Target
from graphc.errors import CompileError
from graphc.ir.graph import Graph
from graphc.schedule.kernel import Kernel

_ROOM = struct.Struct("<Q")


@dataclass(frozen=True, slots=True)
class KernelCode:
    """The object of a kernel, and the bytes of room that its task needs."""

    image: bytes
    room: int

    def to_bytes(self) -> bytes:
        """As it is kept: the size, then the object."""
        return _ROOM.pack(self.room) + self.image

    @staticmethod
    def from_bytes(content: bytes) -> KernelCode:
        """What `to_bytes` wrote."""
        (room,) = _ROOM.unpack_from(content)
        return KernelCode(content[_ROOM.size :], room)


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

    def objects(self, kernels: Mapping[str, Kernel]) -> dict[str, KernelCode]:
        """The code that is there, by the names of the kernels."""
        if not self._cache:
            return {}
        found = {
            name: self._cache.get(kernel_key(kernel, self._target))
            for name, kernel in kernels.items()
        }
        return {
            name: KernelCode.from_bytes(content)
            for name, content in found.items()
            if content is not None
        }

    def keep_object(self, kernel: Kernel, code: KernelCode) -> None:
        """Keep the code of a kernel."""
        if self._cache:
            self._cache.put(kernel_key(kernel, self._target), code.to_bytes())


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
