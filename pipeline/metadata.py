"""What ML Metadata knows of a workspace, and setting it right after an interruption."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2 as mlmd

from pipeline.infra.report import BLESSED_PROPERTY
from serving import store as store_module

# TFX's names.
_PUSHED_DESTINATION = "pushed_destination"
_INFRA_BLESSING = "InfraBlessing"


def open_store(database: Path) -> metadata_store.MetadataStore:
    """Open the ML Metadata database of a workspace; create it when missing."""
    database.parent.mkdir(parents=True, exist_ok=True)
    config = mlmd.ConnectionConfig()
    config.sqlite.filename_uri = str(database)
    config.sqlite.connection_mode = mlmd.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
    return metadata_store.MetadataStore(config)


def close_interrupted(store: metadata_store.MetadataStore, artifacts: Path) -> int:
    """Mark executions that a killed run left running as failed, and remove what they wrote.

    Args:
      store: ML Metadata; the caller holds the workspace, so nothing is really running.
      artifacts: TFX's pipeline root.

    Returns:
      How many there were.
    """
    unfinished = [
        execution
        for execution in store.get_executions()
        if execution.last_known_state in (mlmd.Execution.NEW, mlmd.Execution.RUNNING)
    ]
    for execution in unfinished:
        execution.last_known_state = mlmd.Execution.FAILED
        for output in artifacts.glob(f"*/*/{execution.id}"):
            shutil.rmtree(output)
    store.put_executions(unfinished)
    return len(unfinished)


def forget_missing(store: metadata_store.MetadataStore) -> int:
    """Mark artifacts that are no longer what they were as deleted, so that they are made again.

    That is: their files are gone, or a pushed model is not the newest version any more. And a model
    that was not fit to serve is tried again: the machine may have been busy.

    Args:
      store: ML Metadata.

    Returns:
      How many there were.
    """
    missing = [
        artifact
        for artifact in store.get_artifacts()
        if artifact.state == mlmd.Artifact.LIVE and not _as_it_was(artifact)
    ]
    for artifact in missing:
        artifact.state = mlmd.Artifact.DELETED
    store.put_artifacts(missing)
    return len(missing)


def _as_it_was(artifact: mlmd.Artifact) -> bool:
    if not Path(artifact.uri).exists() or _refused_by_infra_check(artifact):
        return False
    if _PUSHED_DESTINATION not in artifact.custom_properties:
        return True
    version = Path(artifact.custom_properties[_PUSHED_DESTINATION].string_value)
    return version.exists() and int(version.name) == max(store_module.versions(version.parent))


def _refused_by_infra_check(artifact: mlmd.Artifact) -> bool:
    of_model = artifact.custom_properties
    return artifact.type == _INFRA_BLESSING and not of_model[BLESSED_PROPERTY].int_value


def outputs(store: metadata_store.MetadataStore, execution_id: int) -> dict[str, mlmd.Artifact]:
    """Return what an execution, run or cached, put out: the first artifact by output name."""
    events = [
        event
        for event in store.get_events_by_execution_ids([execution_id])
        # A Resolver's are internal: artifacts that others put out.
        if event.type in (mlmd.Event.OUTPUT, mlmd.Event.INTERNAL_OUTPUT)
    ]
    found = {
        artifact.id: artifact
        for artifact in store.get_artifacts_by_id([event.artifact_id for event in events])
    }
    return {event.path.steps[0].key: found[event.artifact_id] for event in events}


def state(store: metadata_store.MetadataStore, execution_id: int) -> Any:
    """Return an execution's last known state."""
    (execution,) = store.get_executions_by_id([execution_id])
    return execution.last_known_state


def beside(uri: str, output: str) -> str:
    """Return the uri of another output of the execution that put out an artifact.

    TFX writes all of them under NODE/OUTPUT/EXECUTION.
    """
    execution = Path(uri)
    return str(execution.parents[1] / output / execution.name)
