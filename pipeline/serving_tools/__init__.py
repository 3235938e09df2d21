"""Measure a served model, and export a published one: `taxiway size` and `taxiway export`."""
