"""Metrics of the learning tasks."""
