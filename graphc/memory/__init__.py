"""Live ranges, arena offsets, and an independent check of them."""
