"""Findings as JSON, and rejected rows as CSV."""

from __future__ import annotations

import json
from pathlib import Path

from pipeline.findings import Finding, RejectedRow, write_quarantine
from pipeline.runs.records import RunRecord

_FINDING = Finding("domain", "origin", "train", "EWR", "one of JFK, LGA", 7)


def test_a_finding_is_read_as_it_was_written() -> None:
    content = json.loads(json.dumps(_FINDING.as_json()))
    assert content["found"] == "EWR"
    assert Finding.from_json(content | {"action": "stop", "reason": ""}) == _FINDING


def test_a_run_record_keeps_the_key_of_earlier_releases(tmp_path: Path) -> None:
    record = RunRecord(
        run_id="1", began="2013-05-01T12:00:00+00:00", seconds=1.0, outcome="data refused",
        exit_code=3, findings=(_FINDING,),
    )  # fmt: skip
    [content] = json.loads(record.model_dump_json())["findings"]
    assert content == _FINDING.as_json()
    assert RunRecord.model_validate_json(record.model_dump_json()) == record


def test_the_quarantine_has_a_header_and_a_line_per_row(tmp_path: Path) -> None:
    file = tmp_path / "quarantine" / "run.csv"
    write_quarantine(file, [RejectedRow("a.csv", "line 3", "distance", "x, y", "a number")])
    assert file.read_bytes().splitlines() == [
        b"file,row,column,found,expected,content",
        b'a.csv,line 3,distance,"x, y",a number,',
    ]
