"""The one place that shows errors, to people and as JSON."""

from __future__ import annotations

import json
import os
import shlex
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

import click

from pipeline.cli import program
from pipeline.errors import (
    INTERRUPTED,
    READ_THE_LOG,
    DataRefused,
    InfrastructureError,
    NotBlessed,
    TaxiwayError,
    in_a_line,
)


def unexpected(error: Exception, log_file: Path) -> InfrastructureError:
    """Return the error to show for an exception that no other code handled.

    Args:
      error: the unexpected exception.
      log_file: the file that its traceback is appended to.
    """
    failure = InfrastructureError(f"unexpected error: {in_a_line(error)}", READ_THE_LOG)
    failure.log_file = log_file
    return failure


def new_log_outside_workspace() -> Path:
    """Create a log file for an error of a command that has no workspace."""
    handle, name = tempfile.mkstemp(prefix="taxiway-", suffix=".log")
    os.close(handle)
    return Path(name)


def stop(error: TaxiwayError, as_json: bool) -> NoReturn:
    """Show an error, log where it came from, and exit with its code.

    Args:
      error: the error that ended the command.
      as_json: whether to print it as a JSON object on standard output, not as text on standard
        error.

    Raises:
      SystemExit: always.
    """
    _log_traceback(error)
    if as_json:
        click.echo(json.dumps(_as_json(error)))
    else:
        _show(error)
    sys.exit(error.exit_code)


def stop_interrupted(args: Sequence[str], as_json: bool) -> NoReturn:
    """Show the command that continues an interrupted one, and exit as a shell expects.

    Args:
      args: command-line arguments after the program's name.
      as_json: whether to print a JSON object on standard output, not text on standard error.

    Raises:
      SystemExit: always.
    """
    what = "Interrupted."
    again = shlex.join([program.name(), *args])
    if as_json:
        click.echo(json.dumps({"error": what, "next": again, "exit_code": INTERRUPTED}))
    else:
        click.echo(f"{what} Continue with:  {again}", err=True)
    sys.exit(INTERRUPTED)


def _show(error: TaxiwayError) -> None:
    click.secho(f"Stopped: {error.what}", fg="red", err=True)
    if isinstance(error, NotBlessed):
        for reason in error.reasons:
            click.echo(f"  {reason}", err=True)
    if isinstance(error, DataRefused):
        from pipeline.cli.tables import findings

        findings.show(error)
    if error.next_step:
        click.echo(f"Next   {program.as_typed(error.next_step)}", err=True)
    if error.report:
        click.echo(f"Report {error.report}", err=True)
    if error.log_file:
        click.echo(f"Log    {error.log_file}", err=True)


def _as_json(error: TaxiwayError) -> dict[str, Any]:
    content: dict[str, Any] = {
        "error": error.what,
        "next": program.as_typed(error.next_step),
        "exit_code": error.exit_code,
        "log_file": error.log_file and str(error.log_file),
        "report": error.report and str(error.report),
    }
    if isinstance(error, NotBlessed):
        content["reasons"] = list(error.reasons)
    if isinstance(error, DataRefused):
        content["findings"] = [finding.as_json() for finding in error.findings]
        content["quarantine"] = error.quarantine and str(error.quarantine)
    return content


def _log_traceback(error: TaxiwayError) -> None:
    if error.log_file is None or error.__cause__ is None:
        return
    import traceback

    # A full disk must not hide the error from the user.
    with suppress(OSError), error.log_file.open("a", encoding="utf-8") as log:
        traceback.print_exception(type(error), error, error.__traceback__, file=log)
