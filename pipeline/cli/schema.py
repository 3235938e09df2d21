"""`taxiway schema`: the curated schema, and reviewed changes of it."""

from __future__ import annotations

import difflib
import json
import stat
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli.options import json_option, load, settings_option, workspace_option
from pipeline.errors import DataRefused, InfrastructureError, UsageError

if TYPE_CHECKING:
    from pipeline.settings.sections import Settings
    from schema.changes import Change
    from schema.fit import Mismatch

# Exit code of `diff` for a difference, as in diff(1).
_DIFFERS = 1

span_option = click.option("--span", type=int, help="Span of the data.  [default: the newest]")
window_option = click.option(
    "--window",
    type=click.IntRange(min=1),
    help="Number of earlier spans to include.  [default: the settings' source.window]",
)


@click.group(short_help="Show, check and change the curated schema.")
def schema() -> None:
    """Show the curated schema, check rows against it, and change it to match the data."""


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
    """Show the differences between the curated schema and the data.

    Exit codes: 0 no difference, 1 a difference; after an error, those of `taxiway`.
    """
    settings = _load(settings_file, workspace, span, window)
    update = _propose(settings)
    if as_json:
        click.echo(json.dumps(update.as_json()))
    elif patch:
        click.echo(_patch(settings.schema_file, update), nl=False)
    elif update.changes or update.mismatches:
        from pipeline.cli.tables import schema as tables

        if update.changes:
            tables.changes(update.changes)
        if update.mismatches:
            tables.mismatches(update.mismatches)
    else:
        click.echo(f"{settings.schema_file}: the data matches the schema.")
    sys.exit(_DIFFERS if update.changes or update.mismatches else 0)


@schema.command()
@settings_option
@workspace_option
@span_option
@window_option
@click.option(
    "--feature",
    "features",
    multiple=True,
    help="Column to change; can be repeated.  [default: all]",
)
@json_option
def accept(
    settings_file: Path | None,
    workspace: Path | None,
    span: int | None,
    window: int | None,
    features: tuple[str, ...],
    as_json: bool,
) -> None:
    """Change the schema file to match the data.

    A column of the features file stays in use. If only the data, the settings or the features file
    can solve a mismatch, nothing is changed and the exit code is 3.
    """
    settings = _load(settings_file, workspace, span, window)
    update = _propose(settings, features or None)
    if update.mismatches:
        raise _refused(settings, update)
    if update.after != update.before:
        _write(settings.schema_file, update.after)
    if as_json:
        click.echo(json.dumps(update.as_json()))
    elif update.changes:
        from pipeline.cli.tables import schema as tables

        tables.changes(update.changes)
        click.echo(f"Changed {settings.schema_file}; review it with `git diff`.")
        if update.unmatched:
            click.echo(
                f"The newest span does not match what the train spans gave to "
                f"{', '.join(update.unmatched)}; review it with `taxiway schema diff`."
            )
    else:
        click.echo(f"{settings.schema_file}: the data matches the schema; nothing is changed.")


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
    from pipeline.cli.tables import schema as tables

    tables.columns(curated)


