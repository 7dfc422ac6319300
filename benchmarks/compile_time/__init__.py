"""How long large graphs take from their first line to their first result.

`python -m benchmarks.compile_time` measures, in an interpreter of its own each time, `cold` (with
an empty cache) and `warm` (with the cache that cold left). `programs` are the graphs, `once` is
what such an interpreter does.
"""
