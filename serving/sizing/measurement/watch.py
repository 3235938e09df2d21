"""CPU and memory of a server's process."""

from __future__ import annotations

import re
from pathlib import Path

import psutil

from serving.sizing.errors import NotServed

_PEAK = re.compile(r"^VmHWM:\s+(\d+) kB$", re.M)


class Watch:
    """CPU and memory of a process.

    Args:
      pid: id of the process.

    Raises:
      NotServed: there is no such process, or this user may not read its figures.
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid
        try:
            self._process = psutil.Process(pid)
            self.memory()
        except psutil.Error as error:
            raise self._gone() from error

    def cpu_seconds(self) -> float:
        """Return the CPU seconds that the process has used.

        Raises:
          NotServed: the process ended.
        """
        try:
            times = self._process.cpu_times()
        except psutil.Error as error:
            raise self._gone() from error
        return float(times.user + times.system)

    def memory(self) -> int:
        """Return the bytes of memory that the process occupies.

        Raises:
          NotServed: the process ended.
        """
        try:
            occupied = int(self._process.memory_info().rss)
        except psutil.Error as error:
            raise self._gone() from error
        if not occupied:  # a process that ended, whose exit code was not read
            raise self._gone()
        return occupied

    def peak(self) -> int:
        """Return the most bytes of memory that the process ever occupied.

        Raises:
          NotServed: the process ended.
        """
        try:
            status = Path(f"/proc/{self.pid}/status").read_text("ascii", "replace")
        except OSError as error:
            raise self._gone() from error
        line = _PEAK.search(status)
        if line is None:
            raise self._gone()
        return int(line[1]) * 1024

    def _gone(self) -> NotServed:
        return NotServed(
            f"The server's process {self.pid} does not exist.", "start the server again"
        )
