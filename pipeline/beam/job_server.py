"""Beam's job servers: Java processes that hand jobs to a cluster."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
import zipfile
from pathlib import Path

from pipeline.beam.calls import CANCEL_SECONDS
from pipeline.beam.cluster import Cluster
from pipeline.beam.processes import ended_with_this_process
from pipeline.errors import InfrastructureError
from pipeline.settings.beam import is_coordinate
from pipeline.settings.engines import Component
from serving.ports import free_port

_START_SECONDS = 60
_END_SECONDS = 10


class JobServer:
    """A job server that runs until it is ended, or this process ends.

    Args:
      command: of Java, but for where it listens and what it stages.
      staging: folder for what workers install; a temporary one by default.

    Raises:
      InfrastructureError: it does not start.
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
        """Whether it still runs."""
        return self._process.poll() is None

    def end(self) -> None:
        """End it; what runs on the cluster is not asked."""
        self._process.terminate()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._folder.cleanup()

    def _wait(self, port: int) -> None:
        until = time.monotonic() + _START_SECONDS
        while time.monotonic() < until:
            if not self.runs:
                raise InfrastructureError(
                    f"the job server ended at once, with exit code {self._process.returncode}; "
                    "the log says why."
                )
            try:
                socket.create_connection(("localhost", port), timeout=1).close()
            except OSError:
                time.sleep(0.1)
            else:
                return
        raise InfrastructureError(f"the job server did not answer in {_START_SECONDS} s.")


def command(cluster: Cluster, component: Component) -> list[str]:
    """Return the command of the job server that a component needs.

    Args:
      cluster: where its work is done.
      component: TFX's node id.

    Raises:
      InfrastructureError: there is no Java, or the jar cannot be had.
    """
    return ["java", *cluster.java(component), "-jar", jar(cluster), *cluster.words()]


def jar(cluster: Cluster) -> str:
    """Return the file that a job server is started from, once there is a Java that starts it.

    Args:
      cluster: that it hands jobs to.

    Raises:
      InfrastructureError: there is no Java, or the jar cannot be had.
    """
    if shutil.which("java") is None:
        raise InfrastructureError(
            "a run starts a job server, which needs Java; there is no java on the PATH.",
            "install Java 11 or 17 (Debian 12: apt install openjdk-17-jre-headless), "
            f"or name a beam.{cluster.name}.job_endpoint",
        )
    return _file(cluster)


def cancel(name: str, endpoint: str, job: str) -> None:
    """Have a job server that runs on end a job.

    Args:
      name: of the setting that names it.
      endpoint: host:port.
      job: its name.

    Raises:
      InfrastructureError: it does not answer, or does not do it.
    """
    import grpc
    from apache_beam.portability.api import beam_job_api_pb2, beam_job_api_pb2_grpc

    try:
        with grpc.insecure_channel(endpoint) as channel:
            jobs = beam_job_api_pb2_grpc.JobServiceStub(channel)
            found = jobs.GetJobs(beam_job_api_pb2.GetJobsRequest(), timeout=CANCEL_SECONDS)
            for each in found.job_info:
                if each.job_name == job:
                    request = beam_job_api_pb2.CancelJobRequest(job_id=each.job_id)
                    jobs.Cancel(request, timeout=CANCEL_SECONDS)
    except grpc.RpcError as error:
        why = f"{error.code().name}: {error.details()}"
        raise InfrastructureError(f"{name}: {endpoint} does not end a job: {why}.") from error


def _file(cluster: Cluster) -> str:
    """Return the file of a cluster's job server; Beam downloads and keeps what is no file."""
    from apache_beam.utils.subprocess_server import JavaJarServer

    said, setting = cluster.settings.job_server, f"beam.{cluster.name}.job_server"
    if said and not is_coordinate(said):
        if not zipfile.is_zipfile(said):
            raise InfrastructureError(f"{setting}: {said} is not a jar that can be read.")
        return said
    if said:
        group, artifact, version = said.split(":")
        url = JavaJarServer.path_to_maven_jar(artifact, group, version)
    else:
        url = JavaJarServer.path_to_beam_jar(cluster.published_jar())
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_START_SECONDS)  # Beam would wait for ever
    try:
        file = str(JavaJarServer.local_jar(url))
    except (RuntimeError, OSError) as error:
        raise InfrastructureError(
            f"the job server's jar cannot be downloaded: {error}",
            f"name a file as {setting}, or a beam.{cluster.name}.job_endpoint",
        ) from error
    finally:
        socket.setdefaulttimeout(before)
    if not zipfile.is_zipfile(file):
        raise InfrastructureError(f"{file} is not a jar that can be read.", f"rm {file}")
    return file
