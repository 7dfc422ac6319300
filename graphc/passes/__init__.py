"""Graph to graph: what makes a program smaller and cheaper without changing what it computes."""
