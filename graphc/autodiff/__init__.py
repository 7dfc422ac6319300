"""Derivatives as graph nodes, by reverse and by forward accumulation."""
