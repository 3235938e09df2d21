"""Quoting for DuckDB, where a name or a path cannot be a parameter."""

from __future__ import annotations


def identifier(name: str) -> str:
    """Return a column's or table's name, quoted."""
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """Return a text literal."""
    return "'" + value.replace("'", "''") + "'"
