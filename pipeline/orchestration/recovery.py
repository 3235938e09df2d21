"""What a killed run has left: jobs on a cluster, executions that seem to run, half an output."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2 as mlmd

from pipeline.beam import clusters
from pipeline.metadata import executions as runs
from pipeline.settings.beam import BeamSettings


def close(store: metadata_store.MetadataStore, artifacts: Path, beam: BeamSettings) -> list[str]:
    """End it all, and mark the executions as failed.

    Args:
      store: ML Metadata; the caller holds the workspace, so nothing is really running.
      artifacts: TFX's pipeline root.
      beam: settings that say where jobs may run.

    Returns:
      The nodes that were at it, in the order in which they began.
    """
    found = runs.unfinished(store)
    end_jobs(store, found, beam)
    runs.fail(store, artifacts, found)
    return [runs.origin(store, execution)[1] for execution in found]


def end_jobs(
    store: metadata_store.MetadataStore, executions: Iterable[mlmd.Execution], beam: BeamSettings
) -> None:
    """End the jobs of executions: a Flink job goes on when the run that began it is killed.

    Args:
      store: ML Metadata.
      executions: that nobody waits for any longer.
      beam: settings that say where jobs may run.
    """
    for execution in executions:
        pipeline, node, run_id = runs.origin(store, execution)
        clusters.cancel_abandoned(beam, node, clusters.job_name(pipeline, node, run_id))
