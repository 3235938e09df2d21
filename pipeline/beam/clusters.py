"""Clusters by name."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable

from pipeline.beam import job_server
from pipeline.beam.cluster import Cluster
from pipeline.beam.flink import Flink
from pipeline.beam.spark import Spark
from pipeline.errors import TaxiwayError
from pipeline.settings.beam import BeamSettings
from pipeline.settings.engines import CLUSTERS, COMPONENTS, Engine

_log = logging.getLogger(__name__)


def of(beam: BeamSettings, engine: Engine) -> Cluster | None:
    """Return the cluster that an engine is; None for this process."""
    if engine == "local":
        return None
    return {"flink": Flink, "spark": Spark}[engine](beam)


def in_use(beam: BeamSettings) -> list[Cluster]:
    """Return the clusters that any component works on."""
    used = set(beam.engines.values())
    return [found for name in CLUSTERS if name in used and (found := of(beam, name))]


def cancel(beam: BeamSettings, node: str, job: str) -> None:
    """End a component's job, as well as can be done: what ended its component is what counts.

    Args:
      beam: settings.
      node: TFX's node id; nothing is done for one that has no Beam work.
      job: the name of its job.
    """
    if node in COMPONENTS and (cluster := of(beam, beam.engine_of(node))):
        _cancel(cluster, job)


def cancel_left(beam: BeamSettings, node: str, job: str) -> None:
    """End a job that an earlier run has left, perhaps on another engine than is set now.

    Args:
      beam: settings.
      node: as in `cancel`.
      job: as in `cancel`.
    """
    if node not in COMPONENTS:
        return
    for name in CLUSTERS:
        cluster = of(beam, name)
        if cluster and cluster.settings.master:
            _cancel(cluster, job)


def _cancel(cluster: Cluster, job: str) -> None:
    ways: list[Callable[[str], None]] = [cluster.cancel]
    if endpoint := cluster.settings.job_endpoint:
        named = f"beam.{cluster.name}.job_endpoint"
        ways.insert(0, functools.partial(job_server.cancel, named, endpoint))
    for end in ways:
        try:
            end(job)
        except TaxiwayError as error:
            _log.warning("Job %s may still run: %s", job, error.what)
