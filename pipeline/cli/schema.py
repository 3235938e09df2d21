"""`taxiway schema`: the curated schema as a reviewed change."""

from __future__ import annotations

import difflib
import json
import stat
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.cli.options import json_option, load, settings_option, workspace_option
from pipeline.errors import DataRefused, InfrastructureError, UsageError

if TYPE_CHECKING:
    from pipeline.settings.sections import Settings
    from schema.changes import Change

# As `diff` has it.
_DIFFERS = 1

span_option = click.option("--span", type=int, help="Data of this span.  [default: the newest]")
window_option = click.option(
    "--window", type=click.IntRange(min=1), help="And of this many earlier spans."
)


@click.group(short_help="Look at the curated schema, and change it.")
def schema() -> None:
    """Look at the curated schema, and change it with what the data says."""


@schema.command()
@settings_option
@workspace_option
@span_option
@window_option
@click.option("--patch", is_flag=True, help="Print a patch of the schema file for `git apply`.")
@json_option
def diff(
    settings_file: Path | None,
    workspace: Path | None,
    span: int | None,
    window: int | None,
    patch: bool,
    as_json: bool,
) -> None:
    """Show where the data differs from the curated schema.

    Exit codes: 0 nothing, 1 something; those of `taxiway` when it cannot be told.
    """
    settings = _load(settings_file, workspace, span, window)
    before, found, after = _proposed(settings)
    if as_json:
        click.echo(json.dumps({"changes": [asdict(change) for change in found]}))
    elif patch:
        click.echo(_patch(settings.schema_file, before, after), nl=False)
    elif found:
        from pipeline.cli.tables.schema import changes

        changes(found)
    else:
        click.echo(f"The data is as {settings.schema_file} says.")
    sys.exit(_DIFFERS if found else 0)


@schema.command()
@settings_option
@workspace_option
@span_option
@window_option
@click.option("--feature", "features", multiple=True, help="Only this column; can be repeated.")
@json_option
def accept(
    settings_file: Path | None,
    workspace: Path | None,
    span: int | None,
    window: int | None,
    features: tuple[str, ...],
    as_json: bool,
) -> None:
    """Change the schema file to what the data needs."""
    settings = _load(settings_file, workspace, span, window)
    before, found, after = _proposed(settings, features or None)
    if after != before:
        _write(settings.schema_file, after)
    if as_json:
        click.echo(json.dumps({"changes": [asdict(change) for change in found]}))
    elif found:
        from pipeline.cli.tables.schema import changes

        changes(found)
        click.echo(f"Taken over into {settings.schema_file}; look at it with `git diff`.")
    else:
        click.echo(f"Nothing to take over: the data is as {settings.schema_file} says.")


@schema.command()
@settings_option
@json_option
def show(settings_file: Path | None, as_json: bool) -> None:
    """Show the curated schema."""
    from pipeline.project.files import curated_schema

    curated = curated_schema(load(settings_file, None))
    if as_json:
        from google.protobuf import json_format

        content = json_format.MessageToDict(curated, preserving_proto_field_name=True)
        click.echo(json.dumps(content))
        return
    from pipeline.cli.tables.schema import columns

    columns(curated)


@schema.command(short_help="Check rows against the curated schema.")
@click.argument("rows", metavar="FILE|JSON|-")
@settings_option
@click.option(
    "--environment",
    help="The schema's environment to check against.  [default: SERVING for JSON, where only "
    "what the model learns from must be there, TRAINING for a file]",
)
@json_option
def validate(rows: str, settings_file: Path | None, environment: str | None, as_json: bool) -> None:
    """Check the rows of a file, or one request, against the curated schema.

    A file is CSV, Parquet, JSON or JSON lines. A request is JSON: a row as an object, a list of
    rows, or TF Serving's own {"instances": [...]}; - reads it from standard input.
    """
    from pipeline.project import files
    from schema import requests
    from schema.rows import SERVING, TRAINING, check

    settings = load(settings_file, None)
    curated = files.curated_schema(settings)
    request = rows == "-" or rows.lstrip().startswith(("{", "["))
    try:
        if request:
            found_rows = requests.parse_rows(sys.stdin.read() if rows == "-" else rows)
        else:
            found_rows = list(requests.load_rows(Path(rows), curated))
        if not found_rows:
            raise ValueError(f"{rows}: there are no rows in it")
        environment = environment or (SERVING if request else TRAINING)
        asked = files.inputs(settings) if environment == SERVING else None
        findings = check(found_rows, curated, environment, asked)
    except OSError as error:
        raise UsageError(f"{rows}: cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise UsageError(f"{error}.", "taxiway schema validate --help") from error
    if as_json:
        content = {"rows": len(found_rows), "findings": [finding.as_json() for finding in findings]}
        click.echo(json.dumps(content))
        sys.exit(DataRefused.exit_code if findings else 0)
    if findings:
        from pipeline.cli.tables.schema import findings as table

        table(findings)
        raise DataRefused(
            f"{rows if not request else 'the request'}: {len(findings):,} values are not what "
            f"{settings.schema_file} says.",
            "correct them; `taxiway schema show` says what is expected",
        )
    click.echo(f"Each of {len(found_rows):,} rows is as {settings.schema_file} says.")


def _load(
    settings_file: Path | None, workspace: Path | None, span: int | None, window: int | None
) -> Settings:
    settings = load(settings_file, workspace)
    chosen = {"span": span, "window": window}
    source = settings.source.model_copy(
        update={name: value for name, value in chosen.items() if value is not None}
    )
    return settings.model_copy(update={"source": source})


def _proposed(
    settings: Settings, features: Sequence[str] | None = None
) -> tuple[str, list[Change], str]:
    """Return the schema file's text, what the data says otherwise, and the text with that."""
    from pipeline.cli.terminal import library_output_to, new_log
    from pipeline.project.files import curated_schema
    from schema import changes, text

    curated = curated_schema(settings)
    with library_output_to(new_log(settings.workspace, "schema")):
        from pipeline.components.schema_gen.proposal import propose

        proposal = propose(settings, curated)
    taken = changes.accept(curated, proposal, features)
    found = changes.changes(curated, taken)
    _refuse_unknown(features or (), [each.name for each in proposal.feature])
    before = settings.schema_file.read_text(encoding="utf-8")
    return before, found, text.update(before, taken)


def _refuse_unknown(features: Sequence[str], known: Sequence[str]) -> None:
    for name in features:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]}?" if close else f"columns: {', '.join(known)}"
            raise UsageError(f"--feature {name}: neither schema nor data has it; {hint}")


def _patch(file: Path, before: str, after: str) -> str:
    name = file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file
    return "".join(
        difflib.unified_diff(
            before.splitlines(keepends=True),
            after.splitlines(keepends=True),
            f"a/{name}",
            f"b/{name}",
        )
    )


def _write(file: Path, content: str) -> None:
    from serving.storage import local

    try:
        local.replace_file(file, content, stat.S_IMODE(file.stat().st_mode))
    except OSError as error:
        raise InfrastructureError(f"{file}: cannot be written: {error.strerror}.") from error
