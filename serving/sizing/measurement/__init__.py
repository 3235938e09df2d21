"""Measurement of a server under load."""
