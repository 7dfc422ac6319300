"""Build one graph, run it once, and print the times as JSON: `python -m ... PROGRAM`."""

from __future__ import annotations

import json
import sys
import time
from typing import Any


def measured(name: str) -> dict[str, Any]:
    """Milliseconds for imports, building and the first result, and the graph's size.

    `cpu` is what all threads of the process took together until the first result.
    """
    started = time.perf_counter()
    import llvmlite.binding
    import llvmlite.ir  # noqa: F401
    import numpy  # noqa: F401

    required = time.perf_counter()
    import graphc as gc

    imported = time.perf_counter()
    import graphc.runtime.session  # on first use otherwise
    from benchmarks.compile_time.programs import PROGRAMS

    ready, busy = time.perf_counter(), time.process_time()
    graph = gc.Graph()
    with graph:
        fetches, feeds = PROGRAMS[name]()
    built = time.perf_counter()
    session = gc.Session(graph)
    session.run(fetches, feeds)
    done, worked = time.perf_counter(), time.process_time()
    executable = session.make_callable(fetches, list(feeds)).executable
    tensors, assignments = graph.leaves()
    return {
        "import": 1e3 * (imported - required),
        "required": 1e3 * (required - started),
        "build": 1e3 * (built - ready),
        "first": 1e3 * (done - ready),
        "cpu": 1e3 * (worked - busy),
        "nodes": len(graph.extract(tensors, assignments).nodes),
        "kernels": executable.kernel_count if executable else 0,
        "launches": executable.launch_count if executable else 0,
    }


if __name__ == "__main__":
    print(json.dumps(measured(sys.argv[1])))
