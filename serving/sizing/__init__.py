"""Measurement of how much load one server takes."""
