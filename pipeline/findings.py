"""Findings about data: the broken rules, and the rows that broke them."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any, ClassVar

# Kinds of findings that a change of the schema could let pass.
SCHEMA_KINDS = frozenset({"missing_column", "new_column", "type", "presence", "domain", "range"})

_QUARANTINE_HEADER = ("file", "row", "column", "found", "expected", "content")


@dataclass(frozen=True)
class Finding:
    """One rule of the schema or the policy that the data breaks.

    Args:
      kind: kind of the finding, a field of `schema.policy.Kinds`.
      feature: name of the column; "" for all columns.
      split: `train` or `eval`.
      actual: what the data has.
      expected: what the rule requires.
      rows: number of rows that break the rule; None when it is not a rule about rows.
      cure: what to change in the data, the settings or the features file, if no change of the
        schema lets the data pass; default "".
    """

    # Run records and Kubeflow's plans keep the key that earlier releases wrote.
    __pydantic_config__: ClassVar[dict[str, Any]] = {
        "alias_generator": lambda name: "found" if name == "actual" else name,
        "validate_by_name": True,
        "validate_by_alias": True,
        "serialize_by_alias": True,
    }

    kind: str
    feature: str
    split: str
    actual: str
    expected: str
    rows: int | None = None
    cure: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return the finding as `--json` and `findings.json` hold it."""
        return {
            "kind": self.kind,
            "feature": self.feature,
            "split": self.split,
            "found": self.actual,
            "expected": self.expected,
            "rows": self.rows,
            "cure": self.cure,
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Finding:
        """Return the finding that `as_json` turned into JSON.

        Args:
          content: the JSON object; further keys are ignored.
        """
        return cls(
            content["kind"],
            content["feature"],
            content["split"],
            content["found"],
            content["expected"],
            content["rows"],
            content.get("cure", ""),
        )


@dataclass(frozen=True)
class RejectedRow:
    """A row, or a whole file, that the pipeline does not accept.

    Args:
      file: file of the source, relative to the source's folder.
      row: number of the row, counted from 1 at the first row of data; or `line 7`, `header`.
      column: name of the column; "" for the whole row.
      actual: the value in the data.
      expected: the value that is required.
      content: the whole row; default "".
    """

    file: str
    row: str
    column: str
    actual: str
    expected: str
    content: str = ""


def write_quarantine(file: Path, rows: Iterable[RejectedRow]) -> None:
    """Write rejected rows as CSV: file, row, column, found, expected, content.

    Args:
      file: the CSV file to write; its folder is created when missing.
      rows: the rejected rows.
    """
    # It imports pydantic, which `taxiway --help` must not wait for.
    from serving.storage import local

    file.parent.mkdir(parents=True, exist_ok=True)
    with (
        local.replacement(file) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as out,
    ):
        writer = csv.writer(out)
        writer.writerow(_QUARANTINE_HEADER)
        writer.writerows(astuple(row) for row in rows)
