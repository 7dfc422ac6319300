"""Products of matrices and their like, as blocks of register tiles."""
