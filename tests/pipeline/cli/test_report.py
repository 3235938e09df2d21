"""`taxiway report`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.runs import records
from pipeline.runs.records import RunRecord
from tests.conftest import Run, taxiway


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """Two runs, of which the newer has no report."""
    for run_id in ("20130501-120000", "20130502-120000"):
        record = RunRecord(
            run_id=run_id, began="2013-05-01T12:00:00+00:00", seconds=1.0, outcome="failed",
            exit_code=5, error="Trainer failed: <no memory>",
        )  # fmt: skip
        records.write(tmp_path / "runs", record)
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "20130501-120000.html").write_text("<!doctype html>")
    return tmp_path


def test_the_newest_report_is_named(flights_run: Run) -> None:
    newest = sorted((flights_run.workspace / "reports").glob("*.html"))[-1]
    done = taxiway("report", "--workspace", flights_run.workspace)
    assert (done.returncode, done.stdout) == (0, f"{newest}\n")


def test_the_report_of_a_run_is_named(workspace: Path) -> None:
    done = taxiway("report", "20130501-120000", "--json", "--workspace", workspace)
    assert json.loads(done.stdout) == {
        "run_id": "20130501-120000",
        "report": str(workspace / "reports" / "20130501-120000.html"),
    }


def test_the_nearest_runs_are_named_for_a_wrong_one(workspace: Path) -> None:
    done = taxiway("report", "20130501-12000", "--workspace", workspace)
    assert done.returncode == 2
    assert "there is 20130501-120000, 20130502-120000.\n" in done.stderr
    assert "Next   taxiway report 20130501-120000\n" in done.stderr


def test_a_report_that_is_not_there_is_rebuilt(workspace: Path) -> None:
    missing = taxiway("report", "--workspace", workspace)
    assert missing.returncode == 2
    assert "Next   taxiway report 20130502-120000 --rebuild\n" in missing.stderr
    done = taxiway("report", "--rebuild", "--workspace", workspace)
    file = workspace / "reports" / "20130502-120000.html"
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{file}\n", "")
    assert "Trainer failed: &lt;no memory&gt;" in file.read_text()


@pytest.mark.slow
def test_a_whole_report_is_rebuilt(flights_run: Run) -> None:
    run_id = flights_run.result["run_id"]
    done = taxiway("report", run_id, "--rebuild", "--workspace", flights_run.workspace)
    assert (done.returncode, done.stderr) == (0, "")
    text = Path(done.stdout.strip()).read_text(encoding="utf-8")
    assert "Published as version 1" in text and "By slice" in text


def test_a_report_that_cannot_be_rebuilt_says_why(workspace: Path) -> None:
    (workspace / "reports" / "20130501-120000.html").unlink()
    (workspace / "reports").rmdir()
    (workspace / "reports").write_text("a file in the folder's place")
    done = taxiway("report", "--rebuild", "--workspace", workspace)
    assert done.returncode == 5
    assert "20130502-120000.html: the report cannot be written: " in done.stderr
    (workspace / "runs" / "20130502-120000.json").write_text("{}")
    done = taxiway("report", "--rebuild", "--workspace", workspace)
    assert done.returncode == 2
    assert "this release cannot read the record of the run" in done.stderr


def test_without_a_run_there_is_no_report(tmp_path: Path) -> None:
    done = taxiway("report", "--workspace", tmp_path)
    assert done.returncode == 2
    assert "there is no run yet" in done.stderr


def test_a_browser_opens_it(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {tmp_path}/opened\n')
    browser.chmod(0o755)
    monkeypatch.setenv("BROWSER", f"{browser} %s")
    words = ("report", "20130501-120000", "--open", "--workspace", workspace)
    assert taxiway(*words).returncode == 0
    file = workspace / "reports" / "20130501-120000.html"
    assert (tmp_path / "opened").read_text() == f"{file.as_uri()}\n"
    for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    alone = taxiway(*words)
    assert (alone.returncode, alone.stdout) == (2, f"{file}\n")
    assert "cannot open a browser" in alone.stderr
