"""What is written down of each run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.errors import DataRefused, InfrastructureError, NotBlessed
from pipeline.findings import Finding
from pipeline.orchestration import recording
from pipeline.runs import records
from pipeline.runs.progress import Step
from pipeline.runs.records import RunRecord, UnreadableRecord
from pipeline.workspace import Workspace
from tests.conftest import PROJECT, Run

_RECORD = RunRecord(
    run_id="20130501-120000",
    began="2013-05-01T12:00:00+00:00",
    seconds=61.04,
    outcome="data refused",
    exit_code=3,
    steps=(Step("Source", "done", 1.0, "train 201303, eval 201304"),),
    findings=(Finding("unknown_value", "carrier", "eval", "ZZ", "one of 16", 12),),
    metrics={"auc": float("nan"), "recall": 0.5},
)


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    file = records.write(tmp_path / "runs", _RECORD)
    assert records.read(file) == _RECORD
    assert json.loads(file.read_text())["metrics"] == {"auc": None, "recall": 0.5}
    assert [each.name for each in file.parent.iterdir()] == ["20130501-120000.json"]


def test_records_are_read_newest_first_and_unreadable_ones_are_named(tmp_path: Path) -> None:
    for run_id in ("20130502-000000", "20130501-000000"):
        records.write(tmp_path, _RECORD.model_copy(update={"run_id": run_id}))
    (tmp_path / "20130503-000000.json").write_text('{"run_id": 1')
    unreadable, *readable = records.newest_first(tmp_path)
    assert isinstance(unreadable, UnreadableRecord)
    assert (
        unreadable.file.name == "20130503-000000.json" and "line 1 column 13" in unreadable.reason
    )
    assert [record.run_id for record in readable if isinstance(record, RunRecord)] == [
        "20130502-000000",
        "20130501-000000",
    ]
    assert list(records.newest_first(tmp_path / "none")) == []


def test_a_record_of_the_first_format_is_read() -> None:
    record = records.read(PROJECT / "tests" / "data" / "old" / "run.json")
    assert (record.format_version, record.outcome, record.version) == (1, "published", 1)
    assert record.outputs["Trainer"]["model"].uri.startswith("/srv/flights/workspace/artifacts/")
    assert [step.name for step in record.steps][:2] == ["Source", "Start"]


def test_a_field_of_a_later_release_is_ignored_and_a_later_format_is_not(tmp_path: Path) -> None:
    file = records.write(tmp_path, _RECORD)
    content = json.loads(file.read_text())
    file.write_text(json.dumps(content | {"reviewer": "Kim"}))
    assert records.read(file).run_id == _RECORD.run_id
    file.write_text(json.dumps(content | {"format_version": 3}))
    [unreadable] = records.newest_first(tmp_path)
    assert isinstance(unreadable, UnreadableRecord)
    assert unreadable.reason == "format 3 is of a later release; this one reads up to 2"


def test_a_run_does_not_fail_because_it_cannot_be_written_down(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "runs").write_text("a file in the folder's place")
    kept = recording.write(Workspace(tmp_path, "flights"), _RECORD)
    assert kept.report == tmp_path / "reports" / f"{_RECORD.run_id}.html"
    assert "the run's record is not written" in caplog.text


@pytest.mark.parametrize(
    ("error", "outcome", "exit_code"),
    [
        (None, "published", 0),
        (NotBlessed("bad", reasons=("auc overall",)), "not blessed", 4),
        (DataRefused("bad", findings=_RECORD.findings), "data refused", 3),
        (InfrastructureError("bad"), "failed", 5),
        (KeyboardInterrupt(), "interrupted", 130),
        (MemoryError("bad"), "failed", 5),
    ],
)
def test_each_end_has_an_outcome(error: BaseException | None, outcome: str, exit_code: int) -> None:
    end = recording.end_fields(error)
    assert (end["outcome"], end["exit_code"]) == (outcome, exit_code)
    assert end.get("reasons", ()) == getattr(error, "reasons", ())
    assert end.get("findings", ()) == getattr(error, "findings", ())


def test_a_published_run_is_recorded_with_all_its_artifacts(flights_run: Run) -> None:
    run_id = flights_run.result["run_id"]
    known = records.read(flights_run.workspace / "runs" / f"{run_id}.json")
    assert json.loads(known.model_dump_json()) == flights_run.result
    assert (known.outcome, known.span, known.train_spans) == ("published", 201302, (201301,))
    assert known.outputs["Trainer"]["model"].uri == str(flights_run.artifact("Trainer", "model"))
    assert known.hyperparameters["units"] == [128, 64]
    assert (Path(flights_run.result["model_dir"]) / "taxiway.json").read_text().count(
        str(known.model_id)
    ) == 1


def test_what_a_run_found_out_is_not_lost_with_one_of_its_files(tmp_path: Path) -> None:
    class Artifact:
        uri = str(tmp_path / "gone")
        id = 7

    outputs = {"Trainer": {"model": Artifact(), "model_run": Artifact()}}
    known = recording.output_fields(outputs)
    assert list(known) == ["outputs"]
    assert known["outputs"]["Trainer"]["model"].id == 7
