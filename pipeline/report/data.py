"""The data of a run: its rows, what is wrong with them, and how the columns moved."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from markupsafe import Markup
from pydantic import BaseModel

from pipeline.report import columns, plots
from pipeline.report.artifacts import attempt, read
from pipeline.report.columns import Column
from pipeline.runs.records import RunRecord

_SHOWN_COLUMNS = 6
_SHOWN_ROWS = 10


class Judged(BaseModel):
    """What the data gate found, and what it did about it."""

    kind: str
    feature: str
    split: str
    found: str
    expected: str
    rows: int | None = None
    action: str
    reason: str = ""


class _Gate(BaseModel):
    rows: dict[str, int]
    findings: tuple[Judged, ...]


@dataclass(frozen=True)
class Data:
    """What the report says of the data.

    Args:
      rows: by split.
      judged: whether the data gate had its say.
      findings: of the gate, or what else refused the data; what stopped the run comes first.
      refused: the first rows of the quarantine file.
      columns: that moved most, each with its plot.
    """

    rows: Mapping[str, int]
    judged: bool
    findings: Sequence[Judged]
    refused: Sequence[Mapping[str, str]]
    columns: Sequence[tuple[Column, Markup]]


def gather(record: RunRecord) -> Data | None:
    """Return what is known of the data; None when the run did not come to it."""
    gate = read(
        record,
        "DataGate",
        "decision",
        lambda folder: _Gate.model_validate_json((folder / "findings.json").read_bytes()),
    )
    refused = (
        attempt("the refused rows", lambda: _first_rows(record.quarantine)) or []
        if record.quarantine and record.quarantine.exists()
        else []
    )
    if record.span is None and not refused:
        return None
    findings = (
        gate.findings
        if gate
        else [Judged(**finding.as_json(), action="stop") for finding in record.findings]
    )
    return Data(
        rows=gate.rows if gate else {},
        judged=gate is not None,
        findings=sorted(findings, key=lambda each: each.action != "stop"),
        refused=refused,
        columns=read(
            record, "StatisticsGen", "statistics", lambda folder: _drawn(folder, record.columns)
        )
        or [],
    )


def _first_rows(file: Path | None) -> list[dict[str, str]]:
    assert file is not None
    with file.open(encoding="utf-8", newline="") as lines:
        return list(islice(csv.DictReader(lines), _SHOWN_ROWS))


def _drawn(statistics: Path, learned: Sequence[str]) -> list[tuple[Column, Markup]]:
    moved = columns.moved(statistics)
    # A time moves from span to span, and nobody learns from it.
    chosen = [column for column in moved if column.name in learned] or moved
    drawn = []
    for number, column in enumerate(chosen[:_SHOWN_COLUMNS]):
        title = f"{column.name} in the train and eval splits, distance {column.distance:.3f}"
        if column.values:
            svg = plots.categories(
                f"column-{number}", title, column.values, column.train, column.eval
            )
        else:
            svg = plots.numbers(f"column-{number}", title, column.edges, column.train, column.eval)
        drawn.append((column, svg))
    return drawn
