"""Beam's job servers: Java processes that submit jobs to a cluster."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
import zipfile
from pathlib import Path

from pipeline.beam.calls import CANCEL_SECONDS
from pipeline.beam.cluster_base import Cluster
from pipeline.beam.processes import ended_with_this_process
from pipeline.errors import InfrastructureError
from pipeline.settings.beam import is_coordinate
from pipeline.settings.engines import Component
from serving.ports import free_port

_START_SECONDS = 60
_END_SECONDS = 10


class JobServer:
    """A job server that runs until `end` is called or this process ends.

    Args:
      command: Java command, without the ports and the staging folder.
      staging: folder for the packages that workers install; default a temporary folder.

    Raises:
      InfrastructureError: the job server does not start.
    """

    def __init__(self, command: list[str], staging: Path | None = None) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="taxiway-jobs-")
        port = free_port()
        self.endpoint = f"localhost:{port}"
        self._process = subprocess.Popen(
            ended_with_this_process(
                [
                    *command,
                    f"--artifacts-dir={staging or self._folder.name}",
                    f"--job-port={port}",
                    "--artifact-port=0",
                    "--expansion-port=0",
                ]
            ),
            stdin=subprocess.DEVNULL,
        )
        try:
            self._wait(port)
        except BaseException:
            self.end()
            raise

    @property
    def runs(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    def end(self) -> None:
        """End the process; jobs on the cluster are not cancelled."""
        self._process.terminate()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._folder.cleanup()

    def _wait(self, port: int) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if not self.runs:
                raise InfrastructureError(
                    f"the job server ended at once, with exit code {self._process.returncode}; "
                    "the log states why."
                )
            try:
                socket.create_connection(("localhost", port), timeout=1).close()
            except OSError:
                time.sleep(0.1)
            else:
                return
        raise InfrastructureError(f"the job server did not answer in {_START_SECONDS} s.")


def command(cluster: Cluster, component: Component) -> list[str]:
    """Return the command that starts a component's job server.

    Args:
      cluster: cluster that does the component's work.
      component: TFX node id of the component.

    Raises:
      InfrastructureError: there is no Java, or the jar is not available.
    """
    java_options = cluster.java_options(component)
    return ["java", *java_options, "-jar", jar(cluster), *cluster.job_server_args()]


def jar(cluster: Cluster) -> str:
    """Return the path of a cluster's job server; the jar is downloaded if it is missing.

    Args:
      cluster: cluster that the job server submits jobs to.

    Raises:
      InfrastructureError: there is no Java, or the jar is not available.
    """
    if shutil.which("java") is None:
        raise InfrastructureError(
            "a run starts a job server, which needs Java; there is no java on the PATH.",
            "install Java 11 or 17 (Debian 12: apt install openjdk-17-jre-headless), "
            f"or set beam.{cluster.name}.job_endpoint",
        )
    return _jar_file(cluster)


def cancel(setting: str, endpoint: str, job: str) -> None:
    """Cancel a job through a job server that outlives the run.

    Args:
      setting: name of the setting that names the job server.
      endpoint: address of the job server: host:port.
      job: name of the job.

    Raises:
      InfrastructureError: the job server does not answer, or does not cancel the job.
    """
    import grpc
    from apache_beam.portability.api import beam_job_api_pb2, beam_job_api_pb2_grpc

    try:
        with grpc.insecure_channel(endpoint) as channel:
            service = beam_job_api_pb2_grpc.JobServiceStub(channel)
            jobs = service.GetJobs(beam_job_api_pb2.GetJobsRequest(), timeout=CANCEL_SECONDS)
            for info in jobs.job_info:
                if info.job_name == job:
                    request = beam_job_api_pb2.CancelJobRequest(job_id=info.job_id)
                    service.Cancel(request, timeout=CANCEL_SECONDS)
    except grpc.RpcError as error:
        reason = f"{error.code().name}: {error.details()}"
        raise InfrastructureError(
            f"{setting}: {endpoint} cannot cancel a job because of {reason}."
        ) from error


def _jar_file(cluster: Cluster) -> str:
    """Return the jar's path; Beam downloads and caches a jar that is not a local file."""
    from apache_beam.utils.subprocess_server import JavaJarServer

    source, setting = cluster.settings.job_server, f"beam.{cluster.name}.job_server"
    if source and not is_coordinate(source):
        if not zipfile.is_zipfile(source):
            raise InfrastructureError(f"{setting}: {source} is not a readable jar.")
        return source
    if source:
        group, artifact, version = source.split(":")
        url = JavaJarServer.path_to_maven_jar(artifact, group, version)
    else:
        url = JavaJarServer.path_to_beam_jar(cluster.published_jar())
    default_timeout = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_START_SECONDS)  # Beam sets no timeout for the download
    try:
        file = str(JavaJarServer.local_jar(url))
    except (RuntimeError, OSError) as error:
        raise InfrastructureError(
            f"the job server's jar cannot be downloaded: {error}",
            f"set {setting} to a file, or set beam.{cluster.name}.job_endpoint",
        ) from error
    finally:
        socket.setdefaulttimeout(default_timeout)
    if not zipfile.is_zipfile(file):
        raise InfrastructureError(f"{file} is not a readable jar.", f"rm {file}")
    return file
