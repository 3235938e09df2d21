"""Checks of a SavedModel: it is loaded and called in a separate process."""
