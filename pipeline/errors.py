"""Every error of Taxiway, with its exit code.

TaxiwayError
 ├─ UsageError            2  wrong settings, arguments or environment
 │   └─ WorkspaceBusy     2  another run holds the workspace
 ├─ DataRefused           3  the data does not match the schema
 ├─ NotBlessed            4  the candidate missed a bound or cannot be served
 └─ InfrastructureError   5  a component, a database or the machine failed
"""

from __future__ import annotations

from pathlib import Path

from pipeline.findings import SCHEMA_KINDS, Finding, RejectedRow

# Exit code of an interrupted run: 128 + SIGINT, as in a shell.
INTERRUPTED = 130

# Next step after an unexpected error.
READ_THE_LOG = "read the end of the log, and check the machine with `taxiway doctor`"


class TaxiwayError(Exception):
    """Base of every error: the problem, and the next step that solves it.

    Args:
      what: one sentence that names the problem, its location, and the expected state.
      next_step: imperative for the user, usually a command; default "".
    """

    exit_code = 5

    def __init__(self, what: str, next_step: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.next_step = next_step
        self.log_file: Path | None = None
        self.report: Path | None = None


class UsageError(TaxiwayError):
    """Settings, arguments or the environment are wrong."""

    exit_code = 2


class WorkspaceBusy(UsageError):
    """Another run holds the workspace."""


class DataRefused(TaxiwayError):
    """The data does not match the schema or the policy.

    Args:
      what: one sentence, as in TaxiwayError.
      next_step: imperative for the user, as in TaxiwayError; default "".
      findings: findings that stop the run; default none.
      rows: the first rejected rows; default none.
      quarantine: path of the file with the rejected rows; None while it is not written.
    """

    exit_code = 3

    def __init__(
        self,
        what: str,
        next_step: str = "",
        findings: tuple[Finding, ...] = (),
        rows: tuple[RejectedRow, ...] = (),
        quarantine: Path | None = None,
    ) -> None:
        super().__init__(what, next_step)
        self.findings = findings
        self.rows = rows
        self.quarantine = quarantine


class NotBlessed(TaxiwayError):
    """The candidate missed a bound or cannot be served; the published model stays.

    Args:
      what: one sentence, as in TaxiwayError.
      next_step: imperative for the user, as in TaxiwayError; default "".
      reasons: one sentence per missed bound or problem of InfraCheck; default none.
    """

    exit_code = 4

    def __init__(self, what: str, next_step: str = "", reasons: tuple[str, ...] = ()) -> None:
        super().__init__(what, next_step)
        self.reasons = reasons


class InfrastructureError(TaxiwayError):
    """A component, a database or the machine failed."""


def in_a_line(error: BaseException) -> str:
    """Return the class of an exception and the first line of its message.

    Args:
      error: the exception.
    """
    lines = [line for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0] if lines else 'no message'}"


def point_to_schema(error: TaxiwayError, command: str) -> None:
    """Name the command that shows the schema change, where a change could let the data pass.

    Args:
      error: the error that ends the run; changed in place.
      command: the command that shows the schema change.
    """
    if isinstance(error, DataRefused) and any(
        finding.kind in SCHEMA_KINDS and not finding.cure for finding in error.findings
    ):
        error.next_step = f"{command}   (shows the schema change that would accept the data)"
