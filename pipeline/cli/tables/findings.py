"""Refused data as tables on standard error."""

from __future__ import annotations

from rich.markup import escape
from rich.table import Column, Table

from pipeline.cli.console import open_console
from pipeline.errors import DataRefused

_ROWS_SHOWN = 10


def show(error: DataRefused) -> None:
    """Print the findings, or else the first rejected rows, and the path of the quarantine.

    Args:
      error: the error that names the findings and the rejected rows.
    """
    console = open_console(stderr=True)
    if error.findings:
        table = Table("feature", "split", "found", "expected", Column("rows", justify="right"))
        for finding in error.findings:
            rows = "" if finding.rows is None else f"{finding.rows:,}"
            cells = (finding.feature, finding.split, finding.actual, finding.expected, rows)
            table.add_row(*map(escape, cells))
        console.print(table)
    elif error.rows:
        table = Table("file", "row", "column", "found", "expected")
        for row in error.rows[:_ROWS_SHOWN]:
            table.add_row(*map(escape, (row.file, row.row, row.column, row.actual, row.expected)))
        console.print(table)
    if error.quarantine:
        console.print(f"Rows   {error.quarantine}", soft_wrap=True, markup=False)
