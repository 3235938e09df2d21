"""Loaded versions of models."""
