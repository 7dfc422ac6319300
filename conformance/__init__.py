"""graphc judged by PyTorch's own operator samples.

PyTorch's testing package holds, for every operator, sample inputs of float64. For each of them
PyTorch computes values and vector-Jacobian products; graphc computes the same natively, in one
session, through the functions that users call; and the two are compared.

`samples` draws from PyTorch and is the only module that imports it, `table` says how each operator
is called in graphc, `native` runs it there, `comparing` and `judging` compare, `driver` shares the
work out over processes, and `report` writes docs/conformance.md.
"""
