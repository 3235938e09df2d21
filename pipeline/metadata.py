"""What ML Metadata knows of a workspace, and setting it right after an interruption."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2 as mlmd

_PUSHED_DESTINATION = "pushed_destination"


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
    """Mark artifacts whose files are gone as deleted, so that TFX's cache makes them again.

    Args:
      store: ML Metadata.

    Returns:
      How many there were.
    """
    missing = [
        artifact
        for artifact in store.get_artifacts()
        if artifact.state == mlmd.Artifact.LIVE and not _files_exist(artifact)
    ]
    for artifact in missing:
        artifact.state = mlmd.Artifact.DELETED
    store.put_artifacts(missing)
    return len(missing)


def _files_exist(artifact: mlmd.Artifact) -> bool:
    places = [artifact.uri]
    if _PUSHED_DESTINATION in artifact.custom_properties:
        places.append(artifact.custom_properties[_PUSHED_DESTINATION].string_value)
    return all(Path(place).exists() for place in places)


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
