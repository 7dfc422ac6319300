"""`python -m benchmarks.worker`: requests come on standard input, replies go to standard output."""

from __future__ import annotations

import os
import sys

from benchmarks.worker.serving import serve


def main() -> None:
    """Serve. What programs print, from any language, goes to standard error instead."""
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    serve(sys.stdin, replies)
    sys.stderr.flush()
    os._exit(0)  # at once: nobody waits for programs to put away what they have


if __name__ == "__main__":
    main()
