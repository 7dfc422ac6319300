"""What starts the workers, lets them take turns, and reports."""
