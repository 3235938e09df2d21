"""Every error a user can meet.

TaxiwayError
 ├─ UsageError            2  wrong settings, arguments or surroundings
 │   └─ WorkspaceBusy     2  another run holds the workspace
 ├─ DataRefused           3  the data is not what the schema says
 ├─ NotBlessed            4  the candidate model is not good enough
 └─ InfrastructureError   5  a component, a database or the machine failed
"""

from __future__ import annotations

from pathlib import Path

from pipeline.findings import SCHEMA_KINDS, BadRow, Finding

# The next step after what nobody foresaw.
READ_THE_LOG = "read the end of the log; `taxiway doctor` looks at the machine"


class TaxiwayError(Exception):
    """Say what went wrong, where, what was expected, and what to do next.

    Args:
      what: one sentence: what is wrong, where, and what was expected.
      next_step: what the user can do now, usually a command.
    """

    exit_code = 5

    def __init__(self, what: str, next_step: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.next_step = next_step
        self.log_file: Path | None = None
        self.report: Path | None = None


class UsageError(TaxiwayError):
    """Settings, arguments or surroundings are wrong."""

    exit_code = 2


class WorkspaceBusy(UsageError):
    """Another run holds the workspace."""


class DataRefused(TaxiwayError):
    """The data is not what the schema says.

    Args:
      what: as in TaxiwayError.
      next_step: as in TaxiwayError.
      findings: what stops the run.
      rows: the first rows that were refused.
      quarantine: the file that holds them, when it is already written.
    """

    exit_code = 3

    def __init__(
        self,
        what: str,
        next_step: str = "",
        findings: tuple[Finding, ...] = (),
        rows: tuple[BadRow, ...] = (),
        quarantine: Path | None = None,
    ) -> None:
        super().__init__(what, next_step)
        self.findings = findings
        self.rows = rows
        self.quarantine = quarantine


class NotBlessed(TaxiwayError):
    """The candidate model missed a bound; the published model stays.

    Args:
      what: as in TaxiwayError.
      next_step: as in TaxiwayError.
      reasons: each bound that was missed, in words.
    """

    exit_code = 4

    def __init__(self, what: str, next_step: str = "", reasons: tuple[str, ...] = ()) -> None:
        super().__init__(what, next_step)
        self.reasons = reasons


class InfrastructureError(TaxiwayError):
    """A component, a database or the machine failed."""


def in_a_line(error: BaseException) -> str:
    """Return an error's class and the first line of what it says."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0] if lines else 'no message'}"


def point_to_schema(error: TaxiwayError, command: str) -> None:
    """Name the command that looks at the schema, where another one could let the data pass.

    Args:
      error: that stops a run; changed in place.
      command: the command.
    """
    if isinstance(error, DataRefused) and any(
        found.kind in SCHEMA_KINDS for found in error.findings
    ):
        error.next_step = f"{command}   (the change of the schema that would let the data pass)"
