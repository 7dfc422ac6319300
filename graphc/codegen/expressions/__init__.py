"""Values and positions as LLVM IR: what one element is, for one lane or for many."""
