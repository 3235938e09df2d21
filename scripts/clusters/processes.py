"""What the clusters of this machine have in common: processes, a pool of Python workers, logs."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.beam.processes import ended_with_this_process
from serving.ports import free_port

# What Flink's and Spark's own scripts give Java 17.
_OPENED = (
    "--add-exports=java.base/sun.net.util=ALL-UNNAMED",
    "--add-exports=java.rmi/sun.rmi.registry=ALL-UNNAMED",
    "--add-exports=java.security.jgss/sun.security.krb5=ALL-UNNAMED",
    *(
        f"--add-opens=java.base/{package}=ALL-UNNAMED"
        for package in (
            "java.lang", "java.lang.invoke", "java.net", "java.io", "java.nio",
            "java.lang.reflect", "java.text", "java.time", "java.util", "java.util.concurrent",
            "java.util.concurrent.atomic", "java.util.concurrent.locks", "sun.nio.ch",
            "sun.nio.cs", "sun.security.action", "sun.util.calendar",
        )
    ),
)  # fmt: skip


@dataclass
class Processes:
    """Processes that are ended together.

    Args:
      folder: of their settings, logs and temporary files.
    """

    folder: Path
    pool_port: int = 0
    _running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start_pool(self) -> None:
        """Start a pool of Python workers, and wait until it answers."""
        self.pool_port = free_port()
        self.run(
            "pool",
            [sys.executable, "-m", "pipeline.beam.worker_pool", "--port", str(self.pool_port)],
        )
        self.until(lambda: answers(self.pool_port))

    def java(
        self, name: str, options: list[str], words: list[str], more: Mapping[str, str] | None = None
    ) -> None:
        """Start a Java process.

        Args:
          name: of the process and its log.
          options: of Java.
          words: the class and its arguments.
          more: environment variables.
        """
        small = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
        self.run(name, ["java", *small, *options, *_OPENED, *words], more)

    def run(self, name: str, command: list[str], more: Mapping[str, str] | None = None) -> None:
        """Start a process, apart from Ctrl-C, which ends when this one is killed.

        Args:
          name: of the process and its log.
          command: what to run.
          more: environment variables.
        """
        with (self.folder / f"{name}.log").open("wb") as log:
            self._running[name] = subprocess.Popen(
                ended_with_this_process(command), stdout=log, stderr=log, cwd=self.folder,
                start_new_session=True, env=os.environ | dict(more or {}),
            )  # fmt: skip

    def kill(self, name: str) -> None:
        """End a process as losing its machine does."""
        process = self._running.pop(name)
        process.kill()
        process.wait()

    def stop(self) -> None:
        """End all that runs."""
        for process in reversed(self._running.values()):
            process.send_signal(signal.SIGTERM)
        for process in self._running.values():
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def until(self, holds: Callable[[], bool], seconds: float = 60) -> None:
        """Wait for something, and show the logs when it does not come."""
        for _ in range(int(seconds / 0.1)):
            if holds():
                return
            time.sleep(0.1)
        raise RuntimeError(
            "\n".join(
                f"--- {log.name}\n{log.read_text(errors='replace')[-3000:]}"
                for log in self.folder.glob("*.log")
            )
        )


def section(name: str, said: Mapping[str, Any]) -> str:
    """Return a section of a settings file."""
    return f"[{name}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in said.items())


def answers(port: int) -> bool:
    """Return whether somebody listens on a port of the loopback."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
