"""Compiled code on disk: keys, the store, and what is looked up there."""
