"""From kernels to LLVM IR and object code."""
