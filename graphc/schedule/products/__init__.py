"""Sums of products: their rows and columns, blocks, parts and pieces, and what is none at all."""
