"""Imported by perceptron.py from its own folder."""

HIDDEN = 5
