"""`taxiway report`: where the report of a run is."""

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
@click.option("--open", "open_", is_flag=True, help="Open it in a browser.")
@click.option("--rebuild", is_flag=True, help="Write it again, from what is left of the run.")
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
    """Print where the report of RUN is, or of the newest run."""
    from pipeline import report as module
    from pipeline.workspace import Workspace

    settings = load(settings_file, workspace)
    place = Workspace(settings.workspace, settings.name)
    run = _known(place, run)
    file = module.path(place, run)
    if rebuild:
        _rebuild(place, run)
    elif not file.exists():
        raise UsageError(f"{file}: there is no such report.", f"taxiway report {run} --rebuild")
    if as_json:
        click.echo(json.dumps({"run_id": run, "report": str(file)}))
    else:
        click.echo(file)
    if open_ and not webbrowser.open(file.resolve().as_uri()):
        raise UsageError("no browser can be opened here.", f"open {file} elsewhere")


def _known(place: Workspace, run: str | None) -> str:
    """Return the id of a run, or of the newest."""
    files = [*place.runs.glob("[!.]*.json"), *place.reports.glob("[!.]*.html")]
    known = sorted({file.stem for file in files})
    if not known:
        raise UsageError(f"{place.root}: there is no run yet.", "taxiway run")
    if run is None:
        return known[-1]
    if run not in known:
        close = difflib.get_close_matches(run, known, n=3, cutoff=0.3) or known[-3:]
        raise UsageError(
            f"{place.root}: there is no run {run}; there is {', '.join(close)}.",
            f"taxiway report {close[0]}",
        )
    return run


def _rebuild(place: Workspace, run: str) -> None:
    from pipeline import report as module
    from pipeline.cli.terminal import library_output_to
    from pipeline.runs import records

    file = place.runs / f"{run}.json"
    try:
        record = records.read(file)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{file}: no record of a run that this release can read.", "taxiway run"
        ) from error
    log = place.root / "logs" / f"{run}.log"
    try:
        with library_output_to(log):  # TensorFlow Model Analysis talks while it is imported
            module.build(place, record)
    except Exception as error:
        failed = InfrastructureError(
            f"{module.path(place, run)}: the report cannot be written: {error}", "taxiway doctor"
        )
        failed.log_file = log
        raise failed from error
