"""Run a Flink cluster on this machine's loopback: a JobManager, TaskManagers, a worker pool."""

from __future__ import annotations

import json
import shutil
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from scripts.clusters import downloads
from scripts.clusters.processes import Processes, accepts_connections, settings_section
from serving.ports import free_port

_FOLDER = Path(__file__).parent
# The same values as in flink-conf.yaml.
_FRAMEWORK_HEAP_MB = 128
_FRAMEWORK_OFF_HEAP_MB, _NETWORK_MB = 128, 256
# Memory of a slot for data on its way to and from Python; with less, 3 million rows fail.
_OFF_HEAP_MB = 512
_JVM = "org.apache.flink.runtime"


class Flink:
    """A Flink cluster.

    Args:
      folder: folder for its settings, logs and temporary files.
      heap_mb: MB of heap of a TaskManager, for the data of its tasks.

    Raises:
      Unavailable: a package that the cluster needs is not available.
    """

    name = "flink"

    def __init__(self, folder: Path, heap_mb: int) -> None:
        self._jars = downloads.flink()
        self._job_server = downloads.job_server("flink")
        self._heap_mb = heap_mb
        self._rest_port = 0
        self._slots: dict[str, int] = {}
        self._processes = Processes(folder)
        self.stop = self._processes.stop

    @property
    def master(self) -> str:
        """Address of the JobManager's REST API: host:port."""
        return f"127.0.0.1:{self._rest_port}"

    def settings(self, **more: Any) -> str:
        """Return the section of a settings file that uses the cluster.

        Args:
          **more: more settings of the section.
        """
        values = {
            "master": self.master,
            "job_server": str(self._job_server),
            "worker_pool": f"127.0.0.1:{self._processes.pool_port}",
        }
        return settings_section("beam.flink", values | more)

    def jobs(self) -> list[dict[str, Any]]:
        """Return the JobManager's overview of its jobs."""
        with urllib.request.urlopen(f"http://{self.master}/jobs/overview", timeout=10) as response:
            return list(json.load(response)["jobs"])

    def finished_jobs(self) -> int:
        """Return the number of jobs that completed without an error."""
        return sum(job["state"] == "FINISHED" for job in self.jobs())

    def final_state(self, name: str) -> str:
        """Wait until a job has ended, and return its state.

        Args:
          name: name of the job.
        """

        def state() -> str:
            return str(next(job["state"] for job in self.jobs() if job["name"] == name))

        self._processes.wait_until(lambda: state() in ("FINISHED", "CANCELED", "FAILED"))
        return state()

    def slots(self) -> int:
        """Return the number of task slots; -1 if the cluster does not answer yet."""
        try:
            with urllib.request.urlopen(f"http://{self.master}/overview", timeout=10) as response:
                return int(json.load(response)["slots-total"])
        except OSError:
            return -1

    def start_task_manager(self, slots: int) -> None:
        """Start a TaskManager, and wait until the JobManager counts its slots.

        Args:
          slots: number of task slots.
        """
        name = f"taskmanager-{time.monotonic_ns()}"
        self._slots[name] = slots
        heap, off_heap = self._heap_mb + _FRAMEWORK_HEAP_MB, _OFF_HEAP_MB * slots
        direct = _FRAMEWORK_OFF_HEAP_MB + _NETWORK_MB + off_heap
        self._java(
            name,
            [f"-Xmx{heap}m", f"-XX:MaxDirectMemorySize={direct}m"],
            f"{_JVM}.taskexecutor.TaskManagerRunner",
            f"-Dtaskmanager.numberOfTaskSlots={slots}",
            f"-Dtaskmanager.memory.task.heap.size={self._heap_mb}m",
            f"-Dtaskmanager.memory.task.off-heap.size={off_heap}m",
        )
        self._wait_for_slots()

    def kill_task_manager(self) -> None:
        """Kill a TaskManager, and wait until the JobManager no longer counts its slots."""
        name, _ = self._slots.popitem()
        self._processes.kill(name)
        self._wait_for_slots()

    def start(self, slots: int) -> None:
        """Start all processes, and wait until the cluster accepts jobs.

        Args:
          slots: number of task slots.
        """
        folder = self._processes.folder
        rpc, blobs, self._rest_port = (free_port() for _ in range(3))
        (folder / "conf").mkdir()
        for name in ("flink-conf.yaml", "log4j2.properties"):
            shutil.copy(_FOLDER / name, folder / "conf")
        with (folder / "conf" / "flink-conf.yaml").open("a") as file:
            file.write(
                f"jobmanager.rpc.port: {rpc}\nblob.server.port: {blobs}\n"
                f"rest.port: {self._rest_port}\nio.tmp.dirs: {folder}\n"
            )
        self._java(
            "jobmanager", ["-Xmx512m"], f"{_JVM}.entrypoint.StandaloneSessionClusterEntrypoint"
        )
        self._processes.wait_until(lambda: accepts_connections(self._rest_port))
        self.start_task_manager(slots)
        self._processes.start_pool()

    def _wait_for_slots(self) -> None:
        self._processes.wait_until(lambda: self.slots() == sum(self._slots.values()))

    def _java(self, name: str, options: list[str], entry: str, *args: str) -> None:
        conf = self._processes.folder / "conf"
        # The job server's jar has an older Flink too, so it comes last, as HADOOP_CLASSPATH does in
        # Flink's scripts.
        classes = f"{self._jars}/lib/*:{self._job_server}"
        logging = f"-Dlog4j.configurationFile=file:{conf}/log4j2.properties"
        self._processes.java(
            name,
            [*options, logging, "-cp", classes],
            [entry, "--configDir", str(conf), *args],
        )


@contextmanager
def running(folder: Path, slots: int = 2, heap_mb: int = 512) -> Iterator[Flink]:
    """Run a Flink cluster.

    Args:
      folder: folder for its settings, logs and temporary files.
      slots: number of task slots of its TaskManager; default 2.
      heap_mb: MB of heap of a TaskManager, for the data of its tasks; default 512.

    Raises:
      Unavailable: a package that the cluster needs is not available.
    """
    cluster = Flink(folder, heap_mb)
    try:
        cluster.start(slots)
        yield cluster
    finally:
        cluster.stop()
