"""From a graph to kernels: fusion and loop nests."""
