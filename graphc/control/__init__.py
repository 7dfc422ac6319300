"""Ops that hold graphs: branches and loops, with their derivatives, which are such ops again."""
