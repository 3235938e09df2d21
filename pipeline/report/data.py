"""Collect the report's part on data: rows, findings, rejected rows, and changed columns."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from markupsafe import Markup
from pydantic import BaseModel, ConfigDict, Field

from pipeline.components import names
from pipeline.report import columns, plots
from pipeline.report.artifacts import attempt, read
from pipeline.report.columns import Column
from pipeline.runs.records import RunRecord

_SHOWN_COLUMNS = 6
_SHOWN_ROWS = 10


class ReportedFinding(BaseModel):
    """A finding of DataGate with the policy's decision, as in `findings.json`.

    Args:
      kind: kind of the finding.
      feature: name of the column; "" for all columns.
      split: `train` or `eval`.
      actual: what the data has.
      expected: what the rule requires.
      rows: number of rows; default None, not a finding about rows.
      action: `stop`, `warn` or `ignore`.
      reason: reason in the policy; default "".
    """

    model_config = ConfigDict(populate_by_name=True)

    kind: str
    feature: str
    split: str
    actual: str = Field(alias="found")
    expected: str
    rows: int | None = None
    action: str
    reason: str = ""


class _Decision(BaseModel):
    rows: dict[str, int]
    findings: tuple[ReportedFinding, ...]


@dataclass(frozen=True)
class Data:
    """The report's part on data.

    Args:
      rows: number of rows by split.
      examined: whether DataGate examined the data.
      findings: findings about the data; those that stopped the run come first.
      rejected: the first rows of the quarantine file.
      columns: the columns that changed most, with their plots.
    """

    rows: Mapping[str, int]
    examined: bool
    findings: Sequence[ReportedFinding]
    rejected: Sequence[Mapping[str, str]]
    columns: Sequence[tuple[Column, Markup]]


def gather(record: RunRecord) -> Data | None:
    """Return the report's part on data; None if the run did not read any data.

    Args:
      record: record of the run.
    """
    decision = read(
        record,
        names.DATA_GATE,
        "decision",
        lambda folder: _Decision.model_validate_json((folder / "findings.json").read_bytes()),
    )
    rejected = (
        attempt("the rejected rows", lambda: _first_rows(record.quarantine)) or []
        if record.quarantine and record.quarantine.exists()
        else []
    )
    if record.span is None and not rejected:
        return None
    findings = (
        decision.findings
        if decision
        else [ReportedFinding(**finding.as_json(), action="stop") for finding in record.findings]
    )
    return Data(
        rows=decision.rows if decision else {},
        examined=decision is not None,
        findings=sorted(findings, key=lambda finding: finding.action != "stop"),
        rejected=rejected,
        columns=read(
            record,
            names.STATISTICS_GEN,
            "statistics",
            lambda folder: _plot(folder, record.columns),
        )
        or [],
    )


def _first_rows(file: Path | None) -> list[dict[str, str]]:
    assert file is not None
    with file.open(encoding="utf-8", newline="") as lines:
        return list(islice(csv.DictReader(lines), _SHOWN_ROWS))


def _plot(statistics: Path, trained: Sequence[str]) -> list[tuple[Column, Markup]]:
    changed = columns.by_distance(statistics)
    # A column such as the time changes with every span, so only the model's columns are shown.
    chosen = [column for column in changed if column.name in trained] or changed
    plotted = []
    for number, column in enumerate(chosen[:_SHOWN_COLUMNS]):
        title = f"{column.name} in the train and eval splits, distance {column.distance:.3f}"
        if column.values:
            svg = plots.categories(
                f"column-{number}", title, column.values, column.train, column.eval
            )
        else:
            svg = plots.numbers(f"column-{number}", title, column.edges, column.train, column.eval)
        plotted.append((column, svg))
    return plotted
