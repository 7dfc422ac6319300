"""Workloads, the programs they are compared with, and what measures them.

`families` declares workloads, `peers` says how each program runs them, `worker` is the process one
of them runs in, `driver` starts workers, lets them take turns, and reports. Only `driver` and
`peers/graphc_peer.py` import graphc: a worker needs NumPy and its own framework, nothing else.
"""
