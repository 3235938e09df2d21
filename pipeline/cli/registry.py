"""`taxiway registry`: every model, from the published manifests and the records of the runs."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.cli import program
from pipeline.cli.options import json_option, load, settings_option, workspace_option
from pipeline.cli.promotion import gc, promote, rollback
from pipeline.errors import InfrastructureError, UsageError
from pipeline.registry.errors import as_cli_errors

if TYPE_CHECKING:
    from pipeline.registry.index import Verification
    from pipeline.registry.models import Entry
    from pipeline.workspace import Workspace


@click.group(short_help="List the models, and choose which one is served.")
def registry() -> None:
    """List the models with their origin and metrics, and choose which one is served."""


registry.add_command(promote)
registry.add_command(rollback)
registry.add_command(gc)


@registry.command("list", short_help="List every model, the newest first.")
@settings_option
@workspace_option
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=50,
    show_default=True,
    help="Maximum number of models.",
)
@click.option("--all", "all_", is_flag=True, help="List every model; overrides --limit.")
@json_option
def list_(
    settings_file: Path | None, workspace: Path | None, limit: int, all_: bool, as_json: bool
) -> None:
    """List the models, newest first: candidate, blessed, serving or retired."""
    from pipeline.registry import models

    target = _workspace(settings_file, workspace)
    with as_cli_errors():
        listing = models.list_models(target, None if all_ else limit)
    if as_json:
        content = {
            "models": [_entry_fields(entry) for entry in listing.entries],
            "more": listing.more,
            "unread": listing.unread,
            "unreadable": [
                {"file": str(record.file), "reason": record.reason} for record in listing.unreadable
            ],
        }
        click.echo(json.dumps(content))
        return
    from pipeline.cli.tables import registry as tables

    if listing.entries or not listing.more:
        tables.listing(listing.entries, target.root)
    if listing.more:
        omitted = (
            f"{listing.unread:,} older runs were not read; they may have left models"
            if listing.unread
            else "Older models are not listed"
        )
        click.echo(f"{omitted}.\nNext   {program.as_typed('taxiway registry list --all')}")
    for record in listing.unreadable:
        click.echo(f"Cannot read the run record {record.file}: {record.reason}.", err=True)


@registry.command()
@click.argument("model", metavar="VERSION|MODEL_ID|RUN_ID")
@settings_option
@workspace_option
@json_option
def show(model: str, settings_file: Path | None, workspace: Path | None, as_json: bool) -> None:
    """Show a model's origin, metrics and hyperparameters, and why it was refused, if it was."""
    from pipeline.registry import models

    document = models.find(_workspace(settings_file, workspace), model)
    if as_json:
        click.echo(document.model_dump_json(indent=2))
        return
    from pipeline.cli.tables import registry as tables
    from pipeline.runs.records import RunRecord

    if isinstance(document, RunRecord):
        tables.candidate(document)
    else:
        tables.version(document)


@registry.command()
@settings_option
@workspace_option
@json_option
def history(settings_file: Path | None, workspace: Path | None, as_json: bool) -> None:
    """Show who pointed which alias at which version, when and why."""
    from serving.store import model_config

    target = _workspace(settings_file, workspace)
    with as_cli_errors():
        events = model_config.load_served_model(target.model_base).history
    if as_json:
        click.echo(json.dumps({"events": [event.model_dump(mode="json") for event in events]}))
        return
    from pipeline.cli.tables import registry as tables

    tables.history(events)


@registry.command(short_help="Show how two versions differ.")
@click.argument("one", type=int)
@click.argument("other", type=int)
@settings_option
@workspace_option
@json_option
def compare(
    one: int, other: int, settings_file: Path | None, workspace: Path | None, as_json: bool
) -> None:
    """Show how two versions differ: spans, code, hyperparameters, metrics overall and by slice."""
    from pipeline.registry import models

    base = _workspace(settings_file, workspace).model_base
    manifests = models.read_manifest(base, one), models.read_manifest(base, other)
    if as_json:
        first, second = (json.loads(manifest.to_json()) for manifest in manifests)
        differences = {key: [first[key], second[key]] for key in first if first[key] != second[key]}
        click.echo(json.dumps(differences))
        return
    from pipeline.cli.tables.registry import comparison

    comparison(*manifests)


