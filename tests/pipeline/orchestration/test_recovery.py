"""What a run that was killed outright has left is ended before the next begins."""

from __future__ import annotations

import json
from pathlib import Path

from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2 as mlmd

from pipeline.metadata import store as metadata
from pipeline.orchestration import recovery
from pipeline.settings.beam import BeamSettings, FlinkSettings
from pipeline.settings.sections import Settings
from tests.pipeline.beam.servers import answering

_JOBS = {
    "jobs": [
        {"jid": "1a", "name": "flights-Transform-run-1", "state": "RUNNING"},
        {"jid": "2b", "name": "flights-Transform-run-2", "state": "RUNNING"},
    ]
}


def _running(store: metadata_store.MetadataStore, pipeline: str, node: str, run_id: str) -> int:
    """Write down an execution as TFX does."""
    execution = mlmd.Execution(
        type_id=store.put_execution_type(mlmd.ExecutionType(name=node)),
        last_known_state=mlmd.Execution.RUNNING,
    )
    contexts = []
    for kind, name in (("node", f"{pipeline}.{node}"), ("pipeline_run", run_id)):
        number = store.put_context_type(mlmd.ContextType(name=kind))
        contexts.append(mlmd.Context(type_id=number, name=name))
    return int(store.put_execution(execution, [], contexts)[0])


def test_job_execution_and_output_are_gone(tmp_path: Path) -> None:
    store = metadata.open_store(Settings(workspace=tmp_path))
    number = _running(store, "flights", "Transform", "run-1")
    output = tmp_path / "artifacts" / "Transform" / "transform_graph" / str(number)
    output.mkdir(parents=True)
    asked: list[str] = []
    with answering(json.dumps(_JOBS).encode(), asked) as master:
        beam = BeamSettings(flink=FlinkSettings(master=master))
        assert recovery.fail_abandoned(store, tmp_path / "artifacts", beam) == ["Transform"]
        assert recovery.fail_abandoned(store, tmp_path / "artifacts", beam) == []
    assert asked == ["GET /jobs/overview", "PATCH /jobs/1a?mode=cancel"]
    assert not output.exists()
    [execution] = store.get_executions_by_id([number])
    assert execution.last_known_state == mlmd.Execution.FAILED
