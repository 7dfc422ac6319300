"""The process in which one program runs one workload."""
