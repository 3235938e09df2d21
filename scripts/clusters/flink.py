"""A real Flink cluster on this machine's loopback: a JobManager, TaskManagers, a worker pool."""

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
from scripts.clusters.processes import Processes, answers, section
from serving.ports import free_port

_FOLDER = Path(__file__).parent
# As flink-conf.yaml says.
_FRAMEWORK_HEAP_MB = 128
_FRAMEWORK_OFF_HEAP_MB, _NETWORK_MB = 128, 256
# Of a slot, for what goes to Python and comes back: without it, 3 million rows were too many.
_OFF_HEAP_MB = 512
_JVM = "org.apache.flink.runtime"


class Flink:
    """A running cluster.

    Args:
      folder: of its settings, logs and temporary files.
      heap_mb: of a TaskManager, for the data of its tasks.

    Raises:
      Unavailable: what it is made of cannot be had here.
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
        """Of the JobManager's REST API."""
        return f"127.0.0.1:{self._rest_port}"

    def settings(self, **more: Any) -> str:
        """Return what a settings file says to use the cluster."""
        said = {
            "master": self.master,
            "job_server": str(self._job_server),
            "worker_pool": f"127.0.0.1:{self._processes.pool_port}",
        }
        return section("beam.flink", said | more)

    def jobs(self) -> list[dict[str, Any]]:
        """Return what the JobManager says of its jobs."""
        with urllib.request.urlopen(f"http://{self.master}/jobs/overview", timeout=10) as answer:
            return list(json.load(answer)["jobs"])

    def ended_well(self) -> int:
        """Return how many jobs have come to a good end."""
        return sum(job["state"] == "FINISHED" for job in self.jobs())

    def end_of(self, name: str) -> str:
        """Wait until a job has ended, and return how."""

        def state() -> str:
            return str(next(job["state"] for job in self.jobs() if job["name"] == name))

        self._processes.until(lambda: state() in ("FINISHED", "CANCELED", "FAILED"))
        return state()

    def slots(self) -> int:
        """Return how many task slots the cluster has, -1 when it does not answer yet."""
        try:
            with urllib.request.urlopen(f"http://{self.master}/overview", timeout=10) as answer:
                return int(json.load(answer)["slots-total"])
        except OSError:
            return -1

    def start_task_manager(self, slots: int) -> None:
        """Start a TaskManager, and wait until the JobManager counts its slots."""
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
        """End a TaskManager as losing its machine does, and wait until it is missed."""
        name, _ = self._slots.popitem()
        self._processes.kill(name)
        self._wait_for_slots()

    def start(self, slots: int) -> None:
        """Start all, and wait until work can be done."""
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
        self._processes.until(lambda: answers(self._rest_port))
        self.start_task_manager(slots)
        self._processes.start_pool()

    def _wait_for_slots(self) -> None:
        self._processes.until(lambda: self.slots() == sum(self._slots.values()))

    def _java(self, name: str, options: list[str], entry: str, *words: str) -> None:
        conf = self._processes.folder / "conf"
        # As Flink's scripts have it with the jar in HADOOP_CLASSPATH: it holds an older Flink too.
        classes = f"{self._jars}/lib/*:{self._job_server}"
        logging = f"-Dlog4j.configurationFile=file:{conf}/log4j2.properties"
        self._processes.java(
            name,
            [*options, logging, "-cp", classes],
            [entry, "--configDir", str(conf), *words],
        )


@contextmanager
def running(folder: Path, slots: int = 2, heap_mb: int = 512) -> Iterator[Flink]:
    """Run a cluster.

    Args:
      folder: of its settings, logs and temporary files.
      slots: of its TaskManager.
      heap_mb: of a TaskManager, for the data of its tasks.

    Raises:
      Unavailable: what it is made of cannot be had here.
    """
    cluster = Flink(folder, heap_mb)
    try:
        cluster.start(slots)
        yield cluster
    finally:
        cluster.stop()
