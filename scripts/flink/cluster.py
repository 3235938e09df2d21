"""A real Flink cluster on this machine's loopback: a JobManager, TaskManagers, a worker pool."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts.flink import downloads

_FOLDER = Path(__file__).parent
# As flink-conf.yaml says.
_FRAMEWORK_HEAP_MB = 128
_JVM = "org.apache.flink.runtime"
# What Flink 1.19's own scripts give Java 17.
_OPENED = (
    "--add-exports=java.base/sun.net.util=ALL-UNNAMED",
    "--add-exports=java.rmi/sun.rmi.registry=ALL-UNNAMED",
    "--add-exports=java.security.jgss/sun.security.krb5=ALL-UNNAMED",
    *(
        f"--add-opens=java.base/{package}=ALL-UNNAMED"
        for package in (
            "java.lang", "java.net", "java.io", "java.nio", "java.lang.reflect", "java.text",
            "java.time", "java.util", "java.util.concurrent", "java.util.concurrent.atomic",
            "java.util.concurrent.locks", "sun.nio.ch",
        )
    ),
)  # fmt: skip


@dataclass
class Cluster:
    """A running cluster.

    Args:
      folder: of its settings, logs and temporary files.
      flink: folder of Flink's jars.
      job_server: Beam's jar that hands jobs to Flink.
      heap_mb: of a TaskManager, for the data of its tasks.
    """

    folder: Path
    flink: Path
    job_server: Path
    heap_mb: int
    rest_port: int = 0
    pool_port: int = 0
    _processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    _slots: dict[str, int] = field(default_factory=dict)

    @property
    def master(self) -> str:
        """Of the JobManager's REST API."""
        return f"127.0.0.1:{self.rest_port}"

    def settings(self, **flink: Any) -> str:
        """Return what a settings file says to use the cluster."""
        said = {
            "master": self.master,
            "job_server": str(self.job_server),
            "worker_pool": f"127.0.0.1:{self.pool_port}",
        } | flink
        return "[beam.flink]\n" + "".join(f"{k} = {json.dumps(v)}\n" for k, v in said.items())

    def jobs(self) -> list[dict[str, Any]]:
        """Return what the JobManager says of its jobs."""
        with urllib.request.urlopen(f"http://{self.master}/jobs/overview", timeout=10) as answer:
            return list(json.load(answer)["jobs"])

    def slots(self) -> int:
        """Return how many task slots the cluster has, 0 when it does not answer yet."""
        try:
            with urllib.request.urlopen(f"http://{self.master}/overview", timeout=10) as answer:
                return int(json.load(answer)["slots-total"])
        except OSError:
            return 0

    def start_task_manager(self, slots: int) -> None:
        """Start a TaskManager, and wait until the JobManager counts its slots."""
        name = f"taskmanager-{time.monotonic_ns()}"
        self._slots[name] = slots
        self._java(
            name,
            f"{_JVM}.taskexecutor.TaskManagerRunner",
            [f"-Xmx{self.heap_mb + _FRAMEWORK_HEAP_MB}m", "-XX:MaxDirectMemorySize=448m"],
            [
                f"-Dtaskmanager.numberOfTaskSlots={slots}",
                f"-Dtaskmanager.memory.task.heap.size={self.heap_mb}m",
            ],
        )
        # One that was killed is counted until it is missed.
        until(lambda: self.slots() == sum(self._slots.values()), self._logs)

    def kill_task_manager(self) -> None:
        """End a TaskManager as losing its machine does."""
        name, _ = self._slots.popitem()
        process = self._processes.pop(name)
        process.kill()
        process.wait()

    def start(self, slots: int) -> None:
        """Start all, and wait until work can be done."""
        rpc, blobs, self.rest_port = (_free_port() for _ in range(3))
        conf = self.folder / "conf"
        conf.mkdir()
        for name in ("flink-conf.yaml", "log4j2.properties"):
            shutil.copy(_FOLDER / name, conf)
        with (conf / "flink-conf.yaml").open("a") as file:
            file.write(
                f"jobmanager.rpc.port: {rpc}\nblob.server.port: {blobs}\n"
                f"rest.port: {self.rest_port}\nio.tmp.dirs: {self.folder}\n"
            )
        self._java("jobmanager", f"{_JVM}.entrypoint.StandaloneSessionClusterEntrypoint",
                   ["-Xmx512m"], [])  # fmt: skip
        until(lambda: _answers(self.rest_port), self._logs)
        self.start_task_manager(slots)
        self.pool_port = _free_port()
        self._start(
            "pool",
            [sys.executable, "-m", "pipeline.engine.worker_pool", "--port", str(self.pool_port)],
        )
        until(lambda: _answers(self.pool_port), self._logs)

    def stop(self) -> None:
        """End all that runs."""
        for process in reversed(self._processes.values()):
            process.send_signal(signal.SIGTERM)
        for process in self._processes.values():
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _java(self, name: str, entry: str, options: list[str], words: list[str]) -> None:
        conf = self.folder / "conf"
        logging = f"-Dlog4j.configurationFile=file:{conf}/log4j2.properties"
        self._start(
            name,
            ["java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", *options, *_OPENED, logging,
             "-cp", f"{self.flink}/lib/*", entry, "--configDir", str(conf), *words],
        )  # fmt: skip

    def _start(self, name: str, command: list[str]) -> None:
        with (self.folder / f"{name}.log").open("wb") as log:
            self._processes[name] = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=self.folder, start_new_session=True
            )

    def _logs(self) -> str:
        return "\n".join(
            f"--- {log.name}\n{log.read_text(errors='replace')[-3000:]}"
            for log in self.folder.glob("*.log")
        )


@contextmanager
def running(folder: Path, slots: int = 2, heap_mb: int = 512) -> Iterator[Cluster]:
    """Run a cluster.

    Args:
      folder: of its settings, logs and temporary files.
      slots: of its TaskManager.
      heap_mb: of a TaskManager, for the data of its tasks.

    Raises:
      Unavailable: what it is made of cannot be had here.
    """
    cluster = Cluster(folder, downloads.flink(), downloads.job_server(), heap_mb)
    try:
        cluster.start(slots)
        yield cluster
    finally:
        cluster.stop()


def until(holds: Callable[[], bool], logs: Callable[[], str], seconds: float = 60) -> None:
    """Wait for something, and show the logs when it does not come."""
    for _ in range(int(seconds / 0.1)):
        if holds():
            return
        time.sleep(0.1)
    raise RuntimeError(logs())


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
