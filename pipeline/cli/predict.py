"""`taxiway predict`: the scores of rows, from a served model."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli.addresses import address_options, connect
from pipeline.cli.options import json_option, load, settings_option
from pipeline.errors import DataRefused, UsageError

if TYPE_CHECKING:
    from pipeline.settings.sections import Settings


@click.command()
@click.option("--row", "rows", multiple=True, help="Row as a JSON object; can be repeated.")
@click.option(
    "--csv", "file", type=click.Path(dir_okay=False, path_type=Path),
    help="CSV, Parquet or JSON-lines file of rows.",
)  # fmt: skip
@click.option("--version", type=int, help="Version to call.  [default: the server's newest]")
@click.option("--label", help="Label of the version to call, such as stable.")
@click.option("--check", is_flag=True, help="Check the rows against the schema before the call.")
@address_options
@settings_option
@json_option
def predict(
    rows: tuple[str, ...],
    file: Path | None,
    version: int | None,
    label: str | None,
    check: bool,
    rest: str,
    grpc: str | None,
    model: str | None,
    settings_file: Path | None,
    as_json: bool,
) -> None:
    """Print the score of every row, from a served model."""
    from serving.client import BadRequest

    if not rows and file is None:
        raise UsageError("no rows are given; pass --row or --csv.", "taxiway predict --help")
    if version is not None and label is not None:
        raise UsageError("--version and --label exclude each other.", "remove one of the two")
    options: dict[str, Any] = {"version": version, "label": label}
    if model and file is None and not check:
        # A row for a named model requires a server and no project.
        examples = _load_rows(rows, None, None)
    else:
        settings = load(settings_file, None)
        examples, model = _load_rows(rows, file, settings), model or settings.name
        if check:
            options["validate"] = _row_validator(settings)
    with connect(rest, grpc, model, **options) as client:
        try:
            scores = client.predict(examples)
        except BadRequest as error:
            # A server does not say which row and column it refuses; the client and --check do.
            names_row = check or str(error).startswith("row ")
            next_step = "taxiway schema show" if names_row else "repeat the command with --check"
            raise DataRefused(f"{error}", next_step) from error
    if as_json:
        click.echo(json.dumps({"scores": scores}))
        return
    for score in scores:
        click.echo(f"{score:.6f}")


def _load_rows(texts: Sequence[str], file: Path | None, settings: Settings | None) -> list[Any]:
    from pipeline.project import files
    from schema import columns, requests

    try:
        rows = [row for text in texts for row in requests.parse_rows(text, f"--row {text[:40]}")]
        if file is not None and settings is not None:
            from pipeline.sources import Label
            from pipeline.sources.files.file_rows import load_rows

            types = columns.types(files.curated_schema(settings))
            label = files.label(settings)
            rows += load_rows(file, settings.source, types, Label(*label) if label else None)
    except OSError as error:
        raise UsageError(f"{error.filename}: cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise UsageError(f"{error}.", "taxiway predict --help") from error
    return rows


def _row_validator(settings: Settings) -> Callable[[Sequence[Any]], list[str]]:
    from pipeline.project import files
    from schema.environments import SERVING
    from schema.rows import check as check_rows

    curated, inputs = files.curated_schema(settings), files.inputs(settings)
    columns = {feature.name for feature in curated.feature}

    def validate(rows: Sequence[Any]) -> list[str]:
        return [
            f"row {finding.row}: {finding.column}: expected {finding.expected}, "
            f"got {finding.actual}"
            if finding.column in columns
            else f"row {finding.row}: {finding.column}: {finding.expected}"
            for finding in check_rows(rows, curated, SERVING, inputs)
        ]

    return validate
