"""Wall time, CPU time and memory of a process and of the components in it."""

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
    """What something took.

    Args:
      wall: seconds.
      cpu: seconds of all cores.
      peak_mb: most resident memory of the process up to its end, in MB.
    """

    wall: float
    cpu: float
    peak_mb: float


@dataclass(frozen=True)
class Measurement:
    """What a contender took.

    Args:
      total: the whole process, imports included.
      parts: its components by name.
      auc: of its model on the eval split.
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
        """Measure the body of a with statement under a name."""
        wall, cpu = time.perf_counter(), _cpu()
        yield
        self.parts[name] = Cost(time.perf_counter() - wall, _cpu() - cpu, _peak_mb())

    def save(self, file: Path, auc: float) -> None:
        """Write what was measured, for `run` to read."""
        parts = {name: asdict(cost) for name, cost in self.parts.items()}
        found = {"parts": parts, "auc": auc, "peak_mb": _peak_mb()}
        file.write_text(json.dumps(found), encoding="utf-8")


def run(module: str, data: Path, scratch: Path) -> Measurement:
    """Run a contender in a fresh process.

    Args:
      module: its module, which takes the folders of the data and of its output.
      data: what it reads.
      scratch: an empty folder of its own.

    Returns:
      What it took.

    Raises:
      RuntimeError: it failed.
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
    found = json.loads((scratch / "measured.json").read_text(encoding="utf-8"))
    return Measurement(
        Cost(wall, usage.ru_utime + usage.ru_stime, found["peak_mb"]),
        {name: Cost(**cost) for name, cost in found["parts"].items()},
        found["auc"],
    )


def wall_of(command: list[str | Path]) -> float:
    """Return the seconds a command takes; what it prints is dropped."""
    begin = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - begin


def _cpu() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _peak_mb() -> float:
    # Not ru_maxrss: a process inherits it from the one that started it.
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) / 1024
