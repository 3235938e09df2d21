"""The jar of a job server, and its process, which never outlives the run."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import apache_beam
import pytest
from apache_beam.utils.subprocess_server import JavaJarServer

from pipeline.beam import configured_clusters, job_server
from pipeline.beam.cluster_base import Cluster
from pipeline.beam.job_server import JobServer
from pipeline.errors import InfrastructureError
from pipeline.settings.beam import BeamSettings
from pipeline.settings.engines import CLUSTERS, ClusterName
from tests.conftest import PROJECT
from tests.pipeline.beam.servers import OVERVIEW, answering

_MAVEN, _BEAM = "https://repo.maven.apache.org/maven2", apache_beam.__version__

# Writes its process id and its staging folder, and listens on the port of the job server.
_LISTENER = """
import os, pathlib, socket, sys
flags = dict(flag.removeprefix("--").split("=") for flag in sys.argv[2:])
pathlib.Path(sys.argv[1]).write_text(f"{os.getpid()} {flags['artifacts-dir']}")
with socket.create_server(("localhost", int(flags["job-port"]))) as listening:
    while True:
        listening.accept()
"""


def _listener(folder: Path) -> list[str]:
    return [sys.executable, "-c", _LISTENER, str(folder / "started")]


def _started(folder: Path) -> tuple[int, Path]:
    process, staging = (folder / "started").read_text().split()
    return int(process), Path(staging)


def _runs(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"  # a zombie has ended, but its parent has not read its exit code yet


def test_it_answers_and_ends(tmp_path: Path) -> None:
    server = JobServer(_listener(tmp_path))
    process, staging = _started(tmp_path)
    assert server.runs and _runs(process) and staging.is_dir()
    server.end()
    assert not server.runs and not _runs(process) and not staging.exists()


def test_it_uses_the_staging_folder_of_the_settings(tmp_path: Path) -> None:
    server = JobServer(_listener(tmp_path), tmp_path / "staging")
    server.end()
    assert _started(tmp_path)[1] == tmp_path / "staging"


def test_a_job_server_that_ends_at_once_is_an_error() -> None:
    with pytest.raises(InfrastructureError, match="ended at once, with exit code 3"):
        JobServer([sys.executable, "-c", "raise SystemExit(3)"])


def test_it_ends_when_the_run_is_killed(tmp_path: Path) -> None:
    start = (
        "import sys, time; from pipeline.beam.job_server import JobServer; "
        "JobServer(sys.argv[1:]); print('ready', flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", start, *_listener(tmp_path)],
        stdout=subprocess.PIPE, text=True, cwd=PROJECT,
    ) as run:  # fmt: skip
        assert run.stdout is not None
        assert run.stdout.readline() == "ready\n"
        process, _ = _started(tmp_path)
        run.send_signal(signal.SIGKILL)
    for _ in range(100):
        if not _runs(process):
            return
        time.sleep(0.1)
    raise AssertionError("it still runs")


def _cluster(name: ClusterName, **settings: str) -> Cluster:
    beam = BeamSettings.model_validate({"engine": name, name: {"master": "localhost:1"} | settings})
    cluster = configured_clusters.create(beam, name)
    assert cluster is not None
    return cluster


@pytest.fixture
def downloads(jar: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The URLs that Beam downloads; every download succeeds."""
    urls: list[str] = []

    def local_jar(url: str) -> str:
        urls.append(url)
        return jar

    monkeypatch.setattr(JavaJarServer, "local_jar", local_jar)
    return urls


@pytest.mark.parametrize(("name", "kind"), [("flink", "flink-1.19"), ("spark", "spark-3")])
def test_the_default_jar_is_that_of_beam_for_the_cluster(
    name: ClusterName, kind: str, jar: str, downloads: list[str]
) -> None:
    with answering(json.dumps(OVERVIEW).encode()) as address:
        assert job_server.jar(_cluster(name, master=address)) == jar
    server = f"beam-runners-{kind}-job-server"
    assert downloads == [f"{_MAVEN}/org/apache/beam/{server}/{_BEAM}/{server}-{_BEAM}.jar"]


@pytest.mark.parametrize("name", CLUSTERS)
def test_the_jar_may_be_another_package_of_maven_central(
    name: ClusterName, jar: str, downloads: list[str]
) -> None:
    assert job_server.jar(_cluster(name, job_server="org.example.jobs:server:1.2")) == jar
    assert downloads == [f"{_MAVEN}/org/example/jobs/server/1.2/server-1.2.jar"]


# Beam raises RuntimeError for most errors, and passes others on.
@pytest.mark.parametrize("error", [RuntimeError("no answer"), TimeoutError("no answer")])
@pytest.mark.parametrize("name", CLUSTERS)
def test_a_jar_that_cannot_be_downloaded_is_an_error(
    name: ClusterName, error: Exception, jar: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def local_jar(url: str) -> str:
        raise error

    monkeypatch.setattr(JavaJarServer, "local_jar", local_jar)
    with pytest.raises(InfrastructureError) as raised:
        job_server.jar(_cluster(name, job_server="org.example.jobs:server:1.2"))
    assert raised.value.what == "the job server's jar cannot be downloaded: no answer"
    assert raised.value.next_step == (
        f"set beam.{name}.job_server to a file, or set beam.{name}.job_endpoint"
    )


def test_a_download_that_is_not_a_jar_must_be_removed(jar: str, downloads: list[str]) -> None:
    Path(jar).write_text("<html>")
    with pytest.raises(InfrastructureError, match="is not a readable jar") as raised:
        job_server.jar(_cluster("spark"))
    assert raised.value.next_step == f"rm {jar}"


@pytest.fixture
def default_timeout() -> Iterator[float]:
    """The default timeout of the sockets of this process, in seconds."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(7)
    yield 7
    socket.setdefaulttimeout(before)


@pytest.mark.parametrize("error", [None, TimeoutError("no answer")])
def test_only_the_download_has_another_timeout(
    error: Exception | None, jar: str, default_timeout: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    timeouts = []

    def local_jar(url: str) -> str:
        timeouts.append(socket.getdefaulttimeout())
        if error:
            raise error
        return jar

    monkeypatch.setattr(JavaJarServer, "local_jar", local_jar)
    with suppress(InfrastructureError):
        job_server.jar(_cluster("spark"))
    assert timeouts == [60]
    assert socket.getdefaulttimeout() == default_timeout
