"""Run a standalone Spark on this machine's loopback: a master, a worker, a worker pool."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from scripts.clusters import downloads
from scripts.clusters.processes import Processes, settings_section
from serving.ports import free_port

_JVM = "org.apache.spark.deploy"


class Spark:
    """A standalone Spark cluster.

    Args:
      folder: folder for its logs and temporary files.

    Raises:
      Unavailable: a package that the cluster needs is not available.
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
        """Address of the master: host:port."""
        return f"127.0.0.1:{self._port}"

    def settings(self, **more: Any) -> str:
        """Return the section of a settings file that uses the cluster.

        Args:
          **more: more settings of the section.
        """
        values = {
            "master": self.master,
            "web_ui": f"127.0.0.1:{self._page}",
            "job_server": str(self._job_server),
            "worker_pool": f"127.0.0.1:{self._processes.pool_port}",
        }
        return settings_section("beam.spark", values | more)

    def finished_jobs(self) -> int:
        """Return the number of jobs that completed without an error."""
        return sum(job["state"] == "FINISHED" for job in self._status()["completedapps"])

    def start(self, cores: int, memory_mb: int) -> None:
        """Start all processes, and wait until the cluster accepts jobs.

        Args:
          cores: number of cores of the worker.
          memory_mb: MB of memory of the worker, for all executors.
        """
        self._java("master", "master.Master", "--port", str(self._port),
                   "--webui-port", str(self._page))  # fmt: skip
        self._java(
            "worker", "worker.Worker", "--webui-port", str(free_port()), "--cores", str(cores),
            "--memory", f"{memory_mb}m", "--work-dir", str(self._processes.folder / "work"),
            f"spark://{self.master}",
        )  # fmt: skip
        self._processes.wait_until(lambda: self._status().get("cores") == cores)
        self._processes.start_pool()

    def _java(self, name: str, entry: str, *args: str) -> None:
        self._processes.java(
            name,
            ["-Xmx512m", "-cp", f"{self._home}/jars/*"],
            [f"{_JVM}.{entry}", "--host", "127.0.0.1", *args],
            # Without Scala's version, Spark searches for a build from its source code.
            {"SPARK_HOME": str(self._home), "SPARK_SCALA_VERSION": "2.12",
             "SPARK_LOCAL_IP": "127.0.0.1"},
        )  # fmt: skip

    def _status(self) -> dict[str, Any]:
        """Return the master's description of itself; empty if it does not answer yet."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._page}/json/", timeout=10) as page:
                return dict(json.load(page))
        except OSError:
            return {}


@contextmanager
def running(folder: Path, cores: int = 2, memory_mb: int = 2048) -> Iterator[Spark]:
    """Run a standalone Spark cluster.

    Args:
      folder: folder for its logs and temporary files.
      cores: number of cores of its worker; default 2.
      memory_mb: MB of memory of its worker, for all executors; default 2048.

    Raises:
      Unavailable: a package that the cluster needs is not available.
    """
    cluster = Spark(folder)
    try:
        cluster.start(cores, memory_mb)
        yield cluster
    finally:
        cluster.stop()
