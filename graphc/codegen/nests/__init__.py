"""Statements, loops and reductions of kernels as LLVM IR, each kind of loop in its best form."""
