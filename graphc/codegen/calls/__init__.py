"""What Python calls: native functions that match arguments, run a program and make results."""
