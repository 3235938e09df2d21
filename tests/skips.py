"""Fail a run whose tests were skipped, for a suite that is recorded as passed."""

from __future__ import annotations

import pytest

# Set by scripts/suites.py.
VARIABLE = "TAXIWAY_NO_SKIP"


class NoSkips:
    """Pytest plugin that treats a skipped test as a failure of the session."""

    def __init__(self) -> None:
        self._skipped: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember a skipped test."""
        if report.skipped:
            self._skipped.append(report.nodeid)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fail the session."""
        if self._skipped and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Name the skipped tests."""
        for nodeid in self._skipped:
            terminalreporter.write_line(
                f"FAILED {nodeid}: it was skipped, and {VARIABLE} forbids that.", red=True
            )
