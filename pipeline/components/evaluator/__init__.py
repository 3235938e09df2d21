"""What the Evaluator measured, read back from its artifacts."""
