"""What is wrong with data: the rules that were broken, and the rows that broke them."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from serving.storage import local

# What another schema could let pass.
SCHEMA_KINDS = frozenset({"missing_column", "new_column", "type", "presence", "domain", "range"})


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be.

    Args:
      kind: a field of `schema.policy.Kinds`.
      feature: the column; "" for all of them.
      split: `train` or `eval`.
      found: what the data has.
      expected: what it should have.
      rows: how many rows it concerns; None when it is not a matter of rows.
    """

    kind: str
    feature: str
    split: str
    found: str
    expected: str
    rows: int | None = None


@dataclass(frozen=True)
class BadRow:
    """A row, or a whole file, that was refused.

    Args:
      file: of the source, relative to its folder.
      row: number of the row, the first row of data being 1; or `line 7`, `header`.
      column: "" when it is the whole row.
      found: what is there.
      expected: what should be there.
      content: the row.
    """

    file: str
    row: str
    column: str
    found: str
    expected: str
    content: str = ""


def write_quarantine(file: Path, rows: Iterable[BadRow]) -> None:
    """Write refused rows as CSV: file, row, column, found, expected, content."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with (
        local.replacement(file) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as out,
    ):
        writer = csv.writer(out)
        writer.writerow([field.name for field in fields(BadRow)])
        writer.writerows(astuple(row) for row in rows)
