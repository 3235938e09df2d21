"""Measure wall time, CPU time and memory of a process and of the components in it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Cost:
    """The time and memory of a process or component.

    Args:
      wall: wall time in seconds.
      cpu: CPU time of all cores in seconds.
      peak_mb: peak resident memory of the process up to the end of the component, in MB.
    """

    wall: float
    cpu: float
    peak_mb: float


@dataclass(frozen=True)
class Measurement:
    """The figures of a contender.

    Args:
      total: cost of the whole process, imports included.
      parts: costs of its components by name.
      auc: AUC of its model on the eval split.
    """

    total: Cost
    parts: dict[str, Cost]
    auc: float


@dataclass
class Recorder:
    """Collects the costs of components inside a contender's process."""

    parts: dict[str, Cost] = field(default_factory=dict)

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Measure the body of a with statement.

        Args:
          name: name of the component.
        """
        wall, cpu = time.perf_counter(), _cpu()
        yield
        self.parts[name] = Cost(time.perf_counter() - wall, _cpu() - cpu, _peak_mb())

    def save(self, file: Path, auc: float) -> None:
        """Write the measurements for `run`.

        Args:
          file: path of the JSON file.
          auc: AUC of the model on the eval split.
        """
        parts = {name: asdict(cost) for name, cost in self.parts.items()}
        content = {"parts": parts, "auc": auc, "peak_mb": _peak_mb()}
        file.write_text(json.dumps(content), encoding="utf-8")


def run(module: str, data: Path, scratch: Path) -> Measurement:
    """Run a contender in a new process.

    Args:
      module: module of the contender; its arguments are the folders of the data and of the output.
      data: folder of the data.
      scratch: empty folder for the output.

    Returns:
      The figures of the contender.

    Raises:
      RuntimeError: the contender failed.
    """
    begin = time.perf_counter()
    with (scratch / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", module, data, scratch], stdout=log, stderr=log
        )
        _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{module} failed; see {scratch / 'log'}")
    measured = json.loads((scratch / "measured.json").read_text(encoding="utf-8"))
    return Measurement(
        Cost(wall, usage.ru_utime + usage.ru_stime, measured["peak_mb"]),
        {name: Cost(**cost) for name, cost in measured["parts"].items()},
        measured["auc"],
    )


def wall_seconds(command: list[str | Path]) -> float:
    """Return the wall time of a command in seconds; its output is dropped.

    Args:
      command: program and its arguments.
    """
    begin = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - begin


def _cpu() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _peak_mb() -> float:
    # A process inherits ru_maxrss from its parent process, so it is not used.
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) / 1024
