"""A real standalone Spark on this machine's loopback: a master, a worker, a worker pool."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from scripts.clusters import downloads
from scripts.clusters.processes import Processes, section
from serving.ports import free_port

_JVM = "org.apache.spark.deploy"


class Spark:
    """A running cluster.

    Args:
      folder: of its logs and temporary files.

    Raises:
      Unavailable: what it is made of cannot be had here.
    """

    name = "spark"

    def __init__(self, folder: Path) -> None:
        self._home = downloads.spark()
        self._job_server = downloads.job_server("spark")
        self._port, self._page = free_port(), free_port()
        self._processes = Processes(folder)
        self.stop = self._processes.stop

    @property
    def master(self) -> str:
        """Where drivers find it."""
        return f"127.0.0.1:{self._port}"

    def settings(self, **more: Any) -> str:
        """Return what a settings file says to use the cluster."""
        said = {
            "master": self.master,
            "web_ui": f"127.0.0.1:{self._page}",
            "job_server": str(self._job_server),
            "worker_pool": f"127.0.0.1:{self._processes.pool_port}",
        }
        return section("beam.spark", said | more)

    def ended_well(self) -> int:
        """Return how many jobs have come to a good end."""
        return sum(each["state"] == "FINISHED" for each in self._said()["completedapps"])

    def start(self, cores: int, memory_mb: int) -> None:
        """Start all, and wait until work can be done."""
        self._java("master", "master.Master", "--port", str(self._port),
                   "--webui-port", str(self._page))  # fmt: skip
        self._java(
            "worker", "worker.Worker", "--webui-port", str(free_port()), "--cores", str(cores),
            "--memory", f"{memory_mb}m", "--work-dir", str(self._processes.folder / "work"),
            f"spark://{self.master}",
        )  # fmt: skip
        self._processes.until(lambda: self._said().get("cores") == cores)
        self._processes.start_pool()

    def _java(self, name: str, entry: str, *words: str) -> None:
        self._processes.java(
            name,
            ["-Xmx512m", "-cp", f"{self._home}/jars/*"],
            [f"{_JVM}.{entry}", "--host", "127.0.0.1", *words],
            # Without Scala's version it looks for a build of Spark's own source.
            {"SPARK_HOME": str(self._home), "SPARK_SCALA_VERSION": "2.12",
             "SPARK_LOCAL_IP": "127.0.0.1"},
        )  # fmt: skip

    def _said(self) -> dict[str, Any]:
        """Return what the master says of itself; nothing when it does not answer yet."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._page}/json/", timeout=10) as page:
                return dict(json.load(page))
        except OSError:
            return {}


@contextmanager
def running(folder: Path, cores: int = 2, memory_mb: int = 2048) -> Iterator[Spark]:
    """Run a cluster.

    Args:
      folder: of its logs and temporary files.
      cores: of its worker.
      memory_mb: of its worker, for all executors.

    Raises:
      Unavailable: what it is made of cannot be had here.
    """
    cluster = Spark(folder)
    try:
        cluster.start(cores, memory_mb)
        yield cluster
    finally:
        cluster.stop()
