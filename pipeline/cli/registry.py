"""`taxiway registry`: every model, from the published manifests and the records of the runs."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
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
    from pipeline.registry.models import Entry
    from pipeline.runs.records import RunRecord
    from pipeline.workspace import Workspace
    from serving.store.manifest import Manifest

# Fewest digits of a model id that identify it; a shorter number is a version.
_SHORTEST_ID = 8


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
            "unreadable": [
                {"file": str(record.file), "reason": record.reason} for record in listing.unreadable
            ],
        }
        click.echo(json.dumps(content))
        return
    from pipeline.cli.tables import registry as tables

    tables.listing(listing.entries, target.root)
    if listing.more:
        command = program.as_typed("taxiway registry list --all")
        click.echo(f"Older models are not listed.\nNext   {command}")
    for record in listing.unreadable:
        click.echo(f"Cannot read the run record {record.file}: {record.reason}.", err=True)


@registry.command()
@click.argument("model", metavar="VERSION|MODEL_ID|RUN_ID")
@settings_option
@workspace_option
@json_option
def show(model: str, settings_file: Path | None, workspace: Path | None, as_json: bool) -> None:
    """Show a model's origin, metrics and hyperparameters, and why it was refused, if it was."""
    target = _workspace(settings_file, workspace)
    document: Manifest | RunRecord
    if model.isdecimal() and len(model) < _SHORTEST_ID:
        document = _read_manifest(target.model_base, int(model))
    else:
        document = _find_model(target, model)
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
    base = _workspace(settings_file, workspace).model_base
    manifests = _read_manifest(base, one), _read_manifest(base, other)
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
    settings = load(settings_file, workspace)
    target = _workspace(settings_file, workspace)
    manifest = _read_manifest(target.model_base, version)
    from pipeline.metadata import lineage as origins
    from pipeline.metadata import store as metadata

    recorded, reason = None, "ML Metadata does not have this version."
    if metadata.exists(settings):
        try:
            recorded = origins.trace(metadata.open_store(settings), manifest)
        except InfrastructureError as error:
            reason = error.what
    origin = recorded or origins.from_manifest(manifest)
    if as_json:
        content = {"version": version, "ml_metadata": recorded is not None, **asdict(origin)}
        click.echo(json.dumps(content))
        return
    from pipeline.cli.tables import registry as tables

    tables.origins(manifest, origin, target.root)
    if recorded is None:
        click.echo(f"{reason} The lineage above is from the manifest.")


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
    from pipeline.metadata import store as metadata
    from pipeline.registry import index
    from serving.store import publish

    settings = load(settings_file, workspace)
    base = _workspace(settings_file, workspace).model_base
    problems = {
        version: publish.verify_hashes(base / str(version)) for version in publish.versions(base)
    }
    manifests = publish.manifests(base)
    differences, entered = [], list[int]()
    if manifests or metadata.exists(settings):
        store = metadata.open_store(settings)
        if rebuild:
            metadata.claim(store, settings)
            entered = index.rebuild(store, base, manifests)
        differences = index.differences(store, base, manifests)
    if as_json:
        content = {"problems": problems, "ml_metadata": differences, "entered": entered}
        click.echo(json.dumps(content))
    else:
        _report_verification(problems, differences, entered, base)
    if differences or any(problems.values()):
        sys.exit(InfrastructureError.exit_code)


def _report_verification(
    problems: Mapping[int, Sequence[str]],
    differences: Sequence[str],
    entered: Sequence[int],
    base: Path,
) -> None:
    for version, texts in problems.items():
        click.echo(f"{'✗' if texts else '✓'} version {version}")
        for text in texts:
            click.echo(f"    {text}")
    for version in entered:
        click.echo(f"+ version {version} entered into ML Metadata")
    for difference in differences:
        click.echo(f"✗ {difference}")
    if not problems:
        click.echo(f"{base}: no version is published yet.")
    if differences:
        click.echo(f"Next   {program.as_typed('taxiway registry verify --rebuild')}")


def _workspace(settings_file: Path | None, workspace: Path | None) -> Workspace:
    from pipeline.workspace import Workspace

    settings = load(settings_file, workspace)
    return Workspace(settings.workspace, settings.name)


def _find_model(workspace: Workspace, name: str) -> Manifest | RunRecord:
    """Return the model with an id or a run id, or else the record of the run."""
    from pipeline.registry import models
    from pipeline.runs import records

    with as_cli_errors():
        listing = models.list_models(workspace)
    for entry in listing.entries:
        if entry.run_id == name or (len(name) >= _SHORTEST_ID and entry.model_id.startswith(name)):
            document = entry.manifest or entry.record
            assert document is not None, "an entry is a version or comes from a record"
            return document
    # A run may have refused a model that another run had published: then no entry has its id.
    try:
        return records.read(workspace.runs / f"{Path(name).name}.json")
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:
        raise UsageError(f"run {name}: its record cannot be read: {error}.") from error
    raise UsageError(f"{workspace.root}: there is no model or run {name}.", "taxiway registry list")


def _read_manifest(base: Path, version: int) -> Manifest:
    from serving.store import manifest, publish

    versions = publish.versions(base)
    if version not in versions:
        published = ", ".join(map(str, versions)) or "none"
        raise UsageError(
            f"{base}: there is no version {version}; published: {published}.",
            "taxiway registry list",
        )
    with as_cli_errors():
        return manifest.read(base / str(version))


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
