"""How each program builds and runs a workload; `catalogue` has them all."""
