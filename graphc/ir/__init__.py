"""The intermediate form: dims, dtypes, types, nodes, graphs, their text and their rules."""
