"""`taxiway report`: where the report of a run is."""

from __future__ import annotations

import difflib
import json
import webbrowser
from pathlib import Path

import click

from pipeline.errors import UsageError
from pipeline.options import json_option, load, settings_option, workspace_option


@click.command()
@click.argument("run", required=False)
@click.option("--open", "open_", is_flag=True, help="Open it in a browser.")
@settings_option
@workspace_option
@json_option
def report(
    run: str | None,
    open_: bool,
    settings_file: Path | None,
    workspace: Path | None,
    as_json: bool,
) -> None:
    """Print where the report of RUN is, or of the newest run."""
    from pipeline.workspace import Workspace

    settings = load(settings_file, workspace)
    folder = Workspace(settings.workspace, settings.name).reports
    known = sorted(file.stem for file in folder.glob("[!.]*.html"))
    if not known:
        raise UsageError(f"{folder}: there is no report yet.", "taxiway run")
    if run is not None and run not in known:
        close = difflib.get_close_matches(run, known, n=3, cutoff=0.3) or known[-3:]
        raise UsageError(f"{folder}: there is no run {run}; there is {', '.join(close)}.")
    file = folder / f"{run or known[-1]}.html"
    if as_json:
        click.echo(json.dumps({"report": str(file)}))
    else:
        click.echo(file)
    if open_ and not webbrowser.open(file.resolve().as_uri()):
        raise UsageError("no browser can be opened here.", f"open {file}")
