"""The cleanup after a killed task does not depend on services that do not answer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.kubeflow import encoding
from pipeline.kubeflow.container import killed
from pipeline.kubeflow.container.plan import Plan, RunFolder
from pipeline.orchestration.options import RunOptions
from pipeline.settings.beam import BeamSettings, FlinkSettings
from pipeline.settings.sections import Settings
from pipeline.sources.layout import Layout
from serving.ports import free_port
from tests.pipeline.beam.servers import answering

_JOBS = {"jobs": [{"jid": "1a", "name": "flights-Transform-1", "state": "RUNNING"}]}


def test_the_job_is_cancelled_when_the_database_does_not_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TAXIWAY_METADATA_HOST", "127.0.0.1")
    monkeypatch.setenv("TAXIWAY_METADATA_PORT", str(free_port()))
    monkeypatch.setenv("TAXIWAY_METADATA_PASSWORD", "any")
    data = Layout(201302, (201301,), tmp_path / "data")
    run = RunFolder(tmp_path, "kfp-1")
    run.write_plan(Plan(run_id="1", began="2013-05-01", options=RunOptions(window=1), data=data))
    requests: list[str] = []
    with answering(json.dumps(_JOBS).encode(), requests) as master:
        beam = BeamSettings(engine="flink", flink=FlinkSettings(master=master))
        settings = encoding.encode(
            Settings(workspace=tmp_path, beam=beam).model_dump_json().encode()
        )
        args = ["--node", "Transform", "--run", "kfp-1", "--settings", settings]
        killed.cleanup(args, "SIGTERM")
    assert requests == ["GET /jobs/overview", "PATCH /jobs/1a?mode=cancel"]
    output = capsys.readouterr()
    assert "The cleanup after SIGTERM failed: " in output.out
    assert output.err.startswith("Stopped: Transform was ended by SIGTERM.\n")
