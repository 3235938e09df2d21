"""Quote names and texts for DuckDB, for statements that accept no parameters."""

from __future__ import annotations


def identifier(name: str) -> str:
    """Return the quoted name of a column or table.

    Args:
      name: name without quotes.
    """
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """Return a text as an SQL literal.

    Args:
      value: text without quotes.
    """
    return "'" + value.replace("'", "''") + "'"
