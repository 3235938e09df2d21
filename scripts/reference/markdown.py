"""Markdown tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return a table as lines; an empty list when it has no rows.

    Args:
      header: headings of the columns.
      rows: cells by row.
    """
    lines = [_line(row) for row in rows]
    if not lines:
        return []
    return [_line(header), "|" + " --- |" * len(header), *lines]


def code(text: str) -> str:
    """Return text in code style; an empty string stays empty.

    Args:
      text: text without backticks.
    """
    return f"`{text}`" if text else ""


def _line(cells: Sequence[str]) -> str:
    escaped = (cell.replace("|", r"\|").replace("\n", " ") for cell in cells)
    return f"| {' | '.join(escaped)} |"
