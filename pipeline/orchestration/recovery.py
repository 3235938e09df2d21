"""Clean up after a killed run: jobs on a cluster, executions that seem to run, partial outputs."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2 as mlmd

from pipeline.beam import configured_clusters
from pipeline.metadata.executions import fail, origin, unfinished
from pipeline.settings.beam import BeamSettings


def fail_abandoned(
    store: metadata_store.MetadataStore, artifacts: Path, beam: BeamSettings
) -> list[str]:
    """Cancel the jobs of unfinished executions, and mark the executions as failed.

    Args:
      store: ML Metadata store; the caller holds the workspace's lock, so no execution is running.
      artifacts: TFX's pipeline root.
      beam: settings of the clusters that jobs may run on.

    Returns:
      The nodes of the executions, in the order in which they began.
    """
    executions = unfinished(store)
    cancel_jobs(store, executions, beam)
    fail(store, artifacts, executions)
    return [origin(store, execution)[1] for execution in executions]


def cancel_jobs(
    store: metadata_store.MetadataStore, executions: Iterable[mlmd.Execution], beam: BeamSettings
) -> None:
    """Cancel the cluster jobs of executions; a Flink job survives the run that started it.

    Args:
      store: ML Metadata store.
      executions: executions that no process waits for.
      beam: settings of the clusters that jobs may run on.
    """
    for execution in executions:
        pipeline, node, run_id = origin(store, execution)
        configured_clusters.cancel_abandoned(
            beam, node, configured_clusters.job_name(pipeline, node, run_id)
        )
