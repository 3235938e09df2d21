"""Texts about columns and values: what was expected, what to do, how spellings differ."""
