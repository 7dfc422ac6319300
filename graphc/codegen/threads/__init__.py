"""The thread pool, and how launches are shared out among its threads."""
