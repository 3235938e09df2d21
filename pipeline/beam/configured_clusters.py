"""Create clusters by name, and cancel the jobs of components on them."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable

from pipeline.beam import job_server
from pipeline.beam.cluster_base import Cluster
from pipeline.beam.flink import Flink
from pipeline.beam.spark import Spark
from pipeline.errors import TaxiwayError
from pipeline.settings.beam import BeamSettings
from pipeline.settings.engines import CLUSTERS, COMPONENTS, Engine

_log = logging.getLogger(__name__)


def create(beam: BeamSettings, engine: Engine) -> Cluster | None:
    """Return the cluster of an engine; None for this process.

    Args:
      beam: Beam settings of the pipeline.
      engine: name of the engine.
    """
    if engine == "local":
        return None
    return {"flink": Flink, "spark": Spark}[engine](beam)


def in_use(beam: BeamSettings) -> list[Cluster]:
    """Return the clusters that at least one component works on.

    Args:
      beam: Beam settings of the pipeline.
    """
    engines = set(beam.engines.values())
    return [
        cluster
        for name in CLUSTERS
        if name in engines and (cluster := create(beam, name)) is not None
    ]


def job_name(pipeline: str, node: str, run_id: str) -> str:
    """Return the name of a component's job on a cluster.

    Args:
      pipeline: name of the pipeline.
      node: TFX node id of the component.
      run_id: id of the run.
    """
    return f"{pipeline}-{node}-{run_id}"


def cancel(beam: BeamSettings, node: str, job: str) -> None:
    """Cancel a component's job; a failure is only logged.

    The error that ended the component is what the user must see, so none is raised here.

    Args:
      beam: Beam settings of the pipeline.
      node: TFX node id; nothing happens if the node has no Beam work.
      job: name of the component's job.
    """
    if node in COMPONENTS and (cluster := create(beam, beam.engine_of(node))):
        _cancel(cluster, job)


def cancel_abandoned(beam: BeamSettings, node: str, job: str) -> None:
    """Cancel a job of an earlier run on every cluster that the settings name.

    The earlier run may have used another engine than the one that is set now.

    Args:
      beam: Beam settings of the pipeline.
      node: TFX node id; nothing happens if the node has no Beam work.
      job: name of the component's job.
    """
    if node not in COMPONENTS:
        return
    for name in CLUSTERS:
        cluster = create(beam, name)
        if cluster and cluster.settings.master:
            _cancel(cluster, job)


def _cancel(cluster: Cluster, job: str) -> None:
    actions: list[Callable[[str], None]] = [cluster.cancel]
    if endpoint := cluster.settings.job_endpoint:
        setting = f"beam.{cluster.name}.job_endpoint"
        actions.insert(0, functools.partial(job_server.cancel, setting, endpoint))
    for action in actions:
        try:
            action(job)
        except TaxiwayError as error:
            _log.warning("Job %s may still run: %s", job, error.what)
