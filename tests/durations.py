"""Seconds of each test file: they order the next run, are printed after each, and have a limit."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import pytest

FILE = Path(__file__).with_suffix(".json")

_SHOWN = 15

# Two thirds of the files take less, and all of them together a minute.
_FAST_SECONDS = 8.0


def load(file: Path = FILE) -> dict[str, float]:
    """Return the recorded seconds by test file.

    Args:
      file: JSON object of seconds by path; default the one beside this module.

    Returns:
      The seconds; empty when there is no such file.
    """
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}


def longest_first(items: list[pytest.Item], recorded: dict[str, float]) -> None:
    """Sort tests in place, so that no long file begins when the other workers are done.

    Tests of one file stay together, in their order. Files without recorded seconds come first,
    because they may be long, and those with a slow test before the others.

    Args:
      items: the collected tests.
      recorded: seconds by test file.
    """
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(
        key=lambda item: (
            -recorded.get(_path(item.nodeid), float("inf")), item.path not in slow, item.path,
        )
    )  # fmt: skip


def drop_long(items: list[pytest.Item], recorded: dict[str, float]) -> list[pytest.Item]:
    """Remove in place the tests of files that take many seconds; a new file has no seconds yet.

    Args:
      items: the collected tests.
      recorded: seconds by test file.

    Returns:
      The removed tests.
    """
    long = [item for item in items if recorded.get(_path(item.nodeid), 0.0) > _FAST_SECONDS]
    items[:] = [item for item in items if recorded.get(_path(item.nodeid), 0.0) <= _FAST_SECONDS]
    return long


class Durations:
    """Pytest plugin that adds up the seconds of each test file.

    Args:
      limit: seconds that a file may take before the run fails; None for no limit.
      record: file to write the seconds to; None to write nothing.
    """

    def __init__(self, limit: float | None = None, record: Path | None = None) -> None:
        self._limit = limit
        self._record = record
        self._seconds: defaultdict[str, float] = defaultdict(float)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add the seconds of a test's set-up, call or tear-down."""
        self._seconds[_path(report.nodeid)] += report.duration

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the seconds, and fail a session with a file above the limit."""
        if self._record is not None:
            self._write(self._record, session.config.rootpath)
        if self._above_limit() and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the longest files."""
        if not self._seconds:
            return
        terminalreporter.section("longest test files")
        for path, seconds in self._longest()[:_SHOWN]:
            terminalreporter.write_line(f"{seconds:7.1f} s  {path}")
        total = sum(self._seconds.values())
        terminalreporter.write_line(f"{total:7.1f} s  all {len(self._seconds)} files")
        for path in self._above_limit():
            terminalreporter.write_line(
                f"FAILED {path}: it took {self._seconds[path]:.1f} s, and the limit of a test file "
                f"is {self._limit:g} s. Split the file or make it faster.",
                red=True,
            )

    def _above_limit(self) -> list[str]:
        if self._limit is None:
            return []
        return [path for path, seconds in self._longest() if seconds > self._limit]

    def _longest(self) -> list[tuple[str, float]]:
        return sorted(self._seconds.items(), key=lambda item: -item[1])

    def _write(self, file: Path, root: Path) -> None:
        merged = load(file) | {path: round(seconds, 1) for path, seconds in self._seconds.items()}
        current = {path: merged[path] for path in sorted(merged) if (root / path).exists()}
        file.write_text(json.dumps(current, indent=1) + "\n", encoding="utf-8")


def _path(nodeid: str) -> str:
    return nodeid.partition("::")[0]
