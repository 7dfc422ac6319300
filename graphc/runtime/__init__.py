"""Sessions, loaded programs, and the NumPy reference interpreter."""
