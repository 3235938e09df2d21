"""`taxiway doctor`: whether this machine and this project have what a run requires."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from pipeline.cli.options import json_option, load, settings_option, workspace_option
from pipeline.errors import UsageError


@click.command()
@settings_option
@workspace_option
@json_option
def doctor(settings_file: Path | None, workspace: Path | None, as_json: bool) -> None:
    """Check that this machine has what a run requires.

    The exit code is that of the first failed check: the code that a run would exit with.
    """
    from pipeline.cli import checks

    results = checks.check_machine()
    try:
        results += checks.check_project(load(settings_file, workspace))
    except UsageError as error:
        results.append(checks.failed_check("settings", error))
    click.echo(checks.as_json(results) if as_json else checks.as_table(results))
    sys.exit(next((check.exit_code for check in results if not check.passed), 0))
