"""The Evaluator's metrics, read from its artifacts."""
