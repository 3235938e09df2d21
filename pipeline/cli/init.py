"""`taxiway init`: a project from a table."""

from __future__ import annotations

import json
import shlex
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.cli import program
from pipeline.cli.options import json_option

if TYPE_CHECKING:
    from pipeline.project.scaffold.proposal import Proposal


@click.command(short_help="Write a project for a table.")
@click.argument("data", metavar="DATA", type=click.Path(path_type=Path))
@click.option("--label", required=True, help="Column to predict.")
@click.option("--positive", help="Value of the label that counts as positive.")
@click.option("--time", default="", help="Column with the time of a row; divides rows into spans.")
@click.option(
    "--time-format",
    help="Form of --time, as in strptime (%d/%m/%Y).  [default: as the values show]",
)
@click.option("--encoding", help="Encoding of text files, such as cp949.  [default: utf-8]")
@click.option("--delimiter", help="Separator of CSV cells.  [default: as the header shows]")
@click.option(
    "--decimal",
    type=click.Choice([".", ","]),
    help="Decimal separator of numbers in text.  [default: as the values show]",
)
@click.option("--time-zone", help="IANA time zone of the spans.  [default: UTC]")
@click.option(
    "--key",
    "keys",
    multiple=True,
    help="Column whose rows stay together, in train or in eval; can be repeated.",
)
@click.option(
    "--keep",
    multiple=True,
    help="Column to use although it looks like a leak, an id or a date; can be repeated.",
)
@click.option("--drop", multiple=True, help="Column to leave out; can be repeated.")
@click.option(
    "--dir",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    help="Folder of the project.  [default: the current folder]",
)
@click.option("--name", help="Name of the pipeline and the model.  [default: that of DATA]")
@click.option("--code", is_flag=True, help="Add a package with code to edit.")
@click.option("--ci", type=click.Choice(["github"]), help="Add workflows that train the model.")
@click.option("--force", is_flag=True, help="Replace existing files.")
@click.option("--dry-run", is_flag=True, help="Print the decisions; write nothing.")
@json_option
def init(
    data: Path,
    label: str,
    positive: str | None,
    time: str,
    time_format: str | None,
    encoding: str | None,
    delimiter: str | None,
    decimal: str | None,
    time_zone: str | None,
    keys: tuple[str, ...],
    keep: tuple[str, ...],
    drop: tuple[str, ...],
    folder: Path,
    name: str | None,
    code: bool,
    ci: str | None,
    force: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Write settings, features, schema and policy for a table.

    DATA is a file or a folder of files. Taxiway decides what every column is used for, and prints
    the reason. The first `taxiway run` in the project then publishes a model.
    """
    from pipeline.project import scaffold
    from pipeline.project.scaffold.proposal import Request

    folder = folder.absolute()
    reader = {
        "encoding": encoding, "delimiter": delimiter, "decimal": decimal, "time_zone": time_zone,
    }  # fmt: skip
    request = Request(
        data.absolute(), folder, label, time, time_format, keys, keep, drop, positive, name, code,
        _without_positive(), {key: value for key, value in reader.items() if value is not None},
    )  # fmt: skip
    proposal = scaffold.create(request, ci=ci, force=force, dry_run=dry_run)
    next_step = _next(folder)
    if as_json:
        click.echo(json.dumps(_as_json(proposal, folder, dry_run, next_step), ensure_ascii=False))
        return
    from pipeline.cli.tables import scaffold as tables

    tables.decisions(proposal.decisions)
    tables.notes(proposal.notes)
    verb = "Would write" if dry_run else "Wrote"
    click.echo(f"{verb} {', '.join(sorted(proposal.contents))} in {folder}.")
    if not dry_run:
        click.echo(f"Next   {next_step}")


def _without_positive() -> str:
    """Return the command as it was typed, without the option that a next step adds."""
    args = list(sys.argv[1:])
    for position, arg in enumerate(args):
        if arg == "--positive":
            del args[position : position + 2]
            break
        if arg.startswith("--positive="):
            del args[position]
            break
    return shlex.join(["taxiway", *args])


def _next(folder: Path) -> str:
    here = Path.cwd()
    if folder == here:
        return program.as_typed("taxiway run")
    shown = folder.relative_to(here) if folder.is_relative_to(here) else folder
    settings = shlex.quote(str(shown / "taxiway.toml"))
    # Not with cd, because the program's name may be a path relative to this folder.
    return program.as_typed(f"taxiway run --settings {settings}")


def _as_json(proposal: Proposal, folder: Path, dry_run: bool, next_step: str) -> dict[str, object]:
    return {
        "folder": str(folder),
        "written": not dry_run,
        "files": sorted(proposal.contents),
        "columns": [asdict(decision) for decision in proposal.decisions],
        "notes": list(proposal.notes),
        "rows": asdict(proposal.counts),
        "next": next_step,
    }