@registry.command()
@click.argument("version", type=int)
@settings_option
@workspace_option
@json_option
def lineage(
    version: int, settings_file: Path | None, workspace: Path | None, as_json: bool
) -> None:
    """Show the executions and artifacts behind a version, back to the source's files."""
    from pipeline.registry import models

    settings = load(settings_file, workspace)
    target = _workspace(settings_file, workspace)
    manifest = models.read_manifest(target.model_base, version)
    # ML Metadata is slow to import, so a version that does not exist is refused before.
    from pipeline.metadata import lineage as origins

    traced = origins.load(settings, manifest)
    if as_json:
        content = {"version": version, "ml_metadata": not traced.missing, **asdict(traced.origin)}
        click.echo(json.dumps(content))
        return
    from pipeline.cli.tables import registry as tables

    tables.origins(manifest, traced.origin, target.root)
    if traced.missing:
        click.echo(f"{traced.missing} The lineage above is from the manifest.")


@registry.command(short_help="Verify every version against its manifest.")
@click.option(
    "--rebuild", is_flag=True, help="Enter the published versions into ML Metadata before."
)
@settings_option
@workspace_option
@json_option
def verify(
    rebuild: bool, settings_file: Path | None, workspace: Path | None, as_json: bool
) -> None:
    """Verify every version against its manifest, and ML Metadata against the manifests.

    The exit code is 5 when something differs.
    """
    from pipeline.registry import index

    verification = index.verify(load(settings_file, workspace), rebuild)
    if as_json:
        content = {
            "problems": verification.problems,
            "ml_metadata": verification.differences,
            "entered": verification.entered,
        }
        click.echo(json.dumps(content))
    else:
        _report_verification(verification, _workspace(settings_file, workspace).model_base)
    if not verification.is_clean:
        sys.exit(InfrastructureError.exit_code)


@registry.command(short_help="Give ML Metadata the paths of a workspace that was moved.")
@settings_option
@workspace_option
@json_option
def relocate(settings_file: Path | None, workspace: Path | None, as_json: bool) -> None:
    """Rewrite the paths in ML Metadata after the workspace was moved to another folder.

    With SQLite, `taxiway run` does that by itself. Type the command for a database on a server, if
    no run uses the workspace in its former folder any more.
    """
    from pipeline.metadata import relocation
    from pipeline.metadata import store as metadata

    settings = load(settings_file, workspace)
    target = _workspace(settings_file, workspace)
    if not metadata.exists(settings):
        raise UsageError(f"{target.root}: there is no run yet.", "taxiway run")
    with target.exclusive():
        store = metadata.open_store(settings)
        metadata.refuse_other_pipeline(store, settings)
        before = relocation.relocate(store, target)
    if as_json:
        click.echo(json.dumps({"from": before or None, "to": str(target.root)}))
    elif before:
        click.echo(f"Moved the paths in ML Metadata from {before} to {target.root}.")
    else:
        click.echo(f"{target.root}: ML Metadata has the paths of this folder; nothing is changed.")


def _report_verification(verification: Verification, base: Path) -> None:
    for version, texts in verification.problems.items():
        click.echo(f"{'✗' if texts else '✓'} version {version}")
        for text in texts:
            click.echo(f"    {text}")
    for version in verification.entered:
        click.echo(f"+ version {version} entered into ML Metadata")
    for difference in verification.differences:
        click.echo(f"✗ {difference}")
    if not verification.problems:
        click.echo(f"{base}: no version is published yet.")
    if verification.differences:
        click.echo(f"Next   {program.as_typed('taxiway registry verify --rebuild')}")


def _workspace(settings_file: Path | None, workspace: Path | None) -> Workspace:
    from pipeline.workspace import Workspace

    settings = load(settings_file, workspace)
    return Workspace(settings.workspace, settings.name)


def _entry_fields(entry: Entry) -> dict[str, object]:
    record = entry.record
    return {
        "model_id": entry.model_id,
        "uri": entry.uri,
        "version": entry.version,
        "state": entry.state,
        "aliases": entry.aliases,
        "at": entry.at,
        "run_id": entry.run_id,
        "run_seconds": record and record.seconds,
        "spans": (
            entry.manifest.spans.model_dump(mode="json")
            if entry.manifest
            else {"train": record and record.train_spans, "eval": record and record.span}
        ),
        "metrics": entry.metrics,
        "hyperparameters": entry.hyperparameters,
        "reasons": record.reasons if record and entry.version is None else (),
    }
