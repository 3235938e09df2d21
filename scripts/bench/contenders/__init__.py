"""The programs that are measured, each started in a separate process."""
