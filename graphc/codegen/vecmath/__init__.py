"""Elementary functions as inline vector code: no libm, no branches, IEEE special cases.

`arith` is the layer the formulas are written in, each other file holds one family of functions, and
`registry` gathers them and calls them by name.
"""
