"""CPU and memory of a server's process."""

from __future__ import annotations

import re
from pathlib import Path

import psutil

from serving.sizing.errors import NotServed

_PEAK = re.compile(r"^VmHWM:\s+(\d+) kB$", re.M)


class Watch:
    """Look at a process.

    Args:
      pid: of the process.

    Raises:
      NotServed: there is none, or it is not ours to look at.
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid
        try:
            self._process = psutil.Process(pid)
            self.memory()
        except psutil.Error as error:
            raise self._gone() from error

    def cpu_seconds(self) -> float:
        """Return the CPU time that the process used.

        Raises:
          NotServed: it ended.
        """
        try:
            times = self._process.cpu_times()
        except psutil.Error as error:
            raise self._gone() from error
        return float(times.user + times.system)

    def memory(self) -> int:
        """Return the bytes that the process occupies.

        Raises:
          NotServed: it ended.
        """
        try:
            found = int(self._process.memory_info().rss)
        except psutil.Error as error:
            raise self._gone() from error
        if not found:  # a process that ended, and that nobody waited for
            raise self._gone()
        return found

    def peak(self) -> int:
        """Return the most bytes that the process ever occupied.

        Raises:
          NotServed: it ended.
        """
        try:
            status = Path(f"/proc/{self.pid}/status").read_text("ascii", "replace")
        except OSError as error:
            raise self._gone() from error
        found = _PEAK.search(status)
        if found is None:
            raise self._gone()
        return int(found[1]) * 1024

    def _gone(self) -> NotServed:
        return NotServed(f"There is no server's process {self.pid}.", "start the server again")
