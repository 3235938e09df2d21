"""Executions of ML Metadata: their state, outputs and folders."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2 as mlmd

from pipeline.metadata import filters, properties
from pipeline.workspace import Workspace
from serving.errors import UnreadableManifest
from serving.store import manifest, publish

SUCCESSFUL = (mlmd.Execution.COMPLETE, mlmd.Execution.CACHED)

# Type of executions that hold the ids which a lost database had used.
LOST_TYPE = "taxiway.Lost"

_UNFINISHED = (mlmd.Execution.NEW, mlmd.Execution.RUNNING)


def state(store: metadata_store.MetadataStore, execution_id: int) -> Any:
    """Return the last state of an execution.

    Args:
      store: ML Metadata store.
      execution_id: id of the execution.
    """
    (execution,) = store.get_executions_by_id([execution_id])
    return execution.last_known_state


def outputs(store: metadata_store.MetadataStore, execution_id: int) -> dict[str, mlmd.Artifact]:
    """Return the outputs of an execution, run or cached: the first artifact by output name.

    Args:
      store: ML Metadata store.
      execution_id: id of the execution.
    """
    events = [
        event
        for event in store.get_events_by_execution_ids([execution_id])
        # A Resolver's are internal: artifacts that other nodes wrote.
        if event.type in (mlmd.Event.OUTPUT, mlmd.Event.INTERNAL_OUTPUT)
    ]
    artifacts = {
        artifact.id: artifact
        for artifact in store.get_artifacts_by_id([event.artifact_id for event in events])
    }
    return {event.path.steps[0].key: artifacts[event.artifact_id] for event in events}


def origin(store: metadata_store.MetadataStore, execution: mlmd.Execution) -> tuple[str, str, str]:
    """Return the pipeline, the node and the run of an execution; "" for what is unknown.

    Args:
      store: ML Metadata store.
      execution: execution of any pipeline.
    """
    contexts = store.get_contexts_by_execution(execution.id)
    names = {context.type: context.name for context in contexts}
    pipeline, _, node = names.get(properties.NODE, "").rpartition(".")
    return pipeline, node, names.get(properties.PIPELINE_RUN, "")


def by_node(store: metadata_store.MetadataStore, run_id: str) -> Mapping[str, list[mlmd.Execution]]:
    """Return the executions of a run by node, oldest first.

    Args:
      store: ML Metadata store.
      run_id: TFX pipeline run id.
    """
    if not any(kind.name == properties.PIPELINE_RUN for kind in store.get_context_types()):
        return {}
    context = store.get_context_by_type_and_name(properties.PIPELINE_RUN, run_id)
    if context is None:
        return {}
    nodes: dict[str, list[mlmd.Execution]] = {}
    executions = store.get_executions_by_context(context.id)
    for execution in sorted(executions, key=lambda execution: execution.id):
        _, node, _ = origin(store, execution)
        if node:
            nodes.setdefault(node, []).append(execution)
    return nodes


def successful(executions: Iterable[mlmd.Execution]) -> int | None:
    """Return the id of the first execution that succeeded; None when there is none.

    Args:
      executions: executions of one node.
    """
    return next(
        (execution.id for execution in executions if execution.last_known_state in SUCCESSFUL),
        None,
    )


def run_outputs(
    store: metadata_store.MetadataStore, executions: Mapping[str, Iterable[mlmd.Execution]]
) -> dict[str, dict[str, Any]]:
    """Return the outputs of the nodes that succeeded: artifacts by node and output.

    Args:
      store: ML Metadata store.
      executions: executions by node, as `by_node` returns them.
    """
    ids = {node: successful(attempts) for node, attempts in executions.items()}
    return {node: outputs(store, number) for node, number in ids.items() if number}


def unfinished(store: metadata_store.MetadataStore) -> list[mlmd.Execution]:
    """Return executions that run, or whose run was killed.

    Args:
      store: ML Metadata store.
    """
    # A long history has many finished executions, so the database selects where it can.
    query = "last_known_state IN (NEW, RUNNING)"
    options = filters.options(query) if filters.supported() else None
    executions = store.get_executions(list_options=options)
    return [execution for execution in executions if execution.last_known_state in _UNFINISHED]


def fail(
    store: metadata_store.MetadataStore, artifacts: Path, executions: Sequence[mlmd.Execution]
) -> None:
    """Mark executions as failed, and remove the outputs that they wrote.

    Args:
      store: ML Metadata store.
      artifacts: TFX's pipeline root.
      executions: executions whose process has ended.
    """
    for execution in executions:
        execution.last_known_state = mlmd.Execution.FAILED
        for output in artifacts.glob(f"*/*/{execution.id}"):
            shutil.rmtree(output)
    if executions:
        store.put_executions(executions)


def fail_unfinished(
    store: metadata_store.MetadataStore, artifacts: Path, executions: Iterable[mlmd.Execution]
) -> int:
    """Mark the executions that did not succeed as failed, and remove what they wrote.

    Args:
      store: ML Metadata store.
      artifacts: TFX's pipeline root.
      executions: executions whose process has ended, whatever ML Metadata states.

    Returns:
      The number of executions that were marked.
    """
    failed = [execution for execution in executions if execution.last_known_state not in SUCCESSFUL]
    fail(store, artifacts, failed)
    return len(failed)


def fail_abandoned(
    store: metadata_store.MetadataStore, artifacts: Path, longest_seconds: float
) -> int:
    """Mark executions as failed that have run for longer than a task may run.

    Other runs may be active, so a running execution is not abandoned by itself.

    Args:
      store: ML Metadata store.
      artifacts: TFX's pipeline root.
      longest_seconds: seconds after which Kubernetes stops a task.

    Returns:
      The number of executions that were marked.
    """
    earliest = (time.time() - longest_seconds) * 1e3
    abandoned = [
        execution
        for execution in unfinished(store)
        if execution.last_update_time_since_epoch < earliest
    ]
    fail(store, artifacts, abandoned)
    return len(abandoned)


def output_folders(workspace: Workspace) -> list[Path]:
    """Return the folders of all outputs: NODE/OUTPUT/EXECUTION, as TFX names them.

    Args:
      workspace: workspace of the pipeline.
    """
    return sorted(workspace.artifacts.glob("[!.]*/[!.]*/*"))


def reserve_lost(store: metadata_store.MetadataStore, workspace: Workspace) -> int:
    """Reserve the ids that a lost database had given out: folders and manifests still have them.

    Args:
      store: ML Metadata store.
      workspace: workspace of the pipeline.

    Returns:
      The number of ids that were reserved.
    """
    lost = max(_highest_used(workspace), default=0) - _highest_known(store)
    if lost <= 0:
        return 0
    kind = store.put_execution_type(mlmd.ExecutionType(name=LOST_TYPE))
    placeholder = mlmd.Execution(type_id=kind, last_known_state=mlmd.Execution.CANCELED)
    store.put_executions([placeholder] * lost)
    return lost


def _highest_known(store: metadata_store.MetadataStore) -> int:
    newest = metadata_store.ListOptions(
        limit=1, order_by=metadata_store.OrderByField.ID, is_asc=False
    )
    return max((execution.id for execution in store.get_executions(list_options=newest)), default=0)


def _highest_used(workspace: Workspace) -> list[int]:
    """Return the highest id of each output's folders, and that of the newest readable manifest."""
    ids = [
        # Paths of a long history take seconds to make, so only the names are read.
        max((int(name) for name in os.listdir(output) if name.isdecimal()), default=0)  # noqa: PTH208
        for output in workspace.artifacts.glob("[!.]*/[!.]*")
    ]
    for version in reversed(publish.versions(workspace.model_base)):
        try:
            newest = manifest.read(workspace.model_base / str(version))
        except UnreadableManifest:
            continue
        return [*ids, newest.mlmd.get("execution_id", 0)]
    return ids
