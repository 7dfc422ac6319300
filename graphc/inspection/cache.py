"""The cache of compiled code: where it is, what it holds, and why there is none."""

from __future__ import annotations

from graphc.codegen.caching import object_cache
from graphc.codegen.caching.object_cache import ObjectCache
from graphc.inspection.view import Note, View


def cache_view(clear: bool = False) -> View:
    """The cache that the environment asks for; with `clear`, what it has been rid of."""
    folder, bound = object_cache.directory(), object_cache.bound()
    reason = _reason(ObjectCache(folder, bound) if folder else None)
    data = {"folder": folder and str(folder), "bound": bound, "unused": reason, "cleared": clear}
    if reason is not None or folder is None:
        return View({**data, "entries": 0, "bytes": 0}, (Note(f"nothing is cached: {reason}"),))
    cache = ObjectCache(folder, bound)
    found = cache.clear() if clear else cache.usage()
    entries = "1 entry" if found.entries == 1 else f"{found.entries:,} entries"
    text = f"{entries}, {found.bytes:,} bytes, in {folder}"
    ending = f"; at most {bound:,} bytes"
    note = Note(f"removed {text}" if clear else f"{text}{ending}")
    return View({**data, "entries": found.entries, "bytes": found.bytes}, (note,))


def _reason(cache: ObjectCache | None) -> str | None:
    """Why nothing is cached."""
    if not object_cache.is_on():
        return f"{object_cache.SWITCH} is 0"
    if cache is None:
        return "this user has no home"
    return cache.refusal()