@schema.command(short_help="Check rows against the curated schema.")
@click.argument("rows", metavar="FILE|JSON|-")
@settings_option
@click.option(
    "--environment",
    help="Environment of the schema.  [default: TRAINING for a file; SERVING for JSON, which "
    "requires only the inputs of the model]",
)
@json_option
def validate(rows: str, settings_file: Path | None, environment: str | None, as_json: bool) -> None:
    """Check the rows of a file, or one request, against the curated schema.

    A file has any format of a source, and is read by the settings of the source; or it is JSON. A
    request is JSON: a row as an object, a list of
    rows, or TensorFlow Serving's {"instances": [...]}; - reads it from standard input.
    """
    from pipeline.project import files
    from pipeline.sources import Label
    from pipeline.sources.files.file_rows import load_rows
    from schema import columns, requests
    from schema.environments import SERVING, TRAINING
    from schema.rows import check

    settings = load(settings_file, None)
    curated = files.curated_schema(settings)
    names = files.label(settings)
    label = Label(*names) if names else None
    request = rows == "-" or rows.lstrip().startswith(("{", "["))
    try:
        if request:
            loaded_rows = requests.parse_rows(sys.stdin.read() if rows == "-" else rows)
        else:
            loaded_rows = list(
                load_rows(
                    Path(rows),
                    settings.source,
                    columns.types(curated),
                    label,
                )
            )
        if not loaded_rows:
            raise ValueError(f"{rows}: there are no rows in it")
        environment = environment or (SERVING if request else TRAINING)
        required = files.inputs(settings) if environment == SERVING else None
        findings = check(loaded_rows, curated, environment, required)
    except OSError as error:
        raise UsageError(f"{rows}: cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise UsageError(f"{error}.", "taxiway schema validate --help") from error
    if as_json:
        content = {
            "rows": len(loaded_rows),
            "findings": [finding.as_json() for finding in findings],
        }
        click.echo(json.dumps(content))
        sys.exit(DataRefused.exit_code if findings else 0)
    if findings:
        from pipeline.cli.tables import schema as tables

        tables.findings(findings)
        raise DataRefused(
            f"{rows if not request else 'the request'}: {len(findings):,} values do not match "
            f"{settings.schema_file}.",
            "fix the values; `taxiway schema show` lists what the schema expects",
        )
    click.echo(f"All {len(loaded_rows):,} rows match {settings.schema_file}.")


def _load(
    settings_file: Path | None, workspace: Path | None, span: int | None, window: int | None
) -> Settings:
    settings = load(settings_file, workspace)
    chosen = {"span": span, "window": window}
    source = settings.source.model_copy(
        update={name: value for name, value in chosen.items() if value is not None}
    )
    return settings.model_copy(update={"source": source})


@dataclass(frozen=True)
class _Update:
    """The schema file before and after it matches the data, and what it cannot match.

    Args:
      before: text of the schema file.
      after: text that matches the data.
      changes: the differences of the two.
      mismatches: columns of the model that no change makes fit.
      unmatched: names of columns that do not match the newest span after the change.
    """

    before: str
    after: str
    changes: tuple[Change, ...]
    mismatches: tuple[Mismatch, ...]
    unmatched: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "changes": [asdict(change) for change in self.changes],
            "mismatches": [asdict(mismatch) for mismatch in self.mismatches],
        }


def _propose(settings: Settings, features: Sequence[str] | None = None) -> _Update:
    from pipeline.cli.terminal import library_output_to, new_log
    from pipeline.project import files
    from pipeline.sources import Label
    from pipeline.workspace import Workspace
    from schema import changes, text

    curated = files.curated_schema(settings)
    label = files.label(settings)
    roles = files.roles(settings)
    with library_output_to(new_log(settings.workspace, "schema")):
        from pipeline.components.schema_gen.proposal import propose

        data = Workspace(settings.workspace, settings.name).data
        proposal = propose(settings.source, data, curated, roles, Label(*label) if label else None)
    _refuse_unknown(features or (), [feature.name for feature in proposal.schema.feature])
    changed = changes.accept(curated, proposal.schema, features)
    file = text.read(settings.schema_file)

    def chosen(name: str) -> bool:
        return features is None or name in features

    return _Update(
        file.encode(file.content),
        file.encode(text.update(file.content, changed)),
        tuple(changes.changes(curated, changed)),
        tuple(mismatch for mismatch in proposal.mismatches if chosen(mismatch.feature)),
        tuple(name for name in proposal.unmatched if chosen(name)),
    )


def _refused(settings: Settings, update: _Update) -> DataRefused:
    from pipeline.findings import Finding

    steps = "; ".join(f"{mismatch.feature}: {mismatch.cure}" for mismatch in update.mismatches)
    return DataRefused(
        f"{settings.schema_file} is not changed, because the model uses columns that the data "
        "does not have in this form:",
        f"{steps}. Then repeat the command",
        findings=tuple(
            Finding("type", mismatch.feature, "", mismatch.actual, mismatch.expected)
            for mismatch in update.mismatches
        ),
    )


def _refuse_unknown(features: Sequence[str], columns: Sequence[str]) -> None:
    for name in features:
        if name not in columns:
            close = difflib.get_close_matches(name, columns, n=1)
            hint = f"did you mean {close[0]}?" if close else f"columns: {', '.join(columns)}"
            raise UsageError(f"--feature {name}: neither schema nor data has this column; {hint}")


def _patch(file: Path, update: _Update) -> str:
    name = file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file
    return "".join(
        difflib.unified_diff(
            update.before.splitlines(keepends=True),
            update.after.splitlines(keepends=True),
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
