"""What ML Metadata knows of one run."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2 as mlmd

from pipeline.metadata import store as metadata

SUCCESSFUL = (mlmd.Execution.COMPLETE, mlmd.Execution.CACHED)

_RUN = "pipeline_run"


def of_run(store: metadata_store.MetadataStore, run_id: str) -> Mapping[str, list[mlmd.Execution]]:
    """Return the executions of a run by node, each node's oldest first.

    Args:
      store: ML Metadata.
      run_id: the TFX pipeline run id.
    """
    if not any(kind.name == _RUN for kind in store.get_context_types()):
        return {}
    context = store.get_context_by_type_and_name(_RUN, run_id)
    if context is None:
        return {}
    found: dict[str, list[mlmd.Execution]] = {}
    for execution in sorted(store.get_executions_by_context(context.id), key=lambda each: each.id):
        _, node, _ = metadata.origin(store, execution)
        if node:
            found.setdefault(node, []).append(execution)
    return found


def done(executions: Iterable[mlmd.Execution]) -> int | None:
    """Return the id of the execution that succeeded; None when there is none."""
    return next((each.id for each in executions if each.last_known_state in SUCCESSFUL), None)


def outputs(
    store: metadata_store.MetadataStore, executions: Mapping[str, Iterable[mlmd.Execution]]
) -> dict[str, dict[str, Any]]:
    """Return what the nodes that succeeded put out: artifacts by node and output.

    Args:
      store: ML Metadata.
      executions: by node.
    """
    ids = {node: done(of_node) for node, of_node in executions.items()}
    return {node: metadata.outputs(store, found) for node, found in ids.items() if found}


def fail_unfinished(
    store: metadata_store.MetadataStore, artifacts: Path, executions: Iterable[mlmd.Execution]
) -> int:
    """Mark executions whose process is gone as failed, and remove what they wrote.

    Args:
      store: ML Metadata.
      artifacts: TFX's pipeline root.
      executions: that are not running, whatever ML Metadata says.

    Returns:
      How many there were.
    """
    unfinished = [each for each in executions if each.last_known_state not in SUCCESSFUL]
    metadata.fail(store, artifacts, unfinished)
    return len(unfinished)


def fail_abandoned(
    store: metadata_store.MetadataStore, artifacts: Path, longest_seconds: float
) -> int:
    """Fail executions that say they run for longer than a task may.

    Other runs may be under way, so that not every running execution has been left.

    Args:
      store: ML Metadata.
      artifacts: TFX's pipeline root.
      longest_seconds: after which Kubernetes stops a task.

    Returns:
      How many there were.
    """
    earliest = (time.time() - longest_seconds) * 1e3
    abandoned = [
        each for each in metadata.unfinished(store) if each.last_update_time_since_epoch < earliest
    ]
    metadata.fail(store, artifacts, abandoned)
    return len(abandoned)
