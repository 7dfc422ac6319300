"""A few rows of wide values at a time, as in attention, so that these are never in memory."""
