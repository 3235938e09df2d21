"""How often a promise was put to the test, and how often it did not hold."""

from __future__ import annotations

import datetime
import os
import platform
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class _Suite:
    cases: int = 0
    violations: list[str] = field(default_factory=list)


class Proof:
    """Counts of cases and violations by suite."""

    def __init__(self) -> None:
        self.suites: dict[str, _Suite] = {}

    def case(self, suite: str, violations: list[str]) -> None:
        """Count one case.

        Args:
          suite: what was tried.
          violations: promises that did not hold.
        """
        found = self.suites.setdefault(suite, _Suite())
        found.cases += 1
        found.violations += violations

    def report(self) -> str:
        """Return a page with one row a suite."""
        now = datetime.datetime.now(datetime.timezone.utc)
        rows = [("suite", "cases", "violations")]
        rows += [
            (name, f"{suite.cases:,}", f"{len(suite.violations):,}")
            for name, suite in sorted(self.suites.items())
        ]
        widths = [max(len(row[column]) for row in rows) for column in range(3)]
        lines = [
            f"| {name:<{widths[0]}} | {cases:>{widths[1]}} | {wrong:>{widths[2]}} |"
            for name, cases, wrong in rows
        ]
        lines.insert(
            1, f"|{'-' * (widths[0] + 2)}|{'-' * (widths[1] + 1)}:|{'-' * (widths[2] + 1)}:|"
        )
        return _PAGE.format(now=now, machine=_machine(), table="\n".join(lines))


_PAGE = """# Proof

What `make proof` found on {now:%Y-%m-%d %H:%M} UTC. {machine}.

A damaged file is a CSV or Parquet file of real rows with something wrong in it. It must be read as
Python's csv module reads it, or be refused with the place and the reason.

A malformed request is bytes or JSON that means nothing, or harm, sent to Taxiway's server. It must
be answered without a failure of the server, and the next good request must succeed. Requests during
swaps are good ones, sent while versions are published and rolled back; none may fail.

Each other case tries to make TF Serving see what it must not: half a version, a changed one, one
that cannot be loaded, a number left out or given twice. After each, every version in sight must
have the files and hashes of its manifest, the numbers must be 1, 2, 3 and so on, and the next
publisher must succeed and leave nothing behind. A violation is a promise that did not hold.

{table}
"""


def _machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{_processor()}, {os.cpu_count()} cores, {memory:.0f} GiB;"
        f" Linux {platform.release().split('-')[0]}, Python {platform.python_version()}"
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
