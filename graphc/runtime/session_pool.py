"""The thread pool of a session, made when a run is first long enough for several threads."""

from __future__ import annotations

import threading

from graphc.errors import AttributeValueError, SessionError
from graphc.runtime.pool import Pool, default_threads


class SessionPool:
    """A pool of so many threads, or of `default_threads()`. AttributeValueError below 1."""

    def __init__(self, threads: int | None) -> None:
        if threads is not None and (not isinstance(threads, int) or threads < 1):
            raise AttributeValueError(f"a session needs at least one thread, not {threads!r}")
        self.threads = default_threads() if threads is None else threads
        self._pool: Pool | None = None
        self._closed = False
        self._making = threading.Lock()

    @property
    def address(self) -> int:
        """What native code takes for the pool, 0 for one thread. SessionError once closed."""
        with self._making:
            if self._closed:
                raise SessionError("the session is closed")
            if self._pool is None:
                self._pool = Pool(self.threads)
            return self._pool.address

    def close(self) -> None:
        """End the threads."""
        with self._making:
            self._closed = True
            if self._pool is not None:
                self._pool.close()
