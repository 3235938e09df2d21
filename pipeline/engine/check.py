"""Whether an engine can do the work, found out before any work starts."""

from __future__ import annotations

import ipaddress
import json
import shutil
import socket
import zipfile
from pathlib import Path
from typing import Any

from pipeline.engine.flags import jar
from pipeline.engine.names import Component
from pipeline.engine.settings import BeamSettings, FlinkSettings, is_coordinate
from pipeline.errors import InfrastructureError, UsageError

_SECONDS = 10.0
_LOCAL = "taxiway run --engine local, or correct [beam.flink] (docs/engines.md)"


def settings(beam: BeamSettings) -> None:
    """Refuse settings that no engine can work with; nothing is connected.

    Args:
      beam: of the pipeline.

    Raises:
      UsageError: what an engine needs is not set, or does not fit.
    """
    if "flink" not in beam.engines.values():
        return
    flink = beam.flink
    if flink.master is None:
        raise UsageError(
            'beam.flink.master is not set; the engine "flink" needs the host:port of the '
            "JobManager's REST API.",
            _LOCAL,
        )
    if flink.environment == "loopback" and not _is_here(flink.master):
        raise UsageError(
            f'beam.flink.environment is "loopback", but {flink.master} is another machine: its '
            "TaskManagers cannot call this process.",
            'environment = "external" or "docker", or a cluster at localhost',
        )
    if flink.setup_file and flink.setup_file.name != "setup.py":
        raise UsageError(
            f"beam.flink.setup_file: {flink.setup_file} has to be called setup.py.", _LOCAL
        )


def reach(beam: BeamSettings) -> str:
    """Make sure that the engine answers and has what each component asks for.

    Args:
      beam: of the pipeline.

    Returns:
      What was found, in words; "" when all work is done in this process.

    Raises:
      UsageError: as `settings`.
      InfrastructureError: it does not answer, is not what the settings say, or too small.
    """
    settings(beam)
    if "flink" not in beam.engines.values():
        return ""
    flink = beam.flink
    found = _cluster(flink)
    slots = int(found["slots-total"])
    wanted = _wanted(beam)
    if slots < wanted:
        raise InfrastructureError(
            f"Flink at {flink.master} has {slots} task slots in {found['taskmanagers']} "
            f"TaskManagers; {wanted} are needed.",
            "start TaskManagers, or lower beam.flink.parallelism",
        )
    version = ".".join(str(found["flink-version"]).split(".")[:2])
    _check_version(flink, version)
    _check_job_server(flink)
    if flink.environment == "external" and (
        _is_here(str(flink.master)) or not _is_here(flink.worker_pool)
    ):
        _connect("beam.flink.worker_pool", flink.worker_pool, "start it beside the TaskManager")
    if flink.setup_file and not flink.setup_file.is_file():
        raise InfrastructureError(
            f"beam.flink.setup_file: there is no file {flink.setup_file}.", _LOCAL
        )
    return f"Flink {found['flink-version']} at {flink.master}, {slots} task slots"


def _wanted(beam: BeamSettings) -> int:
    """Return how many task slots the widest component needs."""
    own: dict[Component, int] = {
        name: each.parallelism for name, each in beam.components.items() if each.parallelism
    }
    return max(
        own.get(component) or beam.flink.parallelism or 1
        for component, engine in beam.engines.items()
        if engine == "flink"
    )


def _cluster(flink: FlinkSettings) -> dict[str, Any]:
    import urllib3

    url = f"http://{flink.master}/overview"
    try:
        answer = urllib3.PoolManager().request("GET", url, timeout=_SECONDS, retries=False)
    except urllib3.exceptions.HTTPError as error:
        raise InfrastructureError(
            f"beam.flink.master: nothing answers at {flink.master}: {_why(error)}.", _LOCAL
        ) from error
    try:
        found = json.loads(answer.data)
        int(found["slots-total"]), found["taskmanagers"], found["flink-version"]
    except (ValueError, TypeError, KeyError) as error:
        raise InfrastructureError(
            f"beam.flink.master: what answers at {url} is not Flink's REST API "
            f"(HTTP status {answer.status}).",
            _LOCAL,
        ) from error
    return dict(found)


def _check_version(flink: FlinkSettings, version: str) -> None:
    if flink.job_server or flink.job_endpoint:  # they say themselves which Flink they are for
        expected = flink.version or version
        known = [expected]
    else:
        from apache_beam.options.pipeline_options import FlinkRunnerOptions

        known = FlinkRunnerOptions.PUBLISHED_FLINK_VERSIONS
        expected = flink.version or known[-1]
    if expected not in known:
        raise InfrastructureError(
            f"beam.flink.version: this Beam has no job server for Flink {expected}; "
            f"it has one for {', '.join(known)}.",
            "use such a cluster, or name a beam.flink.job_server",
        )
    if version != expected:
        raise InfrastructureError(
            f"Flink at {flink.master} is version {version}, not {expected}; "
            f"Beam has job servers for {', '.join(known)}.",
            f'version = "{version}" in [beam.flink]'
            if version in known
            else "use such a cluster, or name a beam.flink.job_server",
        )


def _check_job_server(flink: FlinkSettings) -> None:
    if flink.job_endpoint:
        _connect("beam.flink.job_endpoint", flink.job_endpoint, "start the job server")
        return
    if shutil.which("java") is None:
        raise InfrastructureError(
            "each component starts a job server, which needs Java; there is no java on the PATH.",
            "install Java 11 or 17 (apt install openjdk-17-jre-headless), "
            "or name a beam.flink.job_endpoint",
        )
    if flink.job_server and not is_coordinate(flink.job_server):
        if not zipfile.is_zipfile(flink.job_server):
            raise InfrastructureError(
                f"beam.flink.job_server: {flink.job_server} is not a jar that can be read.", _LOCAL
            )
        return
    _download(flink)


def _download(flink: FlinkSettings) -> None:
    """Have Beam put the job server's jar into its cache, where every component finds it."""
    from apache_beam.runners.portability.flink_runner import FlinkRunnerOptions
    from apache_beam.utils.subprocess_server import JavaJarServer

    version = flink.version or FlinkRunnerOptions.PUBLISHED_FLINK_VERSIONS[-1]
    url = (
        jar(flink.job_server)
        if flink.job_server
        else JavaJarServer.path_to_beam_jar(f":runners:flink:{version}:job-server:shadowJar")
    )
    try:
        file = JavaJarServer.local_jar(url)
    except (RuntimeError, OSError) as error:
        raise InfrastructureError(
            f"the job server's jar cannot be downloaded: {error}",
            "name a file as beam.flink.job_server, or a beam.flink.job_endpoint",
        ) from error
    if not zipfile.is_zipfile(file):
        raise InfrastructureError(f"{file} is not a jar that can be read.", f"rm {Path(file)}")


def _connect(name: str, place: str, remedy: str) -> None:
    host, _, port = place.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), _SECONDS):
            pass
    except (OSError, OverflowError) as error:
        raise InfrastructureError(
            f"{name}: nothing answers at {place}: {_why(error)}.", f"{remedy} (docs/engines.md)"
        ) from error


def _is_here(place: str) -> bool:
    host = place.rpartition(":")[0]
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _why(error: Exception) -> str:
    return str(error).rpartition(": ")[2].rpartition("] ")[2] or type(error).__name__
