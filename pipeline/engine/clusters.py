"""Clusters by name."""

from __future__ import annotations

from contextlib import suppress

from pipeline.engine import job_server
from pipeline.engine.cluster import Cluster
from pipeline.engine.flink import Flink
from pipeline.engine.names import CLUSTERS, COMPONENTS, Engine
from pipeline.engine.settings import BeamSettings
from pipeline.engine.spark import Spark
from pipeline.errors import TaxiwayError


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
    if node not in COMPONENTS:
        return
    cluster = of(beam, beam.engine_of(node))
    if cluster is None:
        return
    if cluster.settings.job_endpoint:
        job_server.cancel(cluster.settings.job_endpoint, job)
    with suppress(TaxiwayError):
        cluster.cancel(job)
