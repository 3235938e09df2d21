"""Start and end the processes of a cluster: Java processes, a pool of Python workers, logs."""

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

# Java 17 closes these packages, so Flink's and Spark's own scripts open them.
_OPEN_PACKAGES = (
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
      folder: folder for their settings, logs and temporary files.
      pool_port: port of the worker pool; 0 until it is started.
    """

    folder: Path
    pool_port: int = 0
    _running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start_pool(self) -> None:
        """Start a pool of Python workers, and wait until it accepts connections."""
        self.pool_port = free_port()
        self.run(
            "pool",
            [sys.executable, "-m", "pipeline.beam.worker_pool", "--port", str(self.pool_port)],
        )
        self.wait_until(lambda: accepts_connections(self.pool_port))

    def java(
        self,
        name: str,
        options: list[str],
        command: list[str],
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start a Java process.

        Args:
          name: name of the process and of its log.
          options: options of Java.
          command: class and its arguments.
          environment: more environment variables; default none.
        """
        small = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
        self.run(name, ["java", *small, *options, *_OPEN_PACKAGES, *command], environment)

    def run(
        self, name: str, command: list[str], environment: Mapping[str, str] | None = None
    ) -> None:
        """Start a process that ignores Ctrl-C and ends when this process is killed.

        Args:
          name: name of the process and of its log.
          command: program and its arguments.
          environment: more environment variables; default none.
        """
        with (self.folder / f"{name}.log").open("wb") as log:
            self._running[name] = subprocess.Popen(
                ended_with_this_process(command), stdout=log, stderr=log, cwd=self.folder,
                start_new_session=True, env=os.environ | dict(environment or {}),
            )  # fmt: skip

    def kill(self, name: str) -> None:
        """Kill a process at once.

        Args:
          name: name of the process.
        """
        process = self._running.pop(name)
        process.kill()
        process.wait()

    def stop(self) -> None:
        """End all processes."""
        for process in reversed(self._running.values()):
            process.send_signal(signal.SIGTERM)
        for process in self._running.values():
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def wait_until(self, condition: Callable[[], bool], timeout: float = 60) -> None:
        """Wait until a condition is true.

        Args:
          condition: function that returns whether to stop waiting.
          timeout: seconds to wait; default 60.

        Raises:
          RuntimeError: the condition is not true in time; the message holds the logs.
        """
        for _ in range(int(timeout / 0.1)):
            if condition():
                return
            time.sleep(0.1)
        raise RuntimeError(
            "\n".join(
                f"--- {log.name}\n{log.read_text(errors='replace')[-3000:]}"
                for log in self.folder.glob("*.log")
            )
        )


def settings_section(name: str, values: Mapping[str, Any]) -> str:
    """Return a section of a settings file.

    Args:
      name: name of the section.
      values: settings by key.
    """
    lines = [f"{key} = {json.dumps(value)}\n" for key, value in values.items()]
    return f"[{name}]\n{''.join(lines)}"


def accepts_connections(port: int) -> bool:
    """Return whether a process listens on a port of the loopback.

    Args:
      port: number of the port.
    """
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
