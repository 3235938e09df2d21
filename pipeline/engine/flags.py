"""From settings to the flags that Beam takes."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.engine.names import Component
from pipeline.engine.settings import BeamSettings, FlinkSettings, is_coordinate

# TFX builds a package of itself for each component unless it hears where workers have it from.
# An external or loopback worker is there already: Beam reads its image's name nowhere.
_ALREADY_THERE = "already-there"


def flags(settings: BeamSettings, component: Component) -> list[str]:
    """Return the flags for a component's Beam work; none when it is done in this process.

    Args:
      settings: of the engine.
      component: TFX's node id.
    """
    if settings.engine_of(component) == "local":
        return []
    own = settings.components.get(component)
    parallelism = (own and own.parallelism) or settings.flink.parallelism
    further = (*settings.flink.arguments, *(own.arguments if own else ()))
    return [*_flink(settings.flink, parallelism), *further]


def _flink(flink: FlinkSettings, parallelism: int | None) -> Iterator[str]:
    yield "--runner=FlinkRunner"
    yield f"--flink_master={flink.master}"
    if flink.version:
        yield f"--flink_version={flink.version}"
    if parallelism:
        yield f"--parallelism={parallelism}"
    if flink.job_endpoint:
        yield f"--job_endpoint={flink.job_endpoint}"
    if flink.job_server:
        yield f"--flink_job_server_jar={jar(flink.job_server)}"
    if flink.staging:
        yield f"--artifacts_dir={flink.staging}"
    yield f"--environment_type={flink.environment.upper()}"
    if flink.environment == "external":
        yield f"--environment_config={flink.worker_pool}"
    elif flink.environment == "docker":
        yield f"--environment_config={flink.image}"
    yield f"--sdk_container_image={flink.image or _ALREADY_THERE}"
    if flink.setup_file:
        yield f"--setup_file={flink.setup_file}"
    # It runs `pip freeze`, which an environment made by uv does not have.
    yield "--experiments=disable_logging_submission_environment"


def jar(job_server: str) -> str:
    """Return a jar as Beam takes it: a file, or where it can be downloaded.

    Args:
      job_server: a file, or group:artifact:version.
    """
    if not is_coordinate(job_server):
        return job_server
    from apache_beam.utils.subprocess_server import JavaJarServer

    group, artifact, version = job_server.split(":")
    return str(JavaJarServer.path_to_maven_jar(artifact, group, version))
