"""Convert settings to Beam's flags."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.beam.cluster_base import Cluster
from pipeline.settings.beam import BeamSettings
from pipeline.settings.engines import Component

# TFX builds a package of itself for every component unless a flag states how workers get TFX.
# An external worker has TFX already, and Beam reads the image's name nowhere.
_ALREADY_INSTALLED = "already-there"
# Beam would end a worker at once after a stage, and the next worker first has to import TensorFlow,
# so a worker waits this long for the next stage of its job.
_WORKER_IDLE_MS = 60_000


def flags(
    beam: BeamSettings, cluster: Cluster, component: Component, endpoint: str, job: str
) -> list[str]:
    """Return the Beam flags for a component's work on a cluster.

    Args:
      beam: Beam settings of the pipeline.
      cluster: cluster that does the component's work.
      component: TFX node id of the component.
      endpoint: address of the job server: host:port.
      job: name of the component's job.
    """
    return [
        "--runner=PortableRunner",
        f"--job_endpoint={endpoint}",
        f"--job_name={job}",
        *_workers(cluster),
        *cluster.flags(component),
        *beam.arguments_of(component),
    ]


def _workers(cluster: Cluster) -> Iterator[str]:
    settings = cluster.settings
    # Beam mounts nothing of the workspace in containers that a cluster starts, so workers are
    # external.
    yield "--environment_type=EXTERNAL"
    yield f"--environment_config={settings.worker_pool}"
    yield f"--sdk_container_image={_ALREADY_INSTALLED}"
    yield f"--environment_cache_millis={_WORKER_IDLE_MS}"
    if settings.setup_file:
        yield f"--setup_file={settings.setup_file}"
    # Logging the environment runs `pip freeze`, and an environment made by uv has no pip.
    yield "--experiments=disable_logging_submission_environment"
