"""From settings to the flags that Beam takes."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.beam.cluster import Cluster
from pipeline.settings.beam import BeamSettings
from pipeline.settings.engines import Component

# TFX builds a package of itself for each component unless it hears where workers have it from.
# An external worker is there already: Beam reads its image's name nowhere.
_ALREADY_THERE = "already-there"
# That a worker waits for the next stage of its job. Beam would end it at once, and the next one
# first has to import TensorFlow.
_WORKER_WAITS_MS = 60_000


def flags(
    beam: BeamSettings, cluster: Cluster, component: Component, endpoint: str, job: str
) -> list[str]:
    """Return the flags for a component's work on a cluster.

    Args:
      beam: settings.
      cluster: where the component's work is done.
      component: TFX's node id.
      endpoint: of the job server: host:port.
      job: the name it is to have there.
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
    # Not in containers that the cluster starts: Beam mounts nothing of the workspace in them.
    yield "--environment_type=EXTERNAL"
    yield f"--environment_config={settings.worker_pool}"
    yield f"--sdk_container_image={_ALREADY_THERE}"
    yield f"--environment_cache_millis={_WORKER_WAITS_MS}"
    if settings.setup_file:
        yield f"--setup_file={settings.setup_file}"
    # It runs `pip freeze`, which an environment made by uv does not have.
    yield "--experiments=disable_logging_submission_environment"
