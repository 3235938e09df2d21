"""Count how often a promise was tested, and how often it was not kept."""

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
          suite: name of the suite, a row of the page.
          violations: one text per promise that was not kept.
        """
        counts = self.suites.setdefault(suite, _Suite())
        counts.cases += 1
        counts.violations += violations

    def report(self) -> str:
        """Return the page, with one row for every suite."""
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

`make proof` measured these counts on {now:%Y-%m-%d %H:%M} UTC. {machine}.

A damaged file is a CSV or Parquet file of real rows with an error in it. Taxiway must read it as
Python's csv module does, or refuse it with the position and the reason.

A mutated table has odd values, encodings, separators, layouts and reader settings. Taxiway must
read it as pandas does with the same options, or refuse it. Mutated names are dates in many
spellings: their spans must be in the order of time, or Taxiway must refuse them.

A malformed request is bytes or JSON without meaning, or an attack, sent to Taxiway's server. The
server must answer it without a failure, and the next valid request must succeed. Requests during
swaps are valid; they are sent while versions are published and rolled back. None may fail.

Every other case tries to make TensorFlow Serving load an invalid version. Examples are half a
version, a changed one, one that cannot be loaded, and a number that is missing or used twice. After
the case, every visible version must have the files and hashes of its manifest. The numbers must be
1, 2, 3 and so on. The next publisher must succeed and leave no temporary files. A violation is a
promise that was not kept.

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
