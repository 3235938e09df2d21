"""`taxiway report`: the path of a run's report."""

from __future__ import annotations

import difflib
import json
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.cli.options import json_option, load, settings_option, workspace_option
from pipeline.errors import InfrastructureError, UsageError

if TYPE_CHECKING:
    from pipeline.workspace import Workspace


@click.command()
@click.argument("run", required=False)
@click.option("--open", "open_", is_flag=True, help="Open the report in a browser.")
@click.option(
    "--rebuild", is_flag=True, help="Write the report again, from the artifacts that still exist."
)
@settings_option
@workspace_option
@json_option
def report(
    run: str | None,
    open_: bool,
    rebuild: bool,
    settings_file: Path | None,
    workspace: Path | None,
    as_json: bool,
) -> None:
    """Print the path of the report of RUN, or else of the newest run."""
    from pipeline import report as reports
    from pipeline.workspace import Workspace

    settings = load(settings_file, workspace)
    target = Workspace(settings.workspace, settings.name)
    run = _existing_run(target, run)
    file = reports.path(target, run)
    if rebuild:
        _rebuild(target, run)
    elif not file.exists():
        raise UsageError(f"{file}: the report does not exist.", f"taxiway report {run} --rebuild")
    if as_json:
        click.echo(json.dumps({"run_id": run, "report": str(file)}))
    else:
        click.echo(file)
    if open_ and not webbrowser.open(file.resolve().as_uri()):
        raise UsageError("cannot open a browser.", f"open {file} on another machine")


def _existing_run(workspace: Workspace, run: str | None) -> str:
    """Return the id of an existing run; of the newest when none is given."""
    files = [*workspace.runs.glob("[!.]*.json"), *workspace.reports.glob("[!.]*.html")]
    run_ids = sorted({file.stem for file in files})
    if not run_ids:
        raise UsageError(f"{workspace.root}: there is no run yet.", "taxiway run")
    if run is None:
        return run_ids[-1]
    if run not in run_ids:
        close = difflib.get_close_matches(run, run_ids, n=3, cutoff=0.3) or run_ids[-3:]
        raise UsageError(
            f"{workspace.root}: there is no run {run}; there is {', '.join(close)}.",
            f"taxiway report {close[0]}",
        )
    return run


def _rebuild(workspace: Workspace, run: str) -> None:
    from pipeline import report as reports
    from pipeline.cli.terminal import library_output_to
    from pipeline.runs import records

    file = workspace.runs / f"{run}.json"
    try:
        record = records.read(file)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{file}: this release cannot read the record of the run.", "taxiway run"
        ) from error
    log = workspace.root / "logs" / f"{run}.log"
    try:
        with library_output_to(log):  # TensorFlow Model Analysis prints while it is imported
            reports.build(workspace, record)
    except Exception as error:
        failed = InfrastructureError(
            f"{reports.path(workspace, run)}: the report cannot be written: {error}",
            "taxiway doctor",
        )
        failed.log_file = log
        raise failed from error
